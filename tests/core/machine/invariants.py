"""What must hold after every command, and after every cycle."""

import numpy as np

from novate.core import layout
from novate.core.book import Book
from novate.core.conversions import beyond_limits, excess_minor
from novate.core.facts import ConversionOrdered
from novate.core.gate import deficit_of
from novate.core.margin import JUDGED_ACCESS, judge
from novate.core.money import charge
from novate.core.overdrafts import sells_by_order
from novate.core.plain import margin as plain_margin
from novate.core.plain.limits import held as held_plainly
from novate.core.relief import relief_at
from novate.core.terms import INSURANCE, OWNED, ROUNDING, TRADING, TREASURY
from tests.core.worlds import House

INT64 = 2**63


def check_money(house: House) -> None:
    """In Python integers: nothing wrapped, and all worth sums to what came in."""
    for asset, terms in enumerate(house.book.registers.assets):
        worth = [house.worth_fine(account, asset) for account in range(house.book.account_count)]
        assert all(abs(amount) < INT64 for amount in worth)
        assert sum(worth) == house.book.registers.external_minor[asset] * terms.unit_fine
        claims = [house.balance(at, asset) for at in range(house.book.account_count) if at != TREASURY]
        there = house.book.registers.external_minor[asset]
        assert sum(max(0, claim) for claim in claims) <= there, "more is claimed than the house holds"
    for account in range(house.book.account_count):
        if house.book.purse_of(account) != account:
            continue
        bucket = plain_margin.read(house.book, account)
        for asset in range(house.book.asset_count):
            row = house.book.balances[account, asset]
            assert int(row["exposure_fine"]) == plain_margin.exposure(house.book, bucket, asset) < INT64
            assert int(row["premium_fine"]) == plain_margin.premium_of(house.book, bucket, asset)


def check_registers(house: House) -> None:
    registers, buckets = house.book.registers, house.book.buckets
    for number, order in registers.orders.items():
        held = {contract: lots for contract, lots, _ in house.book.positions_of(order.bucket)}
        assert abs(order.open_lots) <= abs(held.get(order.contract, 0)), f"order {number} is for more than is held"
        assert order.open_lots * held.get(order.contract, 0) <= 0
        estate = registers.origins.get(order.bucket, house.book.purse_of(order.bucket))
        assert registers.liquidations[estate].order == number
    for estate, state in registers.liquidations.items():
        assert buckets[estate]["access"] in (layout.LIQUIDATING, layout.HOUSE_ONLY)
        assert estate not in registers.calls
        assert state.order < 0 or state.order in registers.orders
    for number, sale in registers.conversions.items():
        assert sells_by_order(house.book, sale.account, sale.bought_asset), f"order {number} sells for nobody"
        assert 0 < sale.open_minor <= sale.sell_minor
        assert excess_minor(house.book, sale.account, sale.bought_asset) > 0
    for bucket in registers.calls:
        assert buckets[bucket]["access"] in JUDGED_ACCESS
        assert registers.calls[bucket].amount_fine > 0
        assert registers.calls[bucket].since_ns <= registers.time_ns
    restricted = np.flatnonzero(buckets["access"][: house.book.account_count] == layout.RESTRICTED)
    assert sorted(registers.restricted) == [at for at in restricted.tolist() if house.book.purse_of(at) == at]
    halted = np.flatnonzero(house.book.contracts["halted"]).tolist()
    assert sorted(registers.halts) == halted
    assert not any(order.contract in registers.halts for order in registers.orders.values())
    assert all(each.effective_ns > registers.time_ns for each in registers.scheduled)
    for row, limit in zip(house.book.limits, registers.limits.values(), strict=True):
        if not limit.everyone:
            assert tuple(row.tolist())[1:4] == held_plainly(house.book, limit, {})
    for bucket in members_buckets(house.book):
        liquidating = house.book.purse_of(bucket) in registers.liquidations
        assert liquidating == (buckets[bucket]["access"] == layout.LIQUIDATING) or (
            buckets[bucket]["access"] == layout.HOUSE_ONLY
            and registers.members[registers.accounts[bucket].member].defaulted
        )


def check_nobody_is_short_unnoticed(house: House, kind: str) -> None:
    venue = house.book.rulebook.form == "venue"
    for bucket in members_buckets(house.book):
        by_itself = house.book.purse_of(bucket) == bucket
        if not by_itself or house.book.buckets[bucket]["access"] not in JUDGED_ACCESS:
            continue
        verdict = judge(house.book, bucket)
        trigger = charge(verdict.initial_fine, house.book.rulebook.call_trigger_ppm)
        bar = verdict.maintenance_fine if venue else trigger
        if kind == "rich" and verdict.equity_fine < bar:
            held = [each for each in house.book.registers.withdrawals.values() if each.state != "released"]
            assert bucket not in [each.account for each in held], "its own money answers first"
        if venue:
            spared = relief_at(house.book, bucket, verdict)
            assert verdict.equity_fine + spared >= verdict.maintenance_fine, bucket
        else:
            assert verdict.equity_fine >= trigger or bucket in house.book.registers.calls, bucket


def check_transit(house: House) -> None:
    """Gates are closed exactly while deficits exceed fund and dust; what is owed or held is more than nothing."""
    registers, dust = house.book.registers, house.book.rulebook.withdrawal_gates
    for asset, terms in enumerate(registers.assets):
        deficit = sum(deficit_of(house.book, asset))
        over = terms.symbol in dust and deficit > house.balance(INSURANCE, asset) + dust[terms.symbol]
        assert over == (asset in registers.gates), (terms.symbol, deficit)
    for withdrawal in registers.withdrawals.values():
        assert withdrawal.amount_minor > 0
        assert withdrawal.state != "waiting" or withdrawal.asset in registers.gates
    for register in (registers.deposits_pending, registers.deposits_reversible, registers.reversals_owed):
        assert all(receipts for receipts in register.values())
        assert all(each.amount_minor > 0 for receipts in register.values() for each in receipts.values())


def check_limits(house: House) -> None:
    """After a cycle nobody stands further below zero than the rules allow, and nobody that may not at all.

    Where collateral is sold by order, all that is needed and can be sold is for sale.
    """
    registers = house.book.registers
    assert not any(isinstance(fact, ConversionOrdered) for fact in beyond_limits(house.book))
    for account, owed in registers.overdrafts.items():
        assert registers.accounts[account].role in OWNED
        for asset, stands in owed.items():
            if sells_by_order(house.book, account, asset):
                continue
            rule = house.book.rulebook.overdrafts[registers.assets[asset].symbol]
            assert stands.amount_minor <= rule.amount_minor
            assert registers.time_ns - stands.since_ns < rule.time_ns


def check_settled(house: House) -> None:
    """After a cycle all live results are paid and every carry but the rounding account's is part of a unit."""
    for account in range(house.book.account_count):
        for asset, terms in enumerate(house.book.registers.assets):
            carry = int(house.book.balances[account, asset]["carry_fine"])
            assert account == ROUNDING or 0 <= carry < terms.unit_fine, (account, asset, carry)
        for contract, lots, cost in house.book.positions_of(account):
            row = house.book.contracts[contract]
            if row["state"] == layout.LIVE:
                assert cost == (0 if row["style"] == layout.PREMIUM else lots * int(row["value_fine"])), (
                    account,
                    contract,
                )


def members_buckets(book: Book) -> list[int]:
    """Accounts of members and clients, their isolated buckets and sub-accounts."""
    return [at for at, of in enumerate(book.registers.accounts) if of.role in TRADING]
