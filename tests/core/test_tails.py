"""Buckets worked out together, where legs cancel to a ten-millionth of either."""

import numpy as np
import pytest

from novate.core import commands as c
from novate.core.margin import judge
from novate.core.sheet_terms import ScenarioBlock
from novate.core.terms import MarginMode
from tests.core.sheets import contract_row, small_sheet
from tests.core.twins import compare_judgements
from tests.core.worlds import MILLION, USD, House, coin_house, future, orders, reasons

SCENARIOS = 200
LOTS = 9_973
BLOCK = ScenarioBlock("all", "current", SCENARIOS, "expected_shortfall", 1_000_000, 1, 5, 100)


def spread_house(largest: int) -> House:
    """m0 long a future and short its twin, whose results are the same, with one lot of a third, which decides."""
    random = np.random.default_rng(largest)
    same = random.integers(largest // 2, largest, SCENARIOS) * random.choice([-1, 1], SCENARIOS)
    same[0] = largest
    third = random.integers(-4_000, 4_000, SCENARIOS)
    house = coin_house(form="venue")
    for name in ("TWIN", "THIRD"):
        house.ok(c.ListContract(future(name)))
    house.mark(*((contract, 200) for contract in range(3)))
    rows = zip(("FUT", "TWIN", "THIRD"), (same, same, third), strict=True)
    sheet = small_sheet(*(contract_row(name, row.tolist()) for name, row in rows), blocks=(BLOCK,), unit_fine=1)
    house.ok(c.AdoptRiskSheet(sheet))
    for name in ("m0", "m1"):
        house.deposit(house.account(name), USD, 100 * MILLION)
        house.ok(c.SetMarginMode(house.account(name), MarginMode.PORTFOLIO))
    m0, m1 = house.account("m0"), house.account("m1")
    for contract, lots, sides in ((0, LOTS, (m0, m1)), (1, LOTS, (m1, m0)), (2, 1, (m0, m1))):
        assert not reasons(house.trade(contract, *sides, lots, 200))
    return house


@pytest.mark.parametrize("largest", [2**24, 2**31 - 1, 2**31])
def test_sums_are_exact_whatever_the_sheet_is_packed_as(largest: int) -> None:
    """Two legs come to ten million times as much as all three; half a unit of each lot is for the sheet's rounding."""
    house = spread_house(largest)
    compare_judgements(house.book)
    m0 = house.account("m0")
    assert LOTS < judge(house.book, m0).initial_fine <= LOTS + 4_001
    house.ok(c.ChangeOrders("venue", orders([(house.next(), 7, 0, m0, 1), (house.next(), 5, 1, m0, 0)])))
    compare_judgements(house.book)
