"""Breaches and defaults; slices and their fills; the take-over of a bucket as one package."""

from collections import deque
from collections.abc import Iterable

from novate.core.commands import ExecuteLiquidation
from novate.core.facts import (
    Breached,
    Fact,
    LiquidationEnded,
    LiquidationExecuted,
    LiquidationOrdered,
    MemberDefaulted,
    OrderClosed,
    SourceAdvanced,
    TakenOver,
)
from novate.core.liquidation_facts import CollateralMoved
from novate.core.reasons import Reason
from novate.core.rows import LEG
from novate.core.terms import Role
from novate.sim.auditor import exactness
from novate.sim.auditor.cash import hand_over
from novate.sim.auditor.estates import reopen
from novate.sim.auditor.house import Case, Disagreement, House, Slice
from novate.sim.auditor.levels import release
from novate.sim.auditor.limits import passed
from novate.sim.auditor.numbering import packed, rejected, unpacked
from novate.sim.auditor.rounding import part_down, part_up, shares
from novate.sim.auditor.slices import cures, demand_looked_for, frees
from novate.sim.auditor.trades import add_leg, bears, may_be_named
from novate.sim.auditor.worth import judge, lot_value, requirement


def orders_over(house: House) -> list[Fact]:
    """Orders whose time is over or whose contract is."""
    return [
        OrderClosed(number, "expired")
        for number, order in house.orders.items()
        if order.expiry_ns <= house.now_ns or order.open_lots == 0
    ]


# ---- slices ---------------------------------------------------------------------------------------------------------


class Choices:
    """The slices that the core chose, by bucket: the auditor checks each against the rule and takes its size."""

    def __init__(self, answer: Iterable[Fact]) -> None:
        self.chosen: dict[int, deque[LiquidationOrdered]] = {}
        for fact in answer:
            if isinstance(fact, LiquidationOrdered):
                self.chosen.setdefault(fact.bucket, deque()).append(fact)

    def next_for(self, bucket: int) -> LiquidationOrdered:
        """The next slice of a bucket."""
        if not self.chosen.get(bucket):
            raise Disagreement("slices", f"bucket {bucket} must be sold down and nothing was ordered")
        return self.chosen[bucket].popleft()

    def next_step(self, house: House, estate: int) -> list[Fact]:
        """What comes next for a bucket in liquidation: its end, a slice, the take-over, or waiting."""
        case = house.cases[estate]
        if case.order >= 0:
            return []
        if case.account >= 0:
            return self.slice_of(house, case.account, enough=False)
        bucket = house.buckets[estate]
        verdict = judge(house, bucket)
        holds = any(held.lots for one in bucket.together for held in one.positions.values())
        if case.to_the_end and holds and verdict.equity > 0:
            return self.slice_of(house, estate, enough=False)
        if verdict.equity >= (release(house, verdict) if holds else 0):
            return [] if estate in house.claims else [LiquidationEnded(estate)]
        if not holds:
            return []
        if verdict.equity <= 0 or case.slices >= house.rules.slices_max:
            return [take_over(house, estate)]
        return self.slice_of(house, estate, enough=True)

    def slice_of(self, house: House, index: int, *, enough: bool) -> list[Fact]:
        """A slice of the live position that frees most; its size is the core's choice within the rule."""
        live = [
            (contract, at)
            for at in house.in_purse(index)
            for contract, held in house.buckets[at].positions.items()
            if held.lots and house.instruments[contract].state == "live" and contract not in house.halts
        ]
        if not live:
            return []
        contract, index = min(live, key=lambda of: (-frees(house, house.buckets[of[1]], of[0]), of))
        bucket, chosen = house.buckets[index], self.next_for(index)
        held, of = bucket.positions[contract].lots, house.instruments[contract]
        side = -1 if held > 0 else 1
        floor = of.terms.price_max_ticks - of.terms.price_min_ticks
        floor = floor if of.terms.collateralised else of.terms.margin_floor_ticks
        slip = part_down(max(abs(of.price_ticks), floor), house.rules.slippage_ppm)
        limit = min(of.terms.price_max_ticks, max(of.terms.price_min_ticks, of.price_ticks + side * slip))
        most = part_up(abs(held), house.rules.slice_ppm)
        if chosen.contract != contract or chosen.limit_price_ticks != limit or chosen.lots * side <= 0:
            raise Disagreement("slices", f"{chosen} is not a slice of contract {contract} at {limit}")
        lots = abs(chosen.lots)
        if lots > most or (not enough and lots != most):
            raise Disagreement("slices", f"{chosen} is for more or less than the {most} lots that a slice may have")
        if enough and bucket.portfolio:
            demand_looked_for(house, bucket, chosen, most)
        elif enough and lots < most and not cures(house, bucket, contract, side * lots, limit):
            raise Disagreement("slices", f"{chosen} is not enough to bring equity back to the release level")
        elif enough and lots > 1 and cures(house, bucket, contract, side * (lots - 1), limit):
            raise Disagreement("slices", f"{chosen} is more than it takes to bring equity back to the release level")
        expiry = house.now_ns + house.rules.slice_expiry_ns
        return [LiquidationOrdered(-1, index, contract, side * lots, limit, expiry)]

    def check_all_taken(self) -> None:
        """No slice was ordered without need."""
        for left in self.chosen.values():
            if left:
                raise Disagreement("slices", f"{left[0]} was not called for")


