"""Risk sheets for the tests: small ones written by hand, adversarial ones generated, and ones from real returns."""

from collections.abc import Sequence

import hypothesis.strategies as st
import numpy as np

from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from tests.core.worlds import rich_contracts

SYMBOLS = [terms.symbol for terms in rich_contracts()[1:] if not terms.collateralised]
WORST = ScenarioBlock("current", "current", 3, "worst", 1_000_000)


def results(values: Sequence[int]) -> bytes:
    """A row's results as a sheet holds them."""
    return np.array(values, "<i8").tobytes()


def contract_row(
    symbol: str, values: Sequence[int], netting_set: str = "all", *add_ons: tuple[int, int]
) -> ContractRow:
    return ContractRow(symbol, netting_set, results(values), tuple(AddOn(*piece) for piece in add_ons))


def small_sheet(*rows: ContractRow, **changes: object) -> RiskSheet:
    """Three scenarios, their worst; one unit is a cent; maintenance is half of initial."""
    terms: dict[str, object] = {
        "name": "three",
        "numeraire": "USD",
        "unit_fine": 10**6,
        "blocks": (WORST,),
        "contracts": rows or (contract_row("FUT", [-500, 200, 800]),),
        "maintenance_ppm": 500_000,
        **changes,
    }
    return RiskSheet(**terms)  # type: ignore[arg-type]


@st.composite
def blocks(draw: st.DrawFn) -> tuple[ScenarioBlock, ...]:
    """Up to four blocks of every measure, weighted to 100 % but for floors."""
    out = []
    shares = draw(st.sampled_from([(1_000_000,), (750_000, 250_000), (333_333, 333_333, 333_334), (1, 999_999)]))
    floors = draw(st.lists(st.sampled_from([1, 500_001, 1_000_000]), max_size=1))
    for at, weight in enumerate((*shares, *floors)):
        part = "floor" if at >= len(shares) else draw(st.sampled_from(["current", "stressed"]))
        count = draw(st.integers(1, 9) | st.just(70))
        measure = draw(st.sampled_from(["worst", "kth_worst", "expected_shortfall"]))
        denominator = draw(st.integers(1, 7) | st.just(1_000_000))
        least = -(-denominator // count)
        numerator = draw(st.integers(least, max(least, denominator)))
        rank = draw(st.integers(1, count))
        out.append(ScenarioBlock(f"b{at}", part, count, measure, weight, rank, numerator, denominator))  # type: ignore[arg-type]
    return tuple(out)


@st.composite
def sheets(draw: st.DrawFn, symbols: Sequence[str] = SYMBOLS, *, large: bool = True) -> RiskSheet:
    """Any sheet that the rich house adopts: results of every size, ties and signs, add-ons, several netting sets."""
    parts = draw(blocks())
    count = sum(block.scenarios for block in parts)
    sets = draw(st.integers(1, 3))
    sizes = [0, 1, 3, 1_000, 10**6] + ([2**31, 2**52 - 1] if large else [])

    def row() -> dict[str, object]:
        size, seed = draw(st.sampled_from(sizes)), draw(st.integers(0, 10**6))
        values = np.random.default_rng(seed).integers(-size, size, count, endpoint=True)
        pieces: list[tuple[int, int]] = draw(
            st.sampled_from([[], [(0, 0), (10, 1_500_000)], [(0, 333_333), (7, 1_000_001), (100, 5)], [(0, 2**30)]])
        )
        netting_set = f"set {draw(st.integers(0, sets - 1))}"
        return {"netting_set": netting_set, "results": results(values.tolist()), "add_ons": tuple(map_add_ons(pieces))}

    contracts = tuple(ContractRow(symbol=symbol, **row()) for symbol in symbols)  # type: ignore[arg-type]
    collateral = []
    for symbol, unit in (("BTC", 10**7), ("EUR", 10**6)):
        if draw(st.booleans()):
            lot, most = draw(st.sampled_from([1, 7, unit, 100 * unit])), draw(st.sampled_from([1, 5, 10**4]))
            terms = row()
            values = np.frombuffer(terms["results"], "<i8") % 10**9  # type: ignore[arg-type]
            terms["results"] = results((values - 5 * 10**8).tolist())
            collateral.append(CollateralRow(symbol=symbol, lot_minor=lot, lots_max=most, **terms))  # type: ignore[arg-type]
    return RiskSheet(
        "generated", "USD", draw(st.sampled_from([1, 100, 10**6, 10**9, 2**61])), parts, contracts, tuple(collateral),
        draw(st.sampled_from([0, 1, 800_000, 1_000_000])), draw(st.sampled_from([0, 1, 800_000, 1_000_000])),
    )  # fmt: skip


def map_add_ons(pieces: Sequence[tuple[int, int]]) -> list[AddOn]:
    return [AddOn(floor, rate) for floor, rate in pieces]
