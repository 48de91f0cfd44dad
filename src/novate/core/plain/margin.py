"""What a bucket is worth and must hold."""

import math
from dataclasses import dataclass
from fractions import Fraction

from novate.core.book import Book
from novate.core.layout import LIVE
from novate.core.margin import Judgement
from novate.core.money import EXPOSURE_MAX, PPM
from novate.core.orders import open_orders_of
from novate.core.plain.values import result_of, worst_end
from novate.core.terms import Tier


@dataclass
class Bucket:
    """One bucket: money per asset, and ``(lots, cost_fine)`` per contract; a result is lots x value - cost.

    ``orders`` has the lots that resting orders may still buy and sell, per contract.
    """

    access: int
    balance_minor: list[int]
    carry_fine: list[int]
    positions: dict[int, tuple[int, int]]
    orders: dict[int, tuple[int, int]]

    def copy(self) -> "Bucket":
        money = list(self.balance_minor), list(self.carry_fine)
        return Bucket(self.access, *money, dict(self.positions), dict(self.orders))

    def contracts(self) -> list[int]:
        """All contracts in which something is held or may be filled."""
        return sorted({**self.positions, **self.orders})


def read(book: Book, bucket: int) -> Bucket:
    """A bucket of the book as it stands."""
    rows = [book.balances[bucket, asset] for asset in range(book.asset_count)]
    return Bucket(
        int(book.buckets[bucket]["access"]),
        [int(row["balance_minor"]) for row in rows],
        [int(row["carry_fine"]) for row in rows],
        {contract: (lots, cost) for contract, lots, cost in book.positions_of(bucket)},
        open_orders_of(book, bucket),
    )


def bracketed(amount: int, tiers: tuple[Tier, ...], rate: str) -> int:
    """Each bracket's rate on the part of the amount that lies in it, every part rounded up."""
    ends = [tier.floor_fine for tier in tiers[1:]] + [max(amount, tiers[-1].floor_fine)]
    parts = [max(0, min(amount, end) - tier.floor_fine) for tier, end in zip(tiers, ends, strict=True)]
    return sum(
        math.ceil(Fraction(part * getattr(tier, rate), PPM)) for part, tier in zip(parts, tiers, strict=True) if part
    )


def requirement(book: Book, contract: int, lots: int) -> tuple[int, int]:
    """``(initial, maintenance)`` of one position in its settlement asset.

    A short option requires the larger of rate *a* less its out-of-the-money amount and rate *b*; a long one nothing
    where it was paid up front, else rate *a*. What can lose no more than a bound requires no more than that: a long
    option its value, a capped contract what lies between its mark and its floor or cap. A collateralised one requires
    nothing: it counts as if it had come to its worst.
    """
    terms, row = book.registers.contracts[contract], book.contracts[contract]
    if lots == 0 or terms.collateralised or (lots > 0 and terms.pays_premium):
        return 0, 0
    tiers = book.rulebook.margin_classes[terms.margin_class]
    size = abs(lots) * int(row["reference_fine"])
    initial, maintenance = bracketed(size, tiers, "initial_ppm"), bracketed(size, tiers, "maintenance_ppm")
    if terms.is_option and lots < 0:
        relief = abs(lots) * int(row["otm_fine"])
        initial = max(initial - relief, bracketed(size, tiers, "initial_least_ppm"))
        maintenance = max(maintenance - relief, bracketed(size, tiers, "maintenance_least_ppm"))
    elif terms.is_option or terms.capped:
        end = worst_end(book, contract, lots) if terms.capped else 0
        most = lots * (int(row["value_fine"]) - end)
        initial, maintenance = min(initial, most), min(maintenance, most)
    return initial, maintenance


def required(book: Book, bucket: Bucket, contract: int) -> tuple[int, int]:
    """``(initial, maintenance)`` of one contract of a bucket: initial at the worst that resting orders may come to."""
    lots, (bids, asks) = bucket.positions.get(contract, (0, 0))[0], bucket.orders.get(contract, (0, 0))
    initial, maintenance = requirement(book, contract, lots)
    return max(initial, *(requirement(book, contract, lots + way)[0] for way in (bids, -asks))), maintenance


def clamp(amount: int) -> int:
    """Kept within 2^62 - 1 either way."""
    return max(-EXPOSURE_MAX, min(EXPOSURE_MAX, amount))


def convert(book: Book, asset: int, amount: int) -> int:
    """An amount in numeraire fine units: a credit rounded down at the credit rate, a debt up at the debit rate."""
    row = book.assets[asset]
    if amount >= 0:
        return clamp(math.floor(Fraction(amount * int(row["credit_mantissa"]), int(row["credit_scale"]))))
    return clamp(-math.ceil(Fraction(-amount * int(row["debit_mantissa"]), int(row["debit_scale"]))))


