"""What a bucket is worth and must hold."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import msgspec

from novate.core.book import Book
from novate.core.layout import LIVE
from novate.core.margin import Judgement
from novate.core.money import PPM
from novate.core.orders import open_orders_of
from novate.core.plain import sheet
from novate.core.plain.sheet import worth
from novate.core.plain.values import clamp, convert, result_of, worst_end
from novate.core.terms import Tier

Place = tuple[int, int]
"""A bucket and a contract that it holds."""


@dataclass
class Purse:
    """Money per asset, and ``(lots, cost_fine)`` per place: a result is lots x value - cost.

    The places are those of one bucket, or of all sub-accounts of a gross omnibus account; no two of them net.
    ``orders`` has the lots that resting orders may still buy and sell, per place.
    """

    balance_minor: list[int]
    carry_fine: list[int]
    positions: dict[Place, tuple[int, int]]
    orders: dict[Place, tuple[int, int]]
    portfolio: bool

    def copy(self) -> "Purse":
        money = list(self.balance_minor), list(self.carry_fine)
        return Purse(*money, dict(self.positions), dict(self.orders), self.portfolio)

    def places(self) -> list[Place]:
        """All places in which something is held or may be filled."""
        return sorted({**self.positions, **self.orders})

    def lots(self) -> dict[int, int]:
        """Lots by contract of a portfolio, which is one bucket."""
        return {contract: lots for (_, contract), (lots, _) in self.positions.items()}

    def reaches(self) -> dict[int, tuple[int, int]]:
        """The fewest and the most lots of each contract that a portfolio may come to with its orders."""
        return {place[1]: self.reach(place) for place in self.places()}

    def reach(self, place: Place) -> tuple[int, int]:
        """The same of one place."""
        lots, (bids, asks) = self.positions.get(place, (0, 0))[0], self.orders.get(place, (0, 0))
        return lots - asks, lots + bids


def read(book: Book, bucket: int) -> Purse:
    """The purse that pays for a bucket, as it stands in the book."""
    purse = book.purse_of(bucket)
    behind = [at for at in range(book.account_count) if book.purse_of(at) == purse]
    rows = [book.balances[purse, asset] for asset in range(book.asset_count)]
    return Purse(
        [int(row["balance_minor"]) for row in rows],
        [int(row["carry_fine"]) for row in rows],
        {(at, contract): (lots, cost) for at in behind for contract, lots, cost in book.positions_of(at)},
        {(at, contract): rest for at in behind for contract, rest in open_orders_of(book, at).items()},
        bool(book.buckets[purse]["portfolio"]),
    )


def bracketed(amount: int, tiers: tuple[Tier, ...], rate: str) -> int:
    """Each bracket's rate on the part of the amount that lies in it, every part rounded up."""
    ends = [tier.floor_fine for tier in tiers[1:]] + [max(amount, tiers[-1].floor_fine)]
    parts = [max(0, min(amount, end) - tier.floor_fine) for tier, end in zip(tiers, ends, strict=True)]
    return sum(
        math.ceil(Fraction(part * getattr(tier, rate), PPM)) for part, tier in zip(parts, tiers, strict=True) if part
    )


def on_the_whole(amount: int, tiers: tuple[Tier, ...], rate: str) -> int:
    """The rate of the bracket that the amount reaches, on its floor and on what is above it, both rounded up."""
    reached = [tier for tier in tiers if tier.floor_fine < amount][-1]
    parts = (reached.floor_fine, amount - reached.floor_fine)
    return sum(math.ceil(Fraction(part * getattr(reached, rate), PPM)) for part in parts)


