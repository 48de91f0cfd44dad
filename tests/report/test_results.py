"""Results by trade: cost removed pro rata, rounded against the account, and every unit of it in the house's books."""

from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novate import ClearingHouse
from novate.report.results import Result, Results, results, totals

RULES: dict[str, Any] = {
    "numeraire": "USD",
    "form": "clearing_house",
    "collateral": {"USD": 0, "BTC": 0},
    "margin_classes": {"all": [{"above": 0, "initial": "1%", "maintenance": "0.5%"}]},
    "settlement_interval": "8h",
    "call_due": "1h",
    "waterfall": ["defaulter_fund", "gains_haircut"],
    "late_bust": "offset",
}
CONTRACT: dict[str, Any] = {"margin_class": "all", "stale_after": "24h", "price_min": 1, "price_max": 100_000}


def opened() -> ClearingHouse:
    """A house with a linear and an inverse perpetual, an index and a call on it, and three rich traders."""
    house = ClearingHouse()
    house.add_asset("USD", 2, 8, time=1).expect()
    house.add_asset("BTC", 8, 12, price_max=100_000).expect()
    house.adopt_rulebook("rules", **RULES).expect()
    linear = {"settlement": "USD", "tick_size": "0.5", "lot_size": "0.01", "position_limit": 10_000, "fee": "0.01%"}
    house.list_contract("LINEAR", "perpetual", **CONTRACT, **linear).expect()
    inverse = {"settlement": "BTC", "tick_size": "0.5", "lot_size": 100, "position_limit": 1_000_000, "inverse": True}
    house.list_contract("INVERSE", "perpetual", **{**CONTRACT, "price_min": 1000}, **inverse).expect()
    index = {"settlement": "USD", "tick_size": "0.01", "lot_size": 1, "position_limit": 1}
    house.list_contract("SPOT", "index", **CONTRACT, **index).expect()
    call = {"settlement": "USD", "tick_size": "0.1", "lot_size": "0.1", "position_limit": 1000}
    call |= {"underlying": "SPOT", "strike": 40_000, "expiry": 10**15}
    house.list_contract("CALL", "call", **CONTRACT, **call).expect()
    for name in ("a", "b", "c"):
        house.add_member(name).expect()
    house.marks({"LINEAR": 40_000, "INVERSE": 40_000, "SPOT": 40_000, "CALL": 1000, "BTC": 40_000}).expect()
    for name in ("a", "b", "c"):
        house.deposit(name, "USD", 10_000_000).expect()
        house.deposit(name, "BTC", 1000).expect()
    return house


def line(house: ClearingHouse, account: str, contract: str) -> Result:
    return next(row for row in results(house.records()) if (row.account, row.contract) == (account, contract))


def test_average_cost_and_what_is_realised() -> None:
    with opened() as house:
        house.trade("LINEAR", buyer="a", seller="b", lots=100, price=40_000).expect()
        house.trade("LINEAR", buyer="a", seller="b", lots=200, price=40_300).expect()
        bought = line(house, "a", "LINEAR")
        assert (bought.lots, bought.average_entry_price) == (300, Decimal(40200))
        house.trade("LINEAR", buyer="c", seller="a", lots=50, price=41_000).expect()
        house.marks({"LINEAR": 40_100}).expect()
        left = line(house, "a", "LINEAR")
        # 50 lots of 0.01 sold 800 above the average; 250 lots held 100 below it.
        assert left.realised == Decimal(400)
        assert left.unrealised == Decimal(-250)
        assert left.average_entry_price == Decimal(40200)
        # Fees: 0.01 % of 1 x 40,000, 2 x 40,300 and 0.5 x 41,000.
        assert left.fees == Decimal("14.11")
        house.trade("LINEAR", buyer="b", seller="a", lots=300, price=40_100).expect()
        turned = line(house, "a", "LINEAR")
        assert (turned.lots, turned.average_entry_price) == (-50, Decimal(40_100))
        assert (turned.realised, turned.unrealised) == (Decimal(150), Decimal(0))


def test_settlement_leaves_results_as_they_are() -> None:
    with opened() as house:
        house.trade("LINEAR", buyer="a", seller="b", lots=10, price=40_000).expect()
        house.marks({"LINEAR": 40_500}).expect()
        before = line(house, "a", "LINEAR")
        house.clock(8 * 3600 * 10**9).expect()
        assert line(house, "a", "LINEAR") == before
        assert before.unrealised == Decimal(50)


def test_an_inverse_entry_price_is_the_harmonic_mean() -> None:
    with opened() as house:
        house.trade("INVERSE", buyer="a", seller="b", lots=10, price=40_000).expect()
        house.trade("INVERSE", buyer="a", seller="b", lots=10, price=50_000).expect()
        bought, sold = line(house, "a", "INVERSE"), line(house, "b", "INVERSE")
        # 2 / (1/40,000 + 1/50,000) = 44,444.4…, up for the long and down for the short.
        assert bought.average_entry_price == Decimal("44444.4444445")
        assert sold.average_entry_price == Decimal("44444.4444444")
        assert bought.unrealised == -sold.unrealised == Decimal("-0.005")  # 1000 x (1/50,000 - 1/40,000)


def test_funding_is_part_of_the_result_and_not_of_the_entry_price() -> None:
    with opened() as house:
        house.trade("LINEAR", buyer="a", seller="b", lots=100, price=40_000).expect()
        house.funding({"LINEAR": "0.1%"}).expect()
        house.trade("LINEAR", buyer="a", seller="c", lots=100, price=40_000).expect()
        held = line(house, "a", "LINEAR")
        assert held.average_entry_price == Decimal(40_000)
        assert held.unrealised == Decimal(-40)  # on the first 100 lots alone


