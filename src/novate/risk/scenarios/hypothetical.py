"""Moves that need not have happened: stated outright, and the usual ones of basis, funding and pegs."""

from collections.abc import Iterable, Mapping

import numpy as np

from novate.risk.errors import RiskError
from novate.risk.factors import Factor, Scenarios, move_to


def hypothetical(
    name: str,
    factors: tuple[Factor, ...],
    shocks: Mapping[str, Mapping[str, float]],
    *,
    horizon_days: float = 1.0,
) -> Scenarios:
    """Scenarios by label, each with the shocks of the factors that move in it.

    A shock is a change in parts of the level for a relative factor (-0.3: it loses 30 %, more than -1), and a
    difference for an absolute one. Factors that are not named stay where they are. RiskError names what is unknown.
    """
    column = {factor.name: at for at, factor in enumerate(factors)}
    found = np.zeros((len(shocks), len(factors)))
    for row, (label, changed) in enumerate(shocks.items()):
        for factor_name, shock in changed.items():
            if factor_name not in column:
                raise RiskError(f"{name}, {label}: no factor {factor_name}: expected one of {', '.join(column)}")
            factor = factors[column[factor_name]]
            level = 1.0 if factor.kind == "relative" else 0.0
            found[row, column[factor_name]] = move_to(factor, level, level + shock)
    return Scenarios(name, factors, found, tuple(shocks), horizon_days)


def basis_shocks(symbol: str, tenors_days: Iterable[float], sizes: Iterable[float]) -> Scenarios:
    """All annualised bases of an underlying up and down together, by each size (0.05: five points a year).

    Factors "BTC basis 90d", absolute: the forward moves by the shock x time to expiry.
    """
    tenors = tuple(tenors_days)
    if not all(days > 0 for days in tenors):
        raise RiskError(f"{symbol} basis: tenors of {tenors} days: expected them above zero")
    factors = tuple(Factor(f"{symbol} basis {days:g}d", "absolute") for days in tenors)
    signed = [sign * size for size in sizes for sign in (1, -1)]
    shocks = {f"basis {size:+g}": {factor.name: size for factor in factors} for size in signed}
    return hypothetical(f"{symbol} basis", factors, shocks)


def funding_shocks(symbol: str, sizes: Iterable[float]) -> Scenarios:
    """The funding rate up and down by each size, a fraction per settlement; an absolute factor "BTC funding"."""
    factor = Factor(f"{symbol} funding", "absolute")
    shocks = {f"funding {sign * size:+g}": {factor.name: sign * size} for size in sizes for sign in (1, -1)}
    return hypothetical(f"{symbol} funding", (factor,), shocks)


def depegs(asset: str, price: float, to: Iterable[float]) -> Scenarios:
    """The price of a settlement or collateral asset falls from ``price`` to each of the levels, all above zero.

    A relative factor by the asset's own name: what is settled in it or pledged in it is worth that much less at once.
    """
    factor = Factor(asset)
    if not price > 0:
        raise RiskError(f"{asset}: price {price}: expected one above zero that it falls from")
    return hypothetical(f"{asset} depeg", (factor,), {f"{asset} at {at:g}": {asset: at / price - 1} for at in to})
