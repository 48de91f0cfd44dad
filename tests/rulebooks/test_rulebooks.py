"""Every shipped rulebook: dated, sourced, read without a name left over; its equity counts every amount once."""

import itertools
import math
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from novate.files import FileError
from novate.risk.errors import RiskError
from novate.risk.venues.book import Book, Collateral, NotCovered
from novate.risk.venues.requirement import Equity, Part, Risk, answer
from novate.rulebooks import MECHANISMS, in_tiers, load, margin, margin_classes, names, read_book, risk_of
from tests.rulebooks.books import book, future, option, past, perpetual

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "portfolio.toml"
PERPETUALS = {"binance", "hyperliquid", "dydx-v4", "vega"}


def a_book(name: str) -> Book:
    """One that the rulebook can margin, with a result since entry, and options and collateral where it takes them."""
    takes: Any = ("BTC",) if name == "ccp" else load(name).rules.collateral
    collateral = (Collateral(asset="BTC", amount=0.5, price=99_000.0),) if "BTC" in takes else ()
    if name == "cme-span":
        return book(future(1000, 90.0, 30, 88.0, on="CL"), prices={"CL": 91.0}, cash=5000.0)
    if name in PERPETUALS:
        return book(perpetual(-1, 100_000, 98_000), cash=5000.0, open_interest=1e9)
    return book(
        perpetual(-1, 100_000, 98_000, funding=30.0),
        option(2, 105_000, "call", 20, 0.5),
        option(-3, 90_000, "put", 60, 0.6),
        forwards={20: 100_400.0, 60: 101_300.0},
        cash=20_000.0,
        collateral=collateral,
    )


@pytest.mark.parametrize("name", names())
def test_a_rulebook_says_when_and_where_it_is_from(name: str) -> None:
    header = load(name).header
    assert date(2020, 1, 1) < header.date
    assert header.sources
    assert all(source.startswith("https://") for source in header.sources)
    assert header.covers
    assert header.not_covered


def test_what_is_found_in_integers() -> None:
    assert [name for name in names() if load(name).header.evaluation == "exact"] == ["ccp", "dydx-v4"]


def test_what_a_house_adopts() -> None:
    classes = {"binance": "margin classes", "dydx-v4": "margin classes", "hyperliquid": "margin classes"}
    assert {name: load(name).adopted_as for name in names()} == dict.fromkeys(names()) | classes | {"ccp": "risk sheet"}
    assert set(in_tiers()) == set(classes)


@pytest.mark.parametrize("name", sorted(set(names()) - set(in_tiers())))
def test_what_no_tiers_can_say_is_refused_with_the_reason(name: str) -> None:
    reason = "adopts its risk sheet" if name == "ccp" else "tiers are rates of one contract's notional"
    with pytest.raises(RiskError, match=rf"{name}: no margin classes can say .* {reason}"):
        margin_classes(load(name))


def test_every_mechanism_is_shipped() -> None:
    assert {load(name).header.mechanism for name in names()} == set(MECHANISMS)


@pytest.mark.parametrize("name", names())
def test_every_amount_counts_once(name: str) -> None:
    """Equity less requirement is the same whether option value, result and collateral stand in equity or not."""
    rulebook, held = load(name), a_book(name)
    risk = risk_of(held, rulebook, past("BTC"))
    left = margin(held, rulebook, past("BTC"))
    for places in itertools.product(("in", "out"), repeat=3):
        declared = msgspec.convert(dict(zip(Equity.__struct_fields__, places, strict=True)), Equity)
        found = answer(held, declared, risk)
        assert found.equity - found.initial == pytest.approx(left.equity - left.initial)
        assert found.equity - found.maintenance == pytest.approx(left.equity - left.maintenance)
        assert sum(part.initial for part in found.parts) == pytest.approx(found.initial)
        assert sum(part.maintenance for part in found.parts) == pytest.approx(found.maintenance)
        assert sum(amount for _, amount in found.equity_parts) == pytest.approx(found.equity)
        assert {what for what, _ in found.equity_parts[1:]} == {
            what
            for what, place in zip(("value of options", "unrealised result", "collateral"), places, strict=True)
            if place == "in"
        }


@pytest.mark.parametrize("name", sorted(set(names()) - PERPETUALS - {"cme-span"}))
def test_the_result_and_cash_are_one_to_one(name: str) -> None:
    """A dollar of cash, of result and of funding each adds a dollar to what is left."""
    held, rulebook = a_book(name), load(name)
    before = margin(held, rulebook, past("BTC"))
    first: Any = held.positions[0]
    for changed in (
        msgspec.structs.replace(held, cash=held.cash + 1),
        msgspec.structs.replace(
            held, positions=(msgspec.structs.replace(first, entry=first.entry + 1), *held.positions[1:])
        ),
        msgspec.structs.replace(
            held, positions=(msgspec.structs.replace(first, funding=first.funding + 1), *held.positions[1:])
        ),
    ):
        after = margin(changed, rulebook, past("BTC"))
        assert after.equity - after.initial == pytest.approx(before.equity - before.initial + 1)


