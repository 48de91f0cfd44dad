"""From breach to flat: slices worked in the market, take-over at the bankruptcy price, and the closing of an estate."""

from typing import NamedTuple

import numpy as np

from novate.core import layout
from novate.core.admission import open_account
from novate.core.book import Book
from novate.core.commands import ExecuteLiquidation
from novate.core.facts import (
    Breached,
    Fact,
    LiquidationEnded,
    LiquidationExecuted,
    LiquidationOrdered,
    MemberDefaulted,
    OrderClosed,
    Rejected,
    SourceAdvanced,
    TakenOver,
)
from novate.core.kernels.arithmetic import value_at
from novate.core.kernels.fills import judge_side, judge_two
from novate.core.ledger import move_carry, post
from novate.core.levels import sound_from
from novate.core.limits import check_legs
from novate.core.liquidation_facts import CollateralMoved
from novate.core.margin import judge, position_requirement
from novate.core.money import PPM, ceil_div, charge, split_pro_rata
from novate.core.novation import move_leg
from novate.core.orders import drop_orders
from novate.core.portfolio import freed_by, is_portfolio
from novate.core.reasons import Reason
from novate.core.registers import Liquidation, Order
from novate.core.rows import LEG
from novate.core.stretches import first, lowest, sizes, stretches
from novate.core.terms import Role
from novate.core.waterfall import estate_of

STEPS = 64  # how finely a slice of a portfolio bucket is searched for


class Held(NamedTuple):
    """A position of a bucket in liquidation."""

    contract: int
    lots: int
    cost_fine: int
    bucket: int


def held_in(book: Book, purse: int) -> list[Held]:
    """All positions that are judged with a purse; rows of nothing are left out."""
    return [Held(*row, bucket) for bucket in book.in_purse(purse) for row in book.positions_of(bucket)]


# ---- the state chart ------------------------------------------------------------------------------------------------


def next_step(book: Book, estate: int) -> list[Fact]:
    """What comes next for a bucket in liquidation that has no order open."""
    liquidation = book.registers.liquidations[estate]
    if liquidation.order >= 0:
        return []
    holder = liquidation.account if liquidation.account >= 0 else estate
    held = [row for row in held_in(book, holder) if row.lots]
    if liquidation.account >= 0:
        return order_slice(book, held, enough=False) if held else []
    verdict = judge(book, estate)
    if liquidation.close_out and held and verdict.equity_fine > 0:
        return order_slice(book, held, enough=False)
    if verdict.equity_fine >= (sound_from(book, verdict) if held else 0):
        # What others paid for it is collected at the next settlement; until then it may do nothing.
        return [] if estate in book.registers.claims else [LiquidationEnded(estate)]
    if not held:  # what it lacks is collected at the next settlement
        return []
    if verdict.equity_fine <= 0 or liquidation.slices >= book.rulebook.slices_max:
        return [take_over(book, estate)]
    return order_slice(book, held, enough=True)


def order_slice(book: Book, held: list[Held], *, enough: bool) -> list[Fact]:
    """Order part of the live position with the largest maintenance requirement; nothing where none has a price.

    Nothing is ordered in a contract that the operator has halted. ``enough`` asks for just the lots which, closed at
    the limit, bring equity back to the release level (by default the initial requirement); either
    way a slice is at most ``slice_ppm`` of the position, rounded up to a lot.
    """
    live = [
        row
        for row in held
        if book.contracts[row.contract]["state"] == layout.LIVE and not book.contracts[row.contract]["halted"]
    ]
    if not live:
        return []
    largest = min(live, key=lambda row: (-weight_of(book, row), row.contract, row.bucket))
    side = -1 if largest.lots > 0 else 1
    limit = limit_price(book, largest.contract, side)
    lots = ceil_div(abs(largest.lots) * book.rulebook.slice_ppm, PPM)
    if enough:
        lots = min(lots, enough_lots(book, largest, limit))
    expiry = book.registers.time_ns + book.rulebook.slice_expiry_ns
    order = book.registers.next_order
    return [LiquidationOrdered(order, largest.bucket, largest.contract, side * lots, limit, expiry)]


def weight_of(book: Book, row: Held) -> int:
    """Maintenance requirement in the numeraire: what closing the position would free, negative for a hedge."""
    if is_portfolio(book, row.bucket):
        return freed_by(book, row.bucket, row.contract, row.lots)[1]
    contract = book.contracts[row.contract]
    asset = book.assets[contract["asset"]]
    _, maintenance = position_requirement(book, row.contract, row.lots)
    return ceil_div(maintenance * int(asset["debit_mantissa"]), int(asset["debit_scale"]))