def initially(book: Book, contract: int, amount: int, rate: str) -> int:
    """What an initial rate of the contract's brackets asks for, at its open interest on record."""
    name, rules = book.registers.contracts[contract].margin_class, book.rulebook
    tiers = rules.margin_classes[name]
    if name in rules.open_interest:
        caps, open_interest = rules.open_interest[name], book.registers.open_interest.get(contract, 0)
        way = Fraction(open_interest - caps.lower_fine, caps.upper_fine - caps.lower_fine)
        own = [getattr(tier, rate) for tier in tiers]
        risen = [ppm + math.floor((PPM - ppm) * min(max(way, Fraction(0)), Fraction(1))) for ppm in own]
        tiers = tuple(msgspec.structs.replace(tier, **{rate: ppm}) for tier, ppm in zip(tiers, risen, strict=True))
    return (on_the_whole if name in rules.whole_initial and amount else bracketed)(amount, tiers, rate)


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
    initial, maintenance = initially(book, contract, size, "initial_ppm"), bracketed(size, tiers, "maintenance_ppm")
    if terms.is_option and lots < 0:
        relief = abs(lots) * int(row["otm_fine"])
        initial = max(initial - relief, initially(book, contract, size, "initial_least_ppm"))
        maintenance = max(maintenance - relief, bracketed(size, tiers, "maintenance_least_ppm"))
    elif terms.is_option or terms.capped:
        end = worst_end(book, contract, lots) if terms.capped else 0
        most = lots * (int(row["value_fine"]) - end)
        initial, maintenance = min(initial, most), min(maintenance, most)
    return initial, maintenance


def required(book: Book, purse: Purse, place: Place) -> tuple[int, int]:
    """``(initial, maintenance)`` of one place of a purse: initial at the worst that resting orders may come to."""
    lots, (bids, asks), contract = purse.positions.get(place, (0, 0))[0], purse.orders.get(place, (0, 0)), place[1]
    initial, maintenance = requirement(book, contract, lots)
    return max(initial, *(requirement(book, contract, lots + way)[0] for way in (bids, -asks))), maintenance


def premium_of(book: Book, purse: Purse, asset: int) -> int:
    """Premium bought less premium sold since the last settlement: what the purse will pay in the next."""
    return sum(cost for (_, contract), (_, cost) in purse.positions.items() if _pays_premium_in(book, contract, asset))


def variation_of(book: Book, purse: Purse, asset: int) -> int:
    """Unsettled results of variation-margined contracts in one asset."""
    total = 0
    for (_, contract), (lots, cost) in purse.positions.items():
        row = book.contracts[contract]
        if int(row["asset"]) == asset and not book.registers.contracts[contract].pays_premium:
            total += result_of(book, contract, lots, cost)
    return total


def _pays_premium_in(book: Book, contract: int, asset: int) -> bool:
    return int(book.contracts[contract]["asset"]) == asset and book.registers.contracts[contract].pays_premium


def resting_premium(book: Book, purse: Purse, asset: int) -> int:
    """What all bids for options in one asset would pay if they were filled at the marks."""
    return sum(
        bids * int(book.contracts[contract]["value_fine"])
        for (_, contract), (bids, _) in purse.orders.items()
        if _pays_premium_in(book, contract, asset)
    )


def resting_cover(book: Book, purse: Purse, asset: int) -> int:
    """How much more collateralised positions in one asset could lose at worst, if of each the worse side of its orders
    were filled at the mark."""
    total = 0
    for place, sides in purse.orders.items():
        contract, (lots, cost) = place[1], purse.positions.get(place, (0, 0))
        row = book.contracts[contract]
        if int(row["asset"]) == asset and book.registers.contracts[contract].collateralised:
            filled = [0, sides[0], -sides[1]]
            results = [result_of(book, contract, lots + size, cost + size * int(row["value_fine"])) for size in filled]
            total += results[0] - min(results)
    return total


def result_with_orders(book: Book, purse: Purse, asset: int) -> int:
    """Carry and unsettled results in one asset, less what orders set aside to cover bets."""
    return purse.carry_fine[asset] + variation_of(book, purse, asset) - resting_cover(book, purse, asset)


