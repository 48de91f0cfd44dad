"""In the house: a model's sheet is adopted, margins exactly, comes again from the journal; estimates agree with it."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novate import ClearingHouse
from novate.core import commands as c
from novate.core import risk_sheet
from novate.core.book import Book
from novate.core.facts import RiskSheetAdopted
from novate.core.margin import judge
from novate.core.plain import sheet as plain_sheet
from novate.core.risk_sheet import check_sheet, digest_of, fold_risk_sheet_adopted
from novate.core.sheet_terms import RiskSheet
from novate.core.terms import Kind
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory
from novate.risk.instruments import Instrument
from novate.risk.models.basis import Basis
from novate.risk.models.blocks import Model
from novate.risk.models.challengers import NormalEwma, PlainHistorical, SpanScan
from novate.risk.models.contagion import WrongWay
from novate.risk.models.draft import Collateral, Draft, Markets, draft, quantised
from novate.risk.models.filtered_shortfall import FilteredShortfall
from novate.risk.models.gap import Gap
from novate.risk.models.liquidity import Liquidity
from novate.risk.models.requirement import requirement, rounding_bound
from novate.risk.scenarios.hypothetical import basis_shocks, hypothetical
from novate.risk.sheet import ADD_ON_RATE_MAX
from novate.service.replay import open_whole, replay
from tests.core.worlds import rich_contracts, rich_house
from tests.house.opened import opened
from tests.risk.walks import daily, walk

CENT = 10**6
"""A sheet unit of a cent, in fine units of a dollar."""
SKEW = Factor("BTC skew 30d", "absolute")
ROTATED = hypothetical("skew", (SKEW,), {"skew up": {SKEW.name: 0.3}, "skew down": {SKEW.name: -0.3}})
PLEDGE = Collateral("BTC", lot_minor=10**6, lot_units=0.01, lots_max=10**6)


def history() -> FactorHistory:
    """Two and a half years of a coin, its volatility and skew, and a stock index in ticks of another size."""
    coin, vol, stocks = walk(900, seed=1, sigma=0.03), walk(900, seed=2, sigma=0.05), walk(900, seed=3, sigma=0.01)
    skew = 0.004 * np.log(walk(900, seed=4, sigma=1.0) / 100) - 0.03
    table = np.concatenate([coin * 500, vol / 200, stocks, skew], axis=1)
    factors = Factor("BTC"), Factor("BTC vol 30d"), Factor("INDEX"), SKEW
    return daily(table, *factors, first="1967-07-16")


def model_of(name: str) -> Model:
    """A model with few scenarios, so that the plain evaluation stays quick."""
    many: dict[str, Model] = {
        "default": FilteredShortfall(
            years=0.6, stress_count=100, hypothetical=(basis_shocks("BTC", [90], [0.2]), ROTATED)
        ),
        "every add-on": FilteredShortfall(
            years=0.6,
            stress_count=100,
            gap=Gap(years=0.6),
            wrong_way=(WrongWay("INDEX", 0.9),),
            basis=Basis(beside={"INDEX": "BTC"}),
        ),
        "historical": PlainHistorical(years=0.6),
        "EWMA": NormalEwma(draws=300),
        "SPAN": SpanScan(),
    }
    return many[name]


@lru_cache
def rich(name: str) -> tuple[Book, Draft]:
    """The rich house under a model's sheet: futures, perpetuals, options, in dollars and the coin, and the coin."""
    house = rich_house()
    now = {"BTC": 50_000.0, "BTC vol 30d": 0.6, "INDEX": 100.0, "BTC basis 90d": 0.0, "BTC skew 30d": -0.03}
    instruments = []
    for terms in rich_contracts():
        if terms.kind is Kind.INDEX or terms.collateralised or terms.capped or terms.settlement == "EUR":
            continue
        if "CRUDE" in terms.symbol:
            instruments.append(Instrument(terms, "INDEX", None, 101.0, 20.0, normal=True))
        else:
            settlement = "BTC" if terms.settlement == "BTC" else None
            instruments.append(Instrument(terms, "BTC", settlement, 50_500.0, 0.6))
    markets = Markets({"BTC": "coins"}, {"FUT": Liquidity(0.5, 300.0), "BTC": Liquidity(0.1, 5_000.0)})
    if name in ("every add-on", "SPAN"):
        markets = replace(markets, short_options={"BTC": 250.0, "INDEX": 1.5})
    made = draft(model_of(name), instruments, history(), now, 0, collateral=[PLEDGE], markets=markets)
    sheet = quantised(made, name=name, numeraire="USD", unit_fine=CENT, fine_decimals=8)
    assert list(check_sheet(house.book, sheet)) == []
    fold_risk_sheet_adopted(house.book, RiskSheetAdopted(sheet, digest_of(sheet)))
    return house.book, made


