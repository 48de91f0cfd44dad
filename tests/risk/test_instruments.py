"""What one lot is worth, in floats: the house's own value per lot for every kind of contract, and payoffs at expiry."""

from dataclasses import replace
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novate.core.plain.values import value_per_lot, whole_unit
from novate.core.terms import Contract, Kind
from novate.risk.bachelier import bachelier
from novate.risk.black import black76
from novate.risk.errors import RiskError
from novate.risk.instruments import Instrument, values_per_lot
from tests.core.worlds import rich_contracts, rich_house

HOUSE = rich_house()
TERMS = {terms.symbol: terms for terms in HOUSE.book.registers.contracts}
FUTURES = [symbol for symbol, terms in TERMS.items() if not terms.is_option and terms.kind is not Kind.INDEX]
COIN = 10**12


def instrument(symbol: str, price: float, vol: float = 0.5, **changes: object) -> Instrument:
    """A contract of the rich house."""
    return Instrument(TERMS[symbol], "BTC", None, price, vol, **changes)  # type: ignore[arg-type]


def value(one: Instrument, price: float, vol: float = 0.5, years: float = 0.0) -> float:
    """What one lot is worth at a price."""
    return float(values_per_lot([one], np.array([[price]]), np.array([[vol]]), np.array([years]))[0, 0])


@pytest.mark.parametrize("symbol", FUTURES)
@given(data=st.data())
def test_a_future_is_worth_what_the_house_says(symbol: str, data: st.DataObject) -> None:
    book, terms = HOUSE.book, TERMS[symbol]
    contract = book.contract_index(symbol)
    assert contract is not None
    ticks = data.draw(st.integers(terms.price_min_ticks, terms.price_max_ticks))
    funded = int(book.contracts[contract]["index_fine"])
    fine = value_per_lot(book, contract, ticks) + funded
    ours = value(instrument(symbol, 1.0), float(ticks * terms.tick)) * whole_unit(book, contract)
    assert abs(ours - fine) <= 0.5 + 1e-15 * abs(fine) + 1e-6


def test_every_kind_of_future_was_asked() -> None:
    kinds = {(TERMS[symbol].kind, TERMS[symbol].inverse, TERMS[symbol].capped) for symbol in FUTURES}
    assert kinds == {
        (Kind.FUTURE, False, False),
        (Kind.FUTURE, True, False),
        (Kind.FUTURE, False, True),
        (Kind.PERPETUAL, False, False),
        (Kind.PERPETUAL, True, False),
    }
    assert {terms.symbol for terms in rich_contracts()} == set(TERMS)


@given(st.integers(2_000, 1_000_000))
def test_an_option_at_its_end_is_worth_its_payoff(ticks: int) -> None:
    spot = Fraction(ticks, 2)
    for symbol in ("CALL", "PUT", "COIN-CALL", "COIN-PUT", "STYLED-CALL", "STYLED-PUT"):
        terms = TERMS[symbol]
        strike = Fraction(terms.strike or 0)
        payoff = max(Fraction(0), spot - strike if terms.kind is Kind.CALL else strike - spot)
        worth = Fraction(terms.lot_size) * (payoff / spot if terms.inverse else payoff)
        assert value(instrument(symbol, 50_000.0), float(spot)) == pytest.approx(float(worth), rel=1e-12, abs=1e-15)


def test_options_before_their_end() -> None:
    forward, vol, years = 52_000.0, 0.6, 0.1
    call = instrument("CALL", forward, rate=0.05)
    premium = float(black76(forward, 50_000, vol, years, True))
    assert value(call, forward, vol, years) == pytest.approx(0.001 * premium * np.exp(-0.005), rel=1e-12)
    assert value(instrument("STYLED-CALL", forward, rate=0.05), forward, vol, years) == pytest.approx(0.001 * premium)
    coin = instrument("COIN-CALL", forward, rate=0.05)
    assert value(coin, forward, vol, years) == pytest.approx(0.001 * premium / forward, rel=1e-12)
    put = instrument("CRUDE-CALL", -5.0, 40.0, normal=True)
    assert value(put, -5.0, 40.0, years) == pytest.approx(10 * float(bachelier(-5.0, -10.0, 40.0, years, True)))


@given(st.floats(5_000, 400_000), st.floats(0.05, 3.0), st.floats(0.001, 2.0))
def test_parity_holds_in_the_coin(forward: float, vol: float, years: float) -> None:
    call = instrument("COIN-CALL", 50_000.0)
    put = replace(call, contract=msgspec.structs.replace(call.contract, kind=Kind.PUT))
    difference = value(call, forward, vol, years) - value(put, forward, vol, years)
    assert difference == pytest.approx(0.001 * (1 - 50_000 / forward), rel=1e-9, abs=1e-15)


def test_a_capped_contract_is_worth_nothing_outside_its_limits() -> None:
    binary = instrument("BINARY", 0.4, normal=True)
    assert [value(binary, price) for price in (-1.0, 0.25, 7.0)] == [0.0, 0.25, 1.0]


def test_contracts_and_scenarios_of_every_kind_together() -> None:
    options = ("CALL", "COIN-PUT", "CRUDE-CALL")
    chosen = [instrument(each, 100.0, normal=each.startswith("CRUDE")) for each in ("FUT", "INV", "CRUDE", *options)]
    prices = np.tile(np.linspace(40_000, 60_000, 5), (len(chosen), 1))
    vols, years = np.full(prices.shape, 0.5), np.full(len(chosen), 0.25)
    together = values_per_lot(chosen, prices, vols, years)
    for at, one in enumerate(chosen):
        alone = [value(one, price, 0.5, 0.25) for price in prices[at].tolist()]
        assert together[at].tolist() == pytest.approx(alone, rel=1e-14)


def terms_without(symbol: str, **changes: object) -> Contract:
    return msgspec.structs.replace(TERMS[symbol], **changes)


@pytest.mark.parametrize(
    ("symbol", "price", "vol", "says"),
    [
        ("FUT", -0.5, 0.5, r"FUT, scenario 0: price: got -0.5: neither its terms nor its model allow"),
        ("INV", 0.0, 0.5, r"INV, scenario 0: price: got 0.0: neither its terms"),
        ("CALL", -3.0, 0.5, r"CALL, scenario 0: price: got -3.0: .* make it normal"),
        ("CALL", np.nan, 0.5, r"CALL, scenario 0: price: got nan: give a level"),
        ("CALL", 100.0, -0.1, r"CALL, scenario 0: vol: got -0.1: give a volatility"),
        ("CALL", 100.0, np.nan, r"CALL, scenario 0: vol: got nan"),
    ],
)
def test_what_has_no_value_names_contract_and_scenario(symbol: str, price: float, vol: float, says: str) -> None:
    with pytest.raises(RiskError, match=says):
        value(instrument(symbol, 100.0), price, vol, 0.1)


@pytest.mark.parametrize(
    ("symbol", "changes", "says"),
    [
        ("IDX", {}, "IDX: an index is not traded"),
        ("FUT", {"price": np.nan}, "FUT: price: got nan: give its mark"),
        ("CALL", {"vol": np.nan}, "CALL: vol: got nan: give its implied volatility"),
        ("INV", {"normal": True}, "INV: normal: an inverse contract divides by a price"),
    ],
)
def test_an_instrument_that_cannot_be_is_refused(symbol: str, changes: dict[str, object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        Instrument(
            **{"contract": TERMS[symbol], "index": "BTC", "settlement": None, "price": 1.0, "vol": 0.5} | changes
        )