def test_an_option_costs_its_premium_and_expires_into_its_payoff() -> None:
    with opened() as house:
        house.trade("CALL", buyer="a", seller="b", lots=10, price="900.5").expect()
        assert line(house, "a", "CALL").average_entry_price == Decimal("900.5")
        assert line(house, "a", "CALL").unrealised == Decimal("99.5")
        house.expire("CALL", "40650.25", time=10**15).expect()
        final = line(house, "a", "CALL")
        assert (final.lots, final.unrealised, final.average_entry_price) == (0, 0, None)
        assert final.realised == Decimal("-250.25")  # 650.25 - 900.5 for one unit


PAIRS = st.sampled_from([("a", "b"), ("b", "c"), ("c", "a"), ("b", "a")])
TRADE = st.tuples(
    PAIRS,
    st.sampled_from(["LINEAR", "INVERSE"]),
    st.integers(1, 9),
    st.integers(39_000, 41_000),
)
AFTER = st.tuples(st.sampled_from(["bust", "correct", "give_up", "transfer", "offset"]), st.integers(1, 12), PAIRS)
MOVE = st.tuples(st.sampled_from(["mark", "fund", "settle"]), st.integers(39_000, 41_000))


@settings(max_examples=25)
@given(st.lists(st.one_of(TRADE, TRADE, MOVE, AFTER), max_size=25))
def test_results_are_the_money_of_the_house_to_the_last_unit(steps: list[Any]) -> None:
    hours, made = 0, dict[int, dict[str, Any]]()
    with opened() as house:
        for step in steps:
            if len(step) == 4:
                (buyer, seller), contract, lots, price = step
                number = house.next_number("venue")
                made[number] = {"contract": contract, "buyer": buyer, "seller": seller, "lots": lots, "price": price}
                house.trade(**made[number], source="venue", number=number).expect()
            elif len(step) == 3:
                deal_with(house, made, *step)
            elif step[0] == "mark":
                house.marks({"LINEAR": step[1], "INVERSE": step[1]}).expect()
            elif step[0] == "fund":
                house.funding({"LINEAR": f"0.000{step[1] % 100:02d}", "INVERSE": "-0.0001"}).expect()
            elif hours < 16:
                hours += 8
                house.clock(hours * 3600 * 10**9).expect()
        rows = results(house.records())
        for name in ("a", "b", "c"):
            for balance in house.account(name).balances:
                earned = sum(
                    (Fraction(row.realised + row.unrealised - row.fees) for row in rows
                     if (row.account, row.asset) == (name, balance.asset)),
                    Fraction(0),
                )  # fmt: skip
                paid_in = 10_000_000 if balance.asset == "USD" else 1000
                assert Fraction(balance.settled + balance.carry + balance.unsettled) - paid_in == earned
        for realised, unrealised, _ in totals(rows).values():
            assert realised + unrealised == 0


def deal_with(house: ClearingHouse, made: dict[int, dict[str, Any]], kind: str, at: int, pair: Any) -> None:
    """Something about a trade after it was made; much of it is refused, for the trade may be busted or settled."""
    giver, receiver = pair
    if kind == "transfer":
        house.transfer_position(giver, receiver, "LINEAR", lots=at, cause="same_owner")
        return
    number = at % len(made) if made else 0
    terms = made.get(number, {"contract": "LINEAR", "buyer": "a", "seller": "b", "lots": 1, "price": 40_000})
    match kind:
        case "bust":
            house.bust_trade("venue", number)
        case "correct":
            house.correct_trade("venue", number, **{**terms, "price": terms["price"] + at})
        case "offset":
            house.offset_trade("venue", number, **terms)
        case "give_up":
            account = terms["buyer"] if at % 2 else terms["seller"]
            house.give_up("venue", number, account=account, receiver=receiver, lots=1)
            for asked in house.give_ups():
                house.answer_give_up(asked.give_up, member=asked.receiver, accept=True)


def test_a_take_over_realises_what_was_lost() -> None:
    with ClearingHouse() as house:
        house.add_asset("USD", 2, 8, time=1).expect()
        house.adopt_rulebook("rules", **{**RULES, "collateral": {"USD": 0}, "slippage": "5%"}).expect()
        future = {"settlement": "USD", "tick_size": 1, "lot_size": 1, "position_limit": 1000, "expiry": 10**17}
        house.list_contract("F", "future", **CONTRACT, **future).expect()
        for name, money in (("a", 10_000), ("b", 900_000), ("c", 900_000)):
            house.add_member(name).expect()
            house.deposit(name, "USD", money).expect()
        house.marks({"F": 5000}).expect()
        house.trade("F", buyer="a", seller="b", lots=100, price=5000).expect()
        house.marks({"F": 4800}).expect()
        house.clock(3601 * 10**9).expect()
        (order,) = house.open_orders()
        house.execute(order.number, counterparty="c", price=4700, lots=100).expect()
        rows = {row.account: row for row in results(house.records())}
        assert rows["a"].realised == Decimal(-10_000)  # all it had: taken over at 4900
        assert rows[order.account].realised == Decimal(-20_000)  # from 4900 to 4700
        assert rows["c"].unrealised == Decimal(10_000)
        assert sum(row.realised + row.unrealised for row in rows.values()) == 0


def test_records_are_all_it_takes() -> None:
    folded = Results()
    folded.fold(SimpleNamespace(command=None, facts=()))  # type: ignore[arg-type]
    assert folded.lines() == []
    assert results([]) == []
    with pytest.raises(StopIteration), opened() as house:
        line(house, "a", "LINEAR")