def limit_price(book: Book, contract: int, side: int) -> int:
    """The worst price of a slice: the mark less (selling) or plus (buying) the slippage, rounded towards the mark.

    The slippage is a part of the mark's size, or of the margin floor where that is larger (of the whole range, where a
    contract is collateralised and has none): at a mark of zero there is still room to trade in.
    """
    row, terms = book.contracts[contract], book.registers.contracts[contract]
    mark = int(row["price_ticks"])
    least = terms.price_max_ticks - terms.price_min_ticks if terms.collateralised else terms.margin_floor_ticks
    reference = max(abs(mark), least)
    price = mark + side * (reference * book.rulebook.slippage_ppm // PPM)
    return max(int(row["price_min_ticks"]), min(int(row["price_max_ticks"]), price))


def enough_lots(book: Book, row: Held, limit_ticks: int) -> int:
    """The fewest lots that, closed at the limit, leave equity at the release level; all of them where none do.

    In a portfolio bucket the lack need not fall all the way: it is looked at in ``STEPS`` places, the first cure is
    refined, and where none cures it is the lots that leave the smallest lack.
    """
    contract = book.contracts[row.contract]
    value = int(value_at(limit_ticks, contract))
    side = -1 if row.lots > 0 else 1

    def lacks(lots: int) -> int:
        _, _, equity, initial = judge_fill(book, row.bucket, row.contract, side * lots, value)
        return charge(initial, book.rulebook.release_ppm) - equity

    def cures(lots: int) -> bool:
        return lacks(lots) <= 0

    whole = abs(row.lots)
    if is_portfolio(book, row.bucket):
        places = [max(1, whole * step // STEPS) for step in range(1, STEPS + 1)]
        best = next((lots for lots in places if cures(lots)), 0)
        if not best:
            return min(places, key=lambda lots: (lacks(lots), lots))
        return first(cures, max((lots for lots in places if lots < best), default=0) + 1, best)
    # Where a bracket requires less than the slippage costs, closing more can undo the cure: each stretch has its own.
    for low, high in stretches([end for end in sizes(book, row.bucket, row.contract, side) if end <= whole]):
        best = high if cures(high) else lowest(lacks, low, high)
        if cures(best):
            return first(cures, low, best)
    return whole


def judge_fill(book: Book, bucket: int, contract: int, lots: int, value_fine: int) -> tuple[int, int, int, int]:
    """``(reason, figure, equity after, initial after)`` of a fill for one bucket."""
    reason, figure, equity, initial = judge_side(bucket, contract, lots, value_fine, book.tables(), book.sheet)
    return int(reason), int(figure), int(equity), int(initial)


def judge_both(
    book: Book, giver: int, receiver: int, contract: int, lots: int, value_fine: int
) -> tuple[int, int, int]:
    """``(reason, figure, 0 or 1)`` of lots (the receiver's) that go from one sub-account to another of its purse."""
    reason, figure, which = judge_two(giver, receiver, contract, -lots, value_fine, book.tables())
    return int(reason), int(figure), int(which)


# ---- executions -----------------------------------------------------------------------------------------------------


def decide_execution(book: Book, command: ExecuteLiquidation) -> list[Fact]:
    """A fill of an open order, at its limit or better, against an account that can bear it."""
    mark = book.registers.sources.get(command.source, -1)
    if command.number <= mark:
        message = f"{command.source!r} is already at number {mark}"
        return [Rejected(Reason.DUPLICATE_OR_LATE, "$.number", message)]
    advanced = SourceAdvanced(command.source, command.number)
    if refused := _check_execution(book, command):
        return [refused, advanced]
    order = book.registers.orders[command.order]
    side = 1 if order.lots > 0 else -1
    value = int(value_at(command.price_ticks, book.contracts[order.contract]))
    counterparty = book.bucket_of(command.counterparty, order.contract)
    reason, figure, _, _ = judge_fill(book, counterparty, order.contract, -side * command.lots, value)
    if reason != Reason.ACCEPTED:
        name = book.registers.accounts[command.counterparty].name
        message = f"{name} cannot take the other side ({figure} is what it lacks or the limit)"
        return [Rejected(Reason(reason), "$.counterparty", message), advanced]
    legs = {order.bucket: side * command.lots, counterparty: -side * command.lots}
    reason, limit = check_legs(book, order.contract, legs)
    if reason is not Reason.ACCEPTED:
        name = book.registers.accounts[command.counterparty].name
        message = f"{name} would pass the limit {limit!r}: fill against another account, or fewer lots"
        return [Rejected(reason, "$.counterparty", message), advanced]
    facts: list[Fact] = [LiquidationExecuted(command.order, counterparty, side * command.lots, value), advanced]
    if command.lots == abs(order.open_lots):
        facts.append(OrderClosed(command.order, "filled"))
    return facts


def _check_execution(book: Book, command: ExecuteLiquidation) -> Rejected | None:
    """Everything about a fill that does not need the counterparty's margin."""
    orders = book.registers.orders
    if command.order not in orders:
        past = 0 <= command.order < book.registers.next_order
        reason = Reason.ORDER_NOT_OPEN if past else Reason.ORDER_UNKNOWN
        return Rejected(reason, "$.order", f"order {command.order} is {'closed' if past else 'unknown'}")
    if not 0 <= command.counterparty < book.account_count:
        return Rejected(Reason.ACCOUNT_UNKNOWN, "$.counterparty", f"there is no account {command.counterparty}")
    order = orders[command.order]
    own = book.purse_of(order.bucket), book.owner_of(estate_of(book, order.bucket))
    if book.purse_of(command.counterparty) in own:
        message = "an account cannot fill its own liquidation"
        return Rejected(Reason.ACCOUNTS_MUST_DIFFER, "$.counterparty", message)
    access = book.buckets[book.bucket_of(command.counterparty, order.contract)]["access"]
    if not book.is_named(command.counterparty):
        return Rejected(Reason.ACCOUNT_NOT_TRADABLE, "$.counterparty", "one of the house's own accounts cannot trade")
    if access == layout.LIQUIDATING:
        return Rejected(Reason.ACCOUNT_IN_LIQUIDATION, "$.counterparty", "the counterparty is in liquidation itself")
    if command.lots <= 0:
        return Rejected(Reason.QUANTITY_MUST_BE_POSITIVE, "$.lots", f"a positive number of lots, got {command.lots}")
    if command.lots > abs(order.open_lots):
        message = f"{abs(order.open_lots)} lots are still open, got {command.lots}"
        return Rejected(Reason.EXECUTION_EXCEEDS_ORDER, "$.lots", message)
    contract = book.contracts[order.contract]
    if not contract["price_min_ticks"] <= command.price_ticks <= contract["price_max_ticks"]:
        return Rejected(Reason.PRICE_OUT_OF_LIMITS, "$.price", f"{command.price_ticks} ticks is outside the limits")
    if (command.price_ticks - order.limit_price_ticks) * order.lots > 0:
        message = f"the limit is {order.limit_price_ticks} ticks, got {command.price_ticks}"
        return Rejected(Reason.PRICE_WORSE_THAN_LIMIT, "$.price", message)
    if contract["state"] != layout.LIVE:
        return Rejected(Reason.PRICE_MISSING, "$.order", "the contract has no live price to judge the counterparty by")
    return None


# ---- take-over and closing ------------------------------------------------------------------------------------------


def take_over(book: Book, estate: int) -> TakenOver:
    """The whole bucket as one package, at the price that leaves it exactly nothing.

    In an asset with open lots the package's costs sum to costs - balance - carry: each position moves at its value at
    the mark less its share of the bucket's worth in that asset, by maintenance requirement and largest remainder. In
    an asset without open lots balance, carry and unsettled results move as they are, and so does a balance below zero.
    Positions of sub-accounts are parts of the package, each with its own sign; in the liquidation account they net.
    """
    rows: list[tuple[int, int, int, int]] = []
    collateral: list[CollateralMoved] = []
    positions = held_in(book, estate)
    for asset in range(book.asset_count):
        balance = book.balances[estate, asset]
        cash, carry = int(balance["balance_minor"]), int(balance["carry_fine"])
        own = [row for row in positions if book.contracts[row.contract]["asset"] == asset]
        held = [row for row in own if row.lots]
        if not held:
            rows += [(0, row.cost_fine, row.contract, row.bucket) for row in own]
            if cash or carry:
                collateral.append(CollateralMoved(asset, cash, carry))
            continue
        if cash < 0:  # what it owes moves as it is, so that the estate's own balance is nothing and not a gain to come
            collateral.append(CollateralMoved(asset, cash, 0))
            cash = 0
        at_mark = [row.lots * int(book.contracts[row.contract]["value_fine"]) for row in held]
        unit = int(book.assets[asset]["unit_fine"])
        worth = cash * unit + carry + sum(at_mark) - sum(row.cost_fine for row in own)
        weights = [package_weight(book, estate, row) for row in held]
        shares = split_pro_rata(worth, weights if any(weights) else [abs(row.lots) for row in held])
        rows += [
            (row.lots, mark - share, row.contract, row.bucket)
            for row, mark, share in zip(held, at_mark, shares, strict=True)
        ]
    return TakenOver(estate, np.array(rows, LEG).tobytes(), tuple(collateral))


def package_weight(book: Book, estate: int, row: Held) -> int:
    """A position's part of what its asset's package is off the mark: its maintenance requirement, a hedge's none."""
    if is_portfolio(book, estate):
        return max(0, freed_by(book, estate, row.contract, row.lots)[1])
    return position_requirement(book, row.contract, row.lots)[1]


# ---- folding --------------------------------------------------------------------------------------------------------


def fold_breached(book: Book, fact: Breached) -> None:
    """The bucket may do nothing itself until its liquidation ends; its resting orders are gone."""
    drop_orders(book, fact.bucket)
    book.registers.calls.pop(fact.bucket, None)
    book.registers.restricted.pop(fact.bucket, None)
    book.registers.relieved.pop(fact.bucket, None)
    book.registers.liquidations[fact.bucket] = Liquidation(close_out=fact.cause == "not_ported")
    book.set_access(fact.bucket, layout.LIQUIDATING)


def fold_member_defaulted(book: Book, fact: MemberDefaulted) -> None:
    """The member's house account is the house's to close; its clients may only reduce."""
    member = book.registers.members[fact.member]
    member.defaulted = True
    for bucket in np.flatnonzero(book.buckets[: book.account_count]["member"] == fact.member).tolist():
        drop_orders(book, bucket)
    book.registers.calls.pop(member.house_account, None)
    book.registers.relieved.pop(member.house_account, None)
    book.registers.liquidations[member.house_account] = Liquidation()
    clients = book.buckets[: book.account_count]
    may_trade = (clients["access"] == layout.OPEN) | (clients["access"] == layout.RESTRICTED)
    own = (clients["member"] == fact.member) & may_trade
    clients["access"][own] = layout.REDUCE_ONLY
    for bucket in np.flatnonzero(own).tolist():
        book.registers.restricted.pop(bucket, None)
    book.buckets[member.house_account]["access"] = layout.HOUSE_ONLY


def fold_taken_over(book: Book, fact: TakenOver) -> None:
    """Open the liquidation account and move the package into it."""
    account = open_account(book, f"liquidation:{book.account_count}", Role.LIQUIDATION, -1)
    book.registers.origins[account] = fact.bucket
    book.registers.liquidations[fact.bucket].account = account
    for lots, cost, contract, giver in np.frombuffer(fact.rows, LEG).tolist():
        move_leg(book, giver, contract, -lots, -cost)
        move_leg(book, account, contract, lots, cost)
    for moved in fact.collateral:
        post(book, fact.bucket, account, moved.asset, moved.amount_minor)
        move_carry(book, fact.bucket, account, moved.asset, moved.carry_fine)


def fold_liquidation_ordered(book: Book, fact: LiquidationOrdered) -> None:
    """Open an order."""
    registers = book.registers
    registers.orders[fact.order] = Order(
        fact.bucket, fact.contract, fact.lots, fact.lots, fact.limit_price_ticks, fact.expiry_ns
    )
    registers.next_order = fact.order + 1
    liquidation = registers.liquidations[estate_of(book, fact.bucket)]
    liquidation.order = fact.order
    liquidation.slices += 1


def fold_liquidation_executed(book: Book, fact: LiquidationExecuted) -> None:
    """Both legs of a fill."""
    order = book.registers.orders[fact.order]
    order.open_lots -= fact.lots
    cost = fact.lots * fact.value_fine
    move_leg(book, order.bucket, order.contract, fact.lots, cost)
    move_leg(book, fact.counterparty, order.contract, -fact.lots, -cost)
    book.contracts[order.contract]["traded_lots"] += abs(fact.lots)


def fold_order_closed(book: Book, fact: OrderClosed) -> None:
    """An order that is over leaves the register."""
    order = book.registers.orders.pop(fact.order)
    book.registers.liquidations[estate_of(book, order.bucket)].order = -1


def fold_liquidation_ended(book: Book, fact: LiquidationEnded) -> None:
    """The bucket may trade again, or only reduce where its member is in default."""
    del book.registers.liquidations[fact.bucket]
    reopen(book, fact.bucket)


def reopen(book: Book, bucket: int) -> None:
    """A bucket may trade again, or only reduce where its member is in default."""
    member = book.registers.members[book.registers.accounts[bucket].member]
    book.set_access(bucket, layout.REDUCE_ONLY if member.defaulted else layout.OPEN)