def test_what_a_venue_does_not_know_is_not_covered() -> None:
    for name, held, words in (
        ("binance", book(future(1, 100_000, 30)), "perpetuals alone"),
        ("deribit-pm", book(perpetual(1, 2.0, on="XRP"), prices={"XRP": 2.0}), "XRP: the rules cover BTC"),
        ("derive-pm2", book(future(1, 100_000, 30)), "perpetuals and options alone"),
        (
            "derive-pm2",
            book(perpetual(1, 100_000), perpetual(1, 3000, on="ETH"), prices={"BTC": 1e5, "ETH": 3e3}),
            "one underlying in an account",
        ),
        (
            "binance",
            book(perpetual(1, 100_000), collateral=(Collateral(asset="BTC", amount=1.0, price=1e5),)),
            "BTC: the rules take no collateral but cash",
        ),
        (
            "derive-pm2",
            book(perpetual(1, 100_000), collateral=(Collateral(asset="ETH", amount=100.0, price=3e3),)),
            "ETH: its haircut is that of a hedge of ETH, and the account is one of BTC",
        ),
        ("derive-srm", book(future(1, 100_000, 30)), "perpetuals and options alone"),
        ("paradex-pm", book(future(1, 100_000, 30)), "perpetuals and options alone"),
    ):
        with pytest.raises(NotCovered, match=words):
            margin(held, load(name))


@pytest.mark.parametrize("name", ["ccp", "cme-span", "derive-pm2", "derive-srm", "paradex-pm"])
def test_twice_the_book_asks_for_twice_as_much(name: str) -> None:
    """Rules without brackets, steps or a dampener are homogeneous."""
    held, rulebook = a_book(name), load(name)
    positions: Any = tuple(msgspec.structs.replace(each, amount=2 * each.amount) for each in held.positions)
    once = margin(msgspec.structs.replace(held, collateral=()), rulebook, past("BTC"))
    twice = margin(msgspec.structs.replace(held, positions=positions, collateral=()), rulebook, past("BTC"))
    assert 0 < once.maintenance <= once.initial
    assert twice.maintenance == pytest.approx(2 * once.maintenance)
    assert twice.initial == pytest.approx(2 * once.initial)


def test_a_perpetual_is_margined_everywhere_but_at_cme() -> None:
    held = book(perpetual(-1, 100_000, 98_000), cash=50_000.0, open_interest=1e9)
    for name in set(names()) - {"cme-span"}:
        found = margin(held, load(name), past("BTC"))
        assert found.equity == 48_000
        assert 0 < found.maintenance <= found.initial <= 20_000


@pytest.mark.parametrize("name", names())
def test_a_book_without_positions_asks_for_nothing(name: str) -> None:
    found = margin(book(cash=7.0), load(name), past("BTC"))
    assert (found.initial, found.maintenance, found.equity, found.parts) == (0, 0, 7, ())


def test_collateral_alone_is_an_account_of_what_it_follows() -> None:
    prices = {"BTC": 1e5, "ETH": 3e3}
    held = book(prices=prices, collateral=(Collateral(asset="ETH", amount=1.0, price=3e3),))
    found = margin(held, load("derive-pm2"))
    # A fall of 18 %, and haircuts of 1.5 % and 0.5 % more initially; maintenance counts 0.8 of the loss.
    assert (found.initial, found.maintenance) == (pytest.approx(3000 * 0.2), pytest.approx(3000 * (0.8 * 0.18 + 0.015)))
    with pytest.raises(NotCovered, match="the account is one of BTC"):
        margin(book(collateral=held.collateral), load("derive-pm2"))