def premium_due(book: Book, purse: Purse, asset: int) -> int:
    """What settled cash must cover before a bid or a buyer pays more premium: what is bought, bid for and owed."""
    result = result_with_orders(book, purse, asset)
    return premium_of(book, purse, asset) + resting_premium(book, purse, asset) - min(0, result)


def owed_in(book: Book, purse: Purse, asset: int) -> int:
    """What a purse will have to pay in one asset: premium bought or bid for, and what results and carry come to below
    zero with what orders set aside."""
    result = result_with_orders(book, purse, asset)
    return max(0, premium_of(book, purse, asset) + resting_premium(book, purse, asset)) - min(0, result)


def owed_without_orders(book: Book, purse: Purse, asset: int) -> int:
    """The same, if the purse had no orders."""
    return owed_in(book, replace(purse, orders={}), asset)


def judge(book: Book, purse: Purse) -> Judgement:
    """What a purse is worth and what it must hold, in numeraire fine units.

    Per asset: cash, unsettled results (losses in full, gains at ``gains_ppm``), option values (long ones at
    ``long_option_ppm``, short ones in full). ``settled`` is cash less the premium that is owed, ``payable`` that less
    what results and carry owe. Every asset is converted on its own, at most what counts of it. ``priced`` asks for a
    live price of every contract held and every asset that counts.
    """
    rules, equity, settled, payable, initial, maintenance, priced = book.rulebook, 0, 0, 0, 0, 0, True
    for asset in range(book.asset_count):
        cash = purse.balance_minor[asset] * book.registers.assets[asset].unit_fine
        held, premium = purse.balance_minor[asset] * purse.portfolio, premium_of(book, purse, asset)
        unsettled, options, own_initial, own_maintenance = purse.carry_fine[asset] - premium, 0, 0, 0
        for place in purse.places():
            contract, (lots, cost) = place[1], purse.positions.get(place, (0, 0))
            row = book.contracts[contract]
            if int(row["asset"]) != asset:
                continue
            value = lots * int(row["value_fine"])
            if book.registers.contracts[contract].pays_premium:
                options += value * rules.long_option_ppm // PPM if lots > 0 and value > 0 else value
            else:
                unsettled += result_of(book, contract, lots, cost)
            if not purse.portfolio:
                own_initial += required(book, purse, place)[0]
                own_maintenance += required(book, purse, place)[1]
            priced &= (lots == 0 and place not in purse.orders) or int(row["state"]) == LIVE
        payable = clamp(payable + worth(book, asset, cash - owed_in(book, purse, asset), held))
        if unsettled > 0:
            unsettled = unsettled * rules.gains_ppm // PPM
        if cash + unsettled + options or cash or own_initial or premium:
            priced &= bool(book.assets[asset]["live"])
            equity = clamp(equity + worth(book, asset, cash + unsettled + options, held))
            settled = clamp(settled + worth(book, asset, cash - max(0, premium), held))
            initial = clamp(initial - convert(book, asset, -own_initial))
            maintenance = clamp(maintenance - convert(book, asset, -own_maintenance))
    if purse.portfolio:
        initial = sheet.requirement(book, purse.reaches(), purse.balance_minor)
        maintenance = sheet.maintenance(book, purse.lots(), purse.balance_minor)
    return Judgement(equity, settled, initial, maintenance, priced, payable)


def exposure(book: Book, purse: Purse, asset: int) -> int:
    """What bounds every later worth in one asset: sum of (|lots| + resting lots) x largest value per lot + |cost|."""
    total = 0
    for place in purse.places():
        row, (lots, cost) = book.contracts[place[1]], purse.positions.get(place, (0, 0))
        if int(row["asset"]) == asset:
            lots_at_most = abs(lots) + sum(purse.orders.get(place, (0, 0)))
            total += lots_at_most * int(row["largest_value_fine"]) + abs(cost)
    return total
