"""Whether an account may take lots on after the trade: who it is, its room, its margin."""

from collections.abc import Mapping
from fractions import Fraction

from novate.core.lifecycle_facts import Leg
from novate.core.reasons import Reason
from novate.core.terms import Kind
from novate.sim.auditor import exactness
from novate.sim.auditor.house import House
from novate.sim.auditor.limits import passed
from novate.sim.auditor.numbering import demand
from novate.sim.auditor.rounding import LARGEST, up
from novate.sim.auditor.scenarios import beyond_sheet
from novate.sim.auditor.trades import Pooled, add_leg, bears, borne_in_pool, may_be_named, with_leg
from novate.sim.auditor.worth import has_margin_class, judge, uncovered, weight, without_orders


def tradable(house: House, contract: int, path: str) -> None:
    """A contract that is traded, not over, with a price to judge by."""
    demand(0 <= contract < len(house.instruments), Reason.CONTRACT_UNKNOWN, path)
    of = house.instruments[contract]
    demand(of.terms.kind is not Kind.INDEX, Reason.CONTRACT_NOT_TRADABLE, path)
    demand(of.state != "expired", Reason.CONTRACT_EXPIRED, path)
    demand(of.state == "live", Reason.PRICE_MISSING, path)
    demand(has_margin_class(house, of), Reason.MARGIN_CLASS_UNKNOWN, path)


def named(house: House, account: int, path: str) -> None:
    """A member's or client's account, and not a bucket of one."""
    demand(account in house.buckets, Reason.ACCOUNT_UNKNOWN, path)
    demand(may_be_named(house, account), Reason.ACCOUNT_NOT_TRADABLE, path)


def free(house: House, bucket: int, path: str) -> None:
    """Not in liquidation."""
    demand(house.buckets[bucket].access != "liquidating", Reason.ACCOUNT_IN_LIQUIDATION, path)


def bucket_for(house: House, account: int, contract: int, path: str) -> int:
    """Where such an account holds a contract."""
    named(house, account, path)
    bucket = house.bucket_of(account, contract)
    free(house, bucket, path)
    return bucket


def two(house: House, one: int, other: int, contract: int, paths: tuple[str, str]) -> tuple[int, int]:
    """Where two of them do, that must not be the same."""
    buckets = bucket_for(house, one, contract, paths[0]), bucket_for(house, other, contract, paths[1])
    demand(one != other, Reason.ACCOUNTS_MUST_DIFFER, paths[1])
    return buckets


def margined(house: House, bucket: int, contract: int, lots: int, value: int, path: str, fee: int = 0) -> None:
    """It could make such a trade now; and where it is above its requirement then, the fee leaves it there."""
    before = house.buckets[bucket]
    reason, _ = bears(house, before, contract, lots, value, 0)
    demand(reason is Reason.ACCEPTED, reason, path)
    now = judge(house, with_leg(before, contract, lots, lots * value))
    money = house.monies[house.instruments[contract].asset]
    costs = up(Fraction(max(0, fee) * money.debit[0], money.debit[1]))
    demand(not now.equity - costs < now.initial <= now.equity, Reason.MARGIN_INSUFFICIENT, path)


def both(
    house: House,
    giver: int,
    receiver: int,
    contract: int,
    lots: int,
    value: int,
    paths: tuple[str, str],
    fee: int = 0,
) -> None:
    """Both could make such a trade, by which the receiver gets lots and then pays the fee.

    Within a pool the giver's leg comes first; what lacks between the two lacks nobody, and the fee stays where it is.
    """
    if house.purse_of(giver) != house.purse_of(receiver):
        margined(house, receiver, contract, lots, value, paths[1], fee)
        margined(house, giver, contract, -lots, value, paths[0])
        return
    legs = Pooled(house.buckets[giver], -lots), Pooled(house.buckets[receiver], lots)
    (reason, _), which = borne_in_pool(house, contract, value, 0, legs)
    demand(reason is Reason.ACCEPTED, reason, paths[which])


def shared(house: House, contract: int, legs: Mapping[int, int], path: str) -> None:
    """Legs, lots by bucket, keep every limit that their accounts share with others."""
    reason, _ = passed(house, house.buckets, contract, legs)
    demand(reason is Reason.ACCEPTED, reason, path)


def room(house: House, contract: int, leg: Leg, path: str) -> None:
    """A leg within the position limit (or nearer to it) and within 64 bits (or no further from it).

    What is collateralised stays so, and a portfolio within its risk sheet.
    """
    of, bucket = house.instruments[contract], house.buckets[leg.bucket]
    after = with_leg(bucket, contract, leg.lots, leg.cost_fine)
    held, left = (each.positions[contract].lots if contract in each.positions else 0 for each in (bucket, after))
    demand(abs(left) <= max(of.terms.position_limit_lots, abs(held)), Reason.POSITION_LIMIT_EXCEEDED, path)
    was = weight(house, bucket, of.asset)
    more = weight(house, after, of.asset) - was + abs(leg.carry_fine)
    demand(more <= 0 or was + more <= LARGEST, Reason.EXPOSURE_LIMIT_EXCEEDED, path)
    after.carry_fine[of.asset] += leg.carry_fine
    for then, now in ((bucket, after), (without_orders(bucket), without_orders(after))):
        covered = uncovered(house, now, of.asset) <= max(0, uncovered(house, then, of.asset))
        demand(covered or not (of.terms.collateralised and leg.lots), Reason.COLLATERAL_NOT_COVERED, path)
    beyond = beyond_sheet(house, house.sheet, after) if bucket.portfolio and leg.lots else None
    demand(beyond is None, beyond or Reason.ACCEPTED, path)


def book_leg(house: House, contract: int, leg: Leg) -> None:
    """A leg whose cost and money were agreed in fine units."""
    bucket, asset = house.buckets[leg.bucket], house.instruments[contract].asset
    if leg.lots or leg.cost_fine:
        add_leg(bucket, contract, leg.lots, leg.cost_fine)
        exactness.agreed(house, leg.bucket, contract, leg.cost_fine)
    pay_carry(house, leg.bucket, asset, leg.carry_fine)


def pay_carry(house: House, bucket: int, asset: int, amount_fine: int) -> None:
    """Agreed unsettled money comes to a bucket, or leaves it."""
    house.buckets[bucket].carry_fine[asset] += amount_fine
    house.buckets[bucket].exact[asset] += amount_fine
