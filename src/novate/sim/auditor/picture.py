"""A house as plain dicts: what the auditor shows of its own, and compares with what a runner took from the core's.

A picture is a noun -> key -> value. Nothing is left out because it is zero by accident: zero money and empty positions
stand in neither.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from novate.core.terms import Role
from novate.sim.auditor.house import House
from novate.sim.auditor.worth import judge

Picture = dict[str, dict[Any, Any]]


def picture(house: House) -> Picture:
    """Everything that must agree, noun by noun."""
    judged, purses = {}, house.purses
    if house.rules_in_force is not None:
        judged = {index: tuple(judge(house, bucket)[:5]) for index, bucket in purses.items()}
        judged |= {index: (0, 0, 0, 0, True) for index in house.buckets if index not in judged}
    return {
        **_holdings(house),
        "judged": judged,
        "access": {index: bucket.access for index, bucket in house.buckets.items()},
        "account": {index: (bucket.name, bucket.member) for index, bucket in house.buckets.items()},
        "mode": {index: "portfolio" for index, bucket in house.buckets.items() if bucket.portfolio},
        "sheet": {house.sheet.name: (house.sheet.scenario_count, house.sheet_since_ns)} if house.sheet_in_force else {},
        "isolated": {
            index: (bucket.owner, bucket.contract, bucket.apart)
            for index, bucket in house.buckets.items()
            if bucket.role is Role.ISOLATED
        },
        "sub-account": {index: house.purse_of(index) for index in house.buckets if index not in purses},
        "contract": {
            index: (of.state, of.price_ticks, of.value_fine, of.reference_fine, of.otm_fine)
            for index, of in enumerate(house.instruments)
        },
        "asset": {
            index: (money.price_fine, money.credit, money.debit, money.eligible, money.live, money.external_minor)
            for index, money in enumerate(house.monies)
        },
        "member in default": {index: member.defaulted for index, member in enumerate(house.members)},
        "call": {index: (call.amount_fine, call.due_ns) for index, call in house.calls.items()},
        "relief": {index: (relief.credit, relief.of, relief.part) for index, relief in house.reliefs.items()},
        "order": {
            number: (order.bucket, order.contract, order.lots, order.open_lots, order.limit_ticks, order.expiry_ns)
            for number, order in house.orders.items()
        },
        "liquidation": {estate: (case.slices, case.order, case.account) for estate, case in house.cases.items()},
        "claim": {
            estate: sorted((str(claim.layer), claim.payee, claim.asset, claim.amount_minor) for claim in claims)
            for estate, claims in house.claims.items()
        },
        "receivable": {estate: dict(owed) for estate, owed in house.receivables.items()},
        **_on_their_way(house),
        **_afterwards(house),
        "limit": {number: msgspec.structs.astuple(limit) for number, limit in house.limits.items()},
        "halt": dict(house.halts),
        **_debts(house),
        "scheduled": {key: one.effective_ns for key, one in house.scheduled.items()},
        "source": dict(house.sources),
        "house": {
            "time": house.now_ns,
            "settlement due": house.settlement_due_ns,
            "next order": house.next_order,
            "next conversion order": house.next_sale,
            "next withdrawal": house.next_departure,
            "next give-up": house.next_give_up,
            "next limit": house.next_limit,
            "trades on record": len(house.trades),
        },
    }


def _holdings(house: House) -> Picture:
    """Money, positions and resting orders of every bucket."""
    return {
        "balance": {
            (index, asset): amount
            for index, bucket in house.purses.items()
            for asset, amount in bucket.balance_minor.items()
            if amount
        },
        "carry": {
            (index, asset): amount
            for index, bucket in house.purses.items()
            for asset, amount in bucket.carry_fine.items()
            if amount
        },
        "position": {
            (index, contract): (held.lots, held.cost_fine)
            for index, bucket in house.buckets.items()
            for contract, held in bucket.positions.items()
        },
        "resting": {
            (index, contract): resting
            for index, bucket in house.buckets.items()
            for contract, resting in bucket.orders.items()
        },
    }


def _debts(house: House) -> Picture:
    """What is owed, for what interest, and what is sold for it."""
    return {
        "interest": dict(house.interest_ppm),
        "overdraft": {
            (account, asset): (one.amount_minor, one.since_ns, one.charged_ns)
            for account, owed in house.overdrafts.items()
            for asset, one in owed.items()
        },
        "conversion order": {
            number: (
                *(one.account, one.sold_asset, one.sell_minor, one.open_minor),
                *(one.bought_asset, one.least_minor, one.due_ns),
            )
            for number, one in house.sales.items()
        },
    }


def _on_their_way(house: House) -> Picture:
    """Money that is not in for good, or not out."""
    return {
        "deposit": {
            reference: (state, one.account, one.asset, one.amount_minor, one.final_at_ns)
            for state, receipts in (("pending", house.pending), ("reversible", house.reversible), ("owed", house.owed))
            for reference, one in receipts.items()
        },
        "withdrawal": {
            number: (one.account, one.asset, one.amount_minor, one.state) for number, one in house.departures.items()
        },
        "gate": dict(house.gates),
    }


def _afterwards(house: House) -> Picture:
    """What became of trades, and what waits for an answer."""
    return {
        "undone trade": dict.fromkeys(house.undone, True),
        "give-up": {
            number: (*one.trade, one.contract, one.giver, one.receiver, one.lots, one.expiry_ns)
            for number, one in house.give_ups.items()
        },
        "porting due": dict(house.porting_due_ns),
        "porting": dict(house.portings),
    }


def differences(own: Picture, seen: Picture) -> Iterator[tuple[str, str]]:
    """``(noun, message)`` of everything in which two houses differ, most telling nouns first."""
    for noun in dict.fromkeys([*own, *seen]):
        if noun not in own or noun not in seen:
            yield noun, f"only {'the auditor' if noun in own else 'the core'} has it"
            continue
        for key in sorted(dict.fromkeys([*own[noun], *seen[noun]]), key=repr):
            if own[noun].get(key) != seen[noun].get(key):
                yield noun, f"{key} is {own[noun].get(key)} to the auditor and {seen[noun].get(key)} to the core"