def test_a_rulebook_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = (Path(__file__).resolve().parents[2] / "src/novate/rulebooks/hyperliquid.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("leverage = 40", "leverage = 10"), encoding="utf-8")
    assert margin(book(perpetual(1, 100_000)), load(str(path))).initial == pytest.approx(10_000)
    for change, words in (
        (("mechanism = ", "mechanics = "), "mechanics"),
        (("[parameters.markets]", "[parameters.market]"), "market"),
        (('"brackets"', '"bracket"'), "name one of"),
        (('"calculator"', '"exact"'), r"\$\.evaluation: brackets is evaluated otherwise: write 'calculator'"),
        (("above = 150_000_000", "above = 0"), "begin at 0 and rise"),
        (("leverage = 40", "leverage = '40'"), "Expected `float`"),
        (("leverage = 40", "leverage = 0"), r"Expected `float` >= 1\.0 - at `\$\.markets"),
        (("maintenance = 0.0125", "maintenance = 1.25"), r"Expected `float` <= 1\.0"),
    ):
        path.write_text(text.replace(*change), encoding="utf-8")
        with pytest.raises(FileError, match=words):
            load(str(path))
    with pytest.raises(FileError, match="there is no such rulebook: name one of binance, "):
        load("nowhere")


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("cme-span", ("price_range = 6.0", "price_range = 6.0, vol_range = -0.1"), r">= 0\.0 - at `.*\.vol_range`"),
        ("cme-span", ("weights = [0.270", "weights = [-0.270"), r">= 0\.0 - at `\$\.weights\[0\]`"),
        ("cme-span", ("[0.270, 0.217, 0.110, 0.037]", "[0, 0, 0, 0]"), "weights: all of them are 0: give one above"),
        (
            "cme-span",
            (
                "[parameters.commodities]",
                '[[parameters.pairs]]\nlegs = ["CL", "BZ"]\ndeltas = [1, 0]\nrate = 0.5\n[parameters.commodities]',
            ),
            r"> 0\.0 - at `\$\.pairs\[0\]\.deltas\[1\]`",
        ),
        (
            "binance",
            ("leverage = 100", "leverage = inf"),
            r"\$\.parameters\.markets\.BTC\[1\]\.leverage: got inf: expected a",
        ),
        (
            "derive-pm2",
            ("initial_loss = 1.0", "initial_loss = nan"),
            r"\$\.parameters\.initial_loss: got nan: expected a",
        ),
        ("paradex-pm", ("[3.0, 0.04]", "[inf, 0.04]"), r"\$\.parameters\.grid\.tails\[5\]\[0\]: got inf: expected a"),
        ("vega", ("decimals = 6", "decimals = 1_000"), r"`int` <= 18 - at `\$\.decimals`"),
        ("vega", ("release = 1.7", "release = 1e300"), r"\$\.parameters\.release: got 1e\+300: .* 1e\+18 at most"),
        ("dydx-v4", ("initial_ppm = 20_000", "initial_ppm = -20_000"), r">= 0 - at `.*\.initial_ppm`"),
        ("dydx-v4", ("fraction_ppm = 600_000", "fraction_ppm = -1"), r">= 0 - at `.*\.maintenance_fraction_ppm`"),
        ("dydx-v4", ("fraction_ppm = 600_000", "fraction_ppm = 6_000_000"), "<= 1000000"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused_with_its_path(
    tmp_path: Path, name: str, change: tuple[str, str], words: str
) -> None:
    path = tmp_path / "mine.toml"
    text = (EXAMPLE.parents[1] / "src/novate/rulebooks" / f"{name}.toml").read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(FileError, match=words):
        load(str(path))


def test_a_part_that_is_no_number_is_said() -> None:
    """No shipped mechanism comes to it from figures that a file may have; one would not be taken for a requirement."""
    declared = load("deribit-pm").header.equity
    for amount in (math.inf, math.nan):
        risk = Risk(parts=(Part("BTC: grid", amount, 1.0),), option_value=0.0, measured_from_value=True)
        with pytest.raises(RiskError, match=r"BTC: grid: (inf|nan) and 1.0: correct the figures of the rules"):
            answer(book(), declared, risk)


def test_a_name_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    """Also within the grid, whose parameters are those of the scenarios."""
    path = tmp_path / "mine.toml"
    text = (Path(__file__).resolve().parents[2] / "src/novate/rulebooks/deribit-pm.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("buckets = 9", "buckets = 9\ndamp = 1"), encoding="utf-8")
    with pytest.raises(FileError, match=r"\$\.grid\.damp: unknown"):
        load(str(path))


def test_the_example_is_margined_by_who_knows_options() -> None:
    held = read_book(EXAMPLE)
    for name in ("derive-srm", "derive-pm2", "deribit-standard", "deribit-pm", "paradex-pm"):
        found = margin(held, load(name))
        assert 0 < found.maintenance <= found.initial
        assert found.contributors
    for name in PERPETUALS:
        with pytest.raises(NotCovered, match="perpetuals alone"):
            margin(held, load(name))


def test_the_largest_figures_have_finite_answers() -> None:
    """What is beyond them is refused, so that no sum is infinite or no number at all."""
    for price, amount in itertools.product((1e-18, 1e18), (1e-18, -1e18)):
        held = book(
            perpetual(amount, price, 1e18),
            option(-amount, 1e18, "put", 0.001, 10_000.0),
            option(amount, 1e-18, "call", 3_000, 1e-9),
            prices={"BTC": price},
            forwards={0.001: 1e-18, 3_000: 1e18},
            cash=-1e18,
        )
        for name in ("derive-srm", "derive-pm2", "deribit-standard", "deribit-pm", "paradex-pm"):
            found = margin(held, load(name))
            assert all(math.isfinite(each) for each in (found.initial, found.maintenance, found.equity))
        alone = book(perpetual(amount, price, 1e18), prices={"BTC": price}, cash=1e18, open_interest=1e18)
        for name in sorted(PERPETUALS - {"binance"}):
            assert math.isfinite(margin(alone, load(name)).initial)


def test_the_page_lists_every_rulebook_with_its_mechanism() -> None:
    page = (EXAMPLE.parents[1] / "docs" / "concepts" / "rulebooks-of-venues.md").read_text(encoding="utf-8")
    rows = {cells[1].strip(" `"): cells[3].strip() for line in page.splitlines() if len(cells := line.split("|")) == 8}
    listed = {name: mechanism for name, mechanism in rows.items() if name not in {"name", "------"}}
    assert listed == {name: load(name).header.mechanism for name in names()}