MODELS = ("default", "every add-on", "historical", "EWMA", "SPAN")
SYMBOLS = tuple(row.symbol for row in rich("SPAN")[1].rows if row.collateral is None)
POSITIONS = st.dictionaries(st.sampled_from(SYMBOLS), st.integers(-50_000, 50_000) | st.integers(-3, 3), max_size=6)


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=40)
@given(lots=POSITIONS, pledged=st.integers(0, 50_000))
def test_the_house_asks_for_the_estimate_and_no_more_than_rounding_beyond_it(
    name: str, lots: dict[str, int], pledged: int
) -> None:
    book, made = rich(name)
    reaches = {book.registers.symbols[symbol]: (size, size) for symbol, size in lots.items()}
    balances = [0, pledged * PLEDGE.lot_minor, 0]
    exact = Fraction(plain_sheet.requirement(book, reaches, balances), 10**8)
    held = {**lots, "BTC": pledged}
    estimate = requirement(made, held).initial
    noise = 1e-9 * (1 + estimate)
    bound = rounding_bound(made, held, Fraction(CENT, 10**8))
    assert -noise <= float(exact) - estimate <= bound + noise
    assert bound <= 0.01 * (sum(map(abs, held.values())) * 1.000001 + 40)


def coin_draft(model: Model, price: float, time_ns: int) -> Draft:
    """The perpetual of the small house of ``opened``, a coin of the same moves."""
    with opened() as house:
        terms = house.read(lambda book: book.registers.contracts[0])
    table = walk(900, seed=5, sigma=0.03) * price / 100
    first = np.datetime64(time_ns, "ns").astype("datetime64[D]") - 900  # the close of yesterday is the last
    known = daily(table, Factor("BTC"), first=str(first))
    market = Markets({}, {"BTC-PERP": Liquidity(0.01, 200.0)})
    return draft(model, [Instrument(terms, "BTC", None, price)], known, {"BTC": price}, time_ns, markets=market)


def initial_of(house: ClearingHouse, account: str) -> Decimal:
    """What an account is asked for, every place of it."""
    asked = house.account(account).initial
    assert asked is not None
    return asked


def sheet_of(made: Draft) -> RiskSheet:
    return quantised(made, name=made.name, numeraire="USD", unit_fine=CENT, fine_decimals=8)


@pytest.mark.parametrize(
    "model", [FilteredShortfall(), PlainHistorical(), NormalEwma(), SpanScan()], ids=lambda m: m.name
)
def test_a_house_adopts_a_models_sheet_margins_by_it_and_its_journal_says_the_same(
    model: Model, tmp_path: Path
) -> None:
    with opened(tmp_path / "journal") as house:
        made = coin_draft(model, 50_000.0, house.time_ns)
        sheet = sheet_of(made)
        house.apply(c.AdoptRiskSheet(sheet)).expect()
        for account in ("alice", "bob"):
            house.set_margin_mode(account, "portfolio").expect()
        house.trade("BTC-PERP", buyer="alice", seller="bob", quantity="0.080", price=50_000).expect()
        for account, lots in (("alice", 80), ("bob", -80)):
            held, asked = {"BTC-PERP": lots}, float(initial_of(house, account))
            estimate = requirement(made, held)
            assert 0 <= asked - estimate.initial + 1e-6 <= rounding_bound(made, held, Fraction(1, 100)) + 2e-6
            assert float(house.account(account).maintenance or 0) == pytest.approx(0.8 * asked, abs=0.01)
        asked_of = {name: initial_of(house, name) for name in ("alice", "bob")}
        digest, seq = house.digest(), house.seq
    with open_whole(tmp_path / "journal") as reader:
        assert reader.last_seq == seq
    book = replay(tmp_path / "journal", seq)
    assert book.digest().hex() == digest
    assert book.registers.sheet == sheet
    for name, asked in asked_of.items():
        account = book.registers.names[name]
        lots = {0: (80, 80) if name == "alice" else (-80, -80)}
        assert judge(book, account).initial_fine == plain_sheet.requirement(book, lots, [100_000])
        assert Fraction(judge(book, account).initial_fine, 10**8) == Fraction(asked)


def test_a_requirement_follows_from_the_sheet_and_not_from_the_mark() -> None:
    with opened() as house:
        made = coin_draft(FilteredShortfall(), 50_000.0, house.time_ns)
        house.apply(c.AdoptRiskSheet(sheet_of(made))).expect()
        house.set_margin_mode("alice", "portfolio").expect()
        house.trade("BTC-PERP", buyer="alice", seller="bob", quantity="0.010", price=50_000).expect()
        before = initial_of(house, "alice")
        house.marks({"BTC-PERP": 51_000}).expect()
        assert initial_of(house, "alice") == before
        house.apply(c.AdoptRiskSheet(sheet_of(coin_draft(FilteredShortfall(), 51_000.0, house.time_ns)))).expect()
        # What a lot loses grows with its price; the half spread, the impact and the rounding hardly do.
        assert float(initial_of(house, "alice")) == pytest.approx(1.02 * float(before), rel=0.005)


def test_a_sheet_that_would_not_be_exact_is_not_made() -> None:
    with opened() as house:
        made = coin_draft(PlainHistorical(), 50_000.0, house.time_ns)
    # Rates of a sheet end at 2^40 ppm of a unit a lot, in units of a millionth of a cent at about a cent.
    assert ADD_ON_RATE_MAX == risk_sheet.ADD_ON_RATE_MAX
    with pytest.raises(RiskError, match=r"BTC-PERP: add-ons of a lot reach beyond 0\.0109951: use smaller lots or a"):
        quantised(made, name="too fine", numeraire="USD", unit_fine=1, fine_decimals=8)
    with pytest.raises(RiskError, match=r"BTC-PERP: results\[\d+\]: .* use a larger unit"):
        quantised(made, name="too fine", numeraire="USD", unit_fine=1, fine_decimals=20)