# ---- fills ----------------------------------------------------------------------------------------------------------


def decide_execution(house: House, command: ExecuteLiquidation) -> list[Fact]:
    """A fill of an open order at its limit or better, against somebody who can bear the other side."""
    if command.number <= house.sources.get(command.source, -1):
        return [rejected(Reason.DUPLICATE_OR_LATE, "$.number")]
    advanced = SourceAdvanced(command.source, command.number)
    wrong = _wrong_with(house, command)
    if wrong:
        return [rejected(*wrong), advanced]
    order = house.orders[command.order]
    side = 1 if order.lots > 0 else -1
    value = lot_value(house, house.instruments[order.contract], command.price_ticks)
    counterparty = house.bucket_of(command.counterparty, order.contract)
    reason, _ = bears(house, house.buckets[counterparty], order.contract, -side * command.lots, value, 0)
    if reason is not Reason.ACCEPTED:
        return [rejected(reason, "$.counterparty"), advanced]
    reason, _ = passed(
        house, house.buckets, order.contract, {order.bucket: side * command.lots, counterparty: -side * command.lots}
    )
    if reason is not Reason.ACCEPTED:
        return [rejected(reason, "$.counterparty"), advanced]
    facts: list[Fact] = [LiquidationExecuted(command.order, counterparty, side * command.lots, value), advanced]
    return facts + ([OrderClosed(command.order, "filled")] if command.lots == abs(order.open_lots) else [])


def _wrong_with(house: House, command: ExecuteLiquidation) -> tuple[Reason, str] | None:
    """Everything about a fill that does not need margin, in order of precedence."""
    order = house.orders.get(command.order)
    if order is None:
        past = 0 <= command.order < house.next_order
        return (Reason.ORDER_NOT_OPEN if past else Reason.ORDER_UNKNOWN), "$.order"
    if command.counterparty not in house.buckets:
        return Reason.ACCOUNT_UNKNOWN, "$.counterparty"
    own = house.purse_of(order.bucket), house.owner_of(house.estate_of(order.bucket))
    if house.purse_of(command.counterparty) in own:
        return Reason.ACCOUNTS_MUST_DIFFER, "$.counterparty"
    if not may_be_named(house, command.counterparty):
        return Reason.ACCOUNT_NOT_TRADABLE, "$.counterparty"
    if house.buckets[house.bucket_of(command.counterparty, order.contract)].access == "liquidating":
        return Reason.ACCOUNT_IN_LIQUIDATION, "$.counterparty"
    if command.lots <= 0:
        return Reason.QUANTITY_MUST_BE_POSITIVE, "$.lots"
    if command.lots > abs(order.open_lots):
        return Reason.EXECUTION_EXCEEDS_ORDER, "$.lots"
    of = house.instruments[order.contract]
    if not of.terms.price_min_ticks <= command.price_ticks <= of.terms.price_max_ticks:
        return Reason.PRICE_OUT_OF_LIMITS, "$.price"
    worse = command.price_ticks > order.limit_ticks if order.lots > 0 else command.price_ticks < order.limit_ticks
    if worse:
        return Reason.PRICE_WORSE_THAN_LIMIT, "$.price"
    return None if of.state == "live" else (Reason.PRICE_MISSING, "$.order")


# ---- take-over ------------------------------------------------------------------------------------------------------


