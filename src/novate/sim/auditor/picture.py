"""A house as plain dicts: what the auditor shows of its own, and compares with what a runner took from the core's.

A picture is a noun -> key -> value. Nothing is left out because it is zero by accident: zero money and empty positions
stand in neither.
"""

from collections.abc import Iterator
from typing import Any

from novate.sim.auditor.house import House
from novate.sim.auditor.worth import judge

Picture = dict[str, dict[Any, Any]]


def picture(house: House) -> Picture:
    """Everything that must agree, noun by noun."""
    judged = {}
    if house.rules_in_force is not None:
        judged = {index: tuple(judge(house, bucket)[:5]) for index, bucket in house.buckets.items()}
    return {
        "balance": {
            (index, asset): amount
            for index, bucket in house.buckets.items()
            for asset, amount in bucket.balance_minor.items()
            if amount
        },
        "carry": {
            (index, asset): amount
            for index, bucket in house.buckets.items()
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
        "judged": judged,
        "access": {index: bucket.access for index, bucket in house.buckets.items()},
        "account": {index: (bucket.name, bucket.member) for index, bucket in house.buckets.items()},
        "isolated": {
            index: (bucket.owner, bucket.contract, bucket.apart)
            for index, bucket in house.buckets.items()
            if bucket.owner >= 0
        },
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
        "source": dict(house.sources),
        "house": {"time": house.now_ns, "settlement due": house.settlement_due_ns, "next order": house.next_order},
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