def premium_of(book: Book, bucket: Bucket, asset: int) -> int:
    """Premium bought less premium sold since the last settlement: what the bucket will pay in the next."""
    return sum(cost for contract, (_, cost) in bucket.positions.items() if _pays_premium_in(book, contract, asset))


def variation_of(book: Book, bucket: Bucket, asset: int) -> int:
    """Unsettled results of variation-margined contracts in one asset."""
    total = 0
    for contract, (lots, cost) in bucket.positions.items():
        row = book.contracts[contract]
        if int(row["asset"]) == asset and not book.registers.contracts[contract].pays_premium:
            total += result_of(book, contract, lots, cost)
    return total


def _pays_premium_in(book: Book, contract: int, asset: int) -> bool:
    return int(book.contracts[contract]["asset"]) == asset and book.registers.contracts[contract].pays_premium


def owed_in(book: Book, bucket: Bucket, asset: int) -> int:
    """What a bucket will have to pay in one asset: premium bought, and what results and carry come to below zero."""
    result = bucket.carry_fine[asset] + variation_of(book, bucket, asset)
    return max(0, premium_of(book, bucket, asset)) - min(0, result)


def most_counted(book: Book, asset: int) -> int:
    """Fine units of an asset that count for a bucket at most; 2^62 - 1 where no cap is."""
    cap = book.rulebook.collateral_caps.get(book.registers.assets[asset].symbol)
    if cap is None or cap.counted_minor is None:
        return EXPOSURE_MAX
    return min(EXPOSURE_MAX, cap.counted_minor * book.registers.assets[asset].unit_fine)


def judge(book: Book, bucket: Bucket) -> Judgement:
    """What a bucket is worth and what it must hold, in numeraire fine units.

    Per asset: cash, unsettled results (losses in full, gains at ``gains_ppm``), option values (long ones at
    ``long_option_ppm``, short ones in full). ``settled`` is cash less the premium that is owed, ``payable`` that less
    what results and carry owe. Every asset is converted on its own, at most what counts of it. ``priced`` asks for a
    live price of every contract held and every asset that counts.
    """
    rules, equity, settled, payable, initial, maintenance, priced = book.rulebook, 0, 0, 0, 0, 0, True
    for asset in range(book.asset_count):
        cash = bucket.balance_minor[asset] * book.registers.assets[asset].unit_fine
        premium = premium_of(book, bucket, asset)
        unsettled, options, own_initial, own_maintenance = bucket.carry_fine[asset] - premium, 0, 0, 0
        for contract in bucket.contracts():
            row, (lots, cost) = book.contracts[contract], bucket.positions.get(contract, (0, 0))
            if int(row["asset"]) != asset:
                continue
            worth = lots * int(row["value_fine"])
            if book.registers.contracts[contract].pays_premium:
                options += worth * rules.long_option_ppm // PPM if lots > 0 and worth > 0 else worth
            else:
                unsettled += result_of(book, contract, lots, cost)
            own_initial += required(book, bucket, contract)[0]
            own_maintenance += required(book, bucket, contract)[1]
            priced &= (lots == 0 and contract not in bucket.orders) or int(row["state"]) == LIVE
        most = most_counted(book, asset)
        payable = clamp(payable + convert(book, asset, min(most, cash - owed_in(book, bucket, asset))))
        if unsettled > 0:
            unsettled = unsettled * rules.gains_ppm // PPM
        if cash + unsettled + options or cash or own_initial or premium:
            priced &= bool(book.assets[asset]["live"])
            equity = clamp(equity + convert(book, asset, min(most, cash + unsettled + options)))
            settled = clamp(settled + convert(book, asset, min(most, cash - max(0, premium))))
            initial = clamp(initial - convert(book, asset, -own_initial))
            maintenance = clamp(maintenance - convert(book, asset, -own_maintenance))
    return Judgement(equity, settled, initial, maintenance, priced, payable)


def exposure(book: Book, bucket: Bucket, asset: int) -> int:
    """What bounds every later worth in one asset: sum of (|lots| + resting lots) x largest value per lot + |cost|."""
    total = 0
    for contract in bucket.contracts():
        row, (lots, cost) = book.contracts[contract], bucket.positions.get(contract, (0, 0))
        if int(row["asset"]) == asset:
            lots_at_most = abs(lots) + sum(bucket.orders.get(contract, (0, 0)))
            total += lots_at_most * int(row["largest_value_fine"]) + abs(cost)
    return total
