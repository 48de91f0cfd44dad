"""What one lot is worth and asks for inside the first bracket: the cache that sums of many positions read."""

from numba import njit

from novate.core.kernels.borrowing import borrowing
from novate.core.layout import LIVE, TIERED
from novate.core.money import PPM

BRACKET_LOTS_MAX = 2**40


@borrowing
def set_lot(at, contracts, tiers, lot_terms):
    """Work out afresh what one lot of a contract is worth and asks for inside the first bracket."""
    contract = contracts[at]
    lot = lot_terms[at]
    lot.value_fine = contract.value_fine
    lot.asset = contract.asset
    lot.bracket_lots = -1
    if contract.style != TIERED or contract.state != LIVE or contract.tier_count == 0:
        return
    first = tiers[contract.tier_start]
    initial = (contract.reference_fine % PPM) * first.initial_ppm
    maintenance = (contract.reference_fine % PPM) * first.maintenance_ppm
    lot.initial_whole_fine = (contract.reference_fine // PPM) * first.initial_ppm + initial // PPM
    lot.maintenance_whole_fine = (contract.reference_fine // PPM) * first.maintenance_ppm + maintenance // PPM
    lot.initial_rest_ppm = initial % PPM
    lot.maintenance_rest_ppm = maintenance % PPM
    lot.bracket_lots = BRACKET_LOTS_MAX
    if contract.tier_count > 1 and contract.reference_fine > 0:
        within = tiers[contract.tier_start + 1].floor_fine // contract.reference_fine
        lot.bracket_lots = min(BRACKET_LOTS_MAX, within)


@njit(cache=True)
def set_lots(count, tables):
    """Work out every contract's lot afresh."""
    for at in range(count):
        set_lot(at, tables.contracts, tables.tiers, tables.lot_terms)