def take_over(house: House, estate: int) -> TakenOver:
    """The whole bucket at the costs that leave it exactly nothing.

    In an asset with open lots each position moves at its value at the mark less its share of all that the bucket is
    worth in that asset, by maintenance requirement; elsewhere money and unsettled results move as they are. Positions
    of sub-accounts move each on its own.
    """
    bucket = house.buckets[estate]
    rows: list[tuple[int, ...]] = []
    collateral: list[CollateralMoved] = []
    for asset, money in enumerate(house.monies):
        cash, carry = bucket.balance_minor[asset], bucket.carry_fine[asset]
        own = [
            (contract, held, giver)
            for giver in house.in_purse(estate)
            for contract, held in sorted(house.buckets[giver].positions.items(), key=lambda held: held[0])
            if house.instruments[contract].asset == asset
        ]
        open_ones = [(contract, held.lots, giver) for contract, held, giver in own if held.lots]
        if not open_ones:
            rows += [(0, held.cost_fine, contract, giver) for contract, held, giver in own]
            collateral += [CollateralMoved(asset, cash, carry)] if cash or carry else []
            continue
        marks = [lots * house.instruments[contract].value_fine for contract, lots, _ in open_ones]
        if cash < 0:  # a debt moves as it is, and is no part of what the positions cost
            collateral.append(CollateralMoved(asset, cash, 0))
            cash = 0
        worth = cash * money.unit + carry + sum(marks) - sum(held.cost_fine for _, held, _ in own)
        if bucket.portfolio:  # a hedge has no part of what the others lose
            weights = [max(0, frees(house, bucket, contract)) for contract, _, _ in open_ones]
        else:
            weights = [requirement(house, contract, lots)[1] for contract, lots, _ in open_ones]
        weights = weights if any(weights) else [abs(lots) for _, lots, _ in open_ones]
        for (contract, lots, giver), mark, share in zip(open_ones, marks, shares(worth, weights), strict=True):
            rows.append((lots, mark - share, contract, giver))
    return TakenOver(estate, packed(rows, LEG), tuple(collateral))


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_breached(house: House, fact: Breached) -> None:
    """The bucket does nothing for itself any more; its orders are gone."""
    house.calls.pop(fact.bucket, None)
    house.reliefs.pop(fact.bucket, None)
    house.cases[fact.bucket] = Case(to_the_end=fact.cause == "not_ported")
    house.buckets[fact.bucket].let("liquidating")
    for one in house.buckets[fact.bucket].together:
        one.orders.clear()


def apply_member_defaulted(house: House, fact: MemberDefaulted) -> None:
    """Its house account is the house's to close; what is open behind it may only reduce, and has no orders now."""
    member = house.members[fact.member]
    member.defaulted = True
    house.calls.pop(member.house, None)
    house.reliefs.pop(member.house, None)
    house.cases[member.house] = Case()
    for bucket in house.buckets.values():
        if bucket.member == fact.member:
            bucket.orders.clear()
            bucket.access = "reduce_only" if bucket.access in ("open", "restricted") else bucket.access
    house.buckets[member.house].access = "house_only"


def apply_taken_over(house: House, fact: TakenOver) -> None:
    """A liquidation account with the next index has the package."""
    account = house.open_bucket(f"liquidation:{len(house.buckets)}", Role.LIQUIDATION, -1)
    house.origins[account] = fact.bucket
    house.cases[fact.bucket].account = account
    for lots, cost, contract, giver in unpacked(fact.rows, LEG):
        for index, sign in ((giver, -1), (account, 1)):
            add_leg(house.buckets[index], contract, sign * lots, sign * cost)
            exactness.agreed(house, index, contract, sign * cost)
    for moved in fact.collateral:
        hand_over(house, fact.bucket, account, moved.asset, moved.amount_minor, moved.carry_fine)


def apply_liquidation_ordered(house: House, fact: LiquidationOrdered) -> None:
    """An order with the next number is in the market."""
    number, house.next_order = house.next_order, house.next_order + 1
    house.orders[number] = Slice(
        fact.bucket, fact.contract, fact.lots, fact.lots, fact.limit_price_ticks, fact.expiry_ns
    )
    case = house.cases[house.estate_of(fact.bucket)]
    case.order = number
    case.slices += 1


def apply_liquidation_executed(house: House, fact: LiquidationExecuted) -> None:
    """Both legs of a fill; the price of the command is for the exact account."""
    order = house.orders[fact.order]
    order.open_lots -= fact.lots
    for index, lots in ((order.bucket, fact.lots), (fact.counterparty, -fact.lots)):
        add_leg(house.buckets[index], order.contract, lots, lots * fact.value_fine)
        exactness.traded(house, index, order.contract, lots, house.command.price_ticks)


def apply_order_closed(house: House, fact: OrderClosed) -> None:
    """An order is over."""
    order = house.orders.pop(fact.order)
    house.cases[house.estate_of(order.bucket)].order = -1


def apply_liquidation_ended(house: House, fact: LiquidationEnded) -> None:
    """The bucket acts for itself again."""
    del house.cases[fact.bucket]
    reopen(house, fact.bucket)
