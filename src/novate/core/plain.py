"""What the compiled loops compute, in plain Python integers and fractions: slow, and meant to be read.

This is the specification of ``kernels``: it works from the terms as people wrote them and from whole brackets, keeps no
running totals and judges a bucket afresh after every leg. The tests compare the two on random houses.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from novate.core.book import Book
from novate.core.layout import EXPIRED, HALTED, LIQUIDATING, LIVE, REDUCE_ONLY, RESTRICTED
from novate.core.margin import Judgement
from novate.core.money import EXPOSURE_MAX, PPM
from novate.core.plain_limits import check_limits, may_be_named, nearest_in_band
from novate.core.reasons import Reason
from novate.core.terms import FEES, ROUNDING, Contract, Kind, Tier


@dataclass
class Bucket:
    """One bucket: money per asset, and ``(lots, cost_fine)`` per contract; a result is lots x value - cost."""

    access: int
    balance_minor: list[int]
    carry_fine: list[int]
    positions: dict[int, tuple[int, int]]

    def copy(self) -> "Bucket":
        return Bucket(self.access, list(self.balance_minor), list(self.carry_fine), dict(self.positions))


def read(book: Book, bucket: int) -> Bucket:
    """A bucket of the book as it stands."""
    rows = [book.balances[bucket, asset] for asset in range(book.asset_count)]
    return Bucket(
        int(book.buckets[bucket]["access"]),
        [int(row["balance_minor"]) for row in rows],
        [int(row["carry_fine"]) for row in rows],
        {contract: (lots, cost) for contract, lots, cost in book.positions_of(bucket)},
    )


# ---- values ---------------------------------------------------------------------------------------------------------


def whole_unit(book: Book, contract: int) -> int:
    """Fine units in one whole unit of a contract's settlement asset."""
    return 10 ** book.registers.assets[int(book.contracts[contract]["asset"])].fine_decimals


def worth_of_lot(book: Book, contract: int, price_ticks: int) -> Fraction:
    """What one lot is worth at a price, exactly: price x lot size, or -lot size / price for an inverse one."""
    terms, unit = book.registers.contracts[contract], whole_unit(book, contract)
    price, lot = price_ticks * terms.tick, Fraction(terms.lot_size)
    return -Fraction(lot, price) * unit if terms.inverse and not terms.is_option else price * lot * unit


def value_per_lot(book: Book, contract: int, price_ticks: int) -> int:
    """Value of one lot: rounded to the nearest fine unit, ties to even, less the cumulative funding of a perpetual."""
    return round(worth_of_lot(book, contract, price_ticks)) - int(book.contracts[contract]["index_fine"])


def reference_per_lot(book: Book, contract: int, price_ticks: int) -> int:
    """The size of one lot for fees and margin: its value without funding or sign, rounded up."""
    return math.ceil(abs(worth_of_lot(book, contract, price_ticks)))


def option_terms(book: Book, contract: int, spot_ticks: int) -> tuple[int, int]:
    """``(reference, out-of-the-money amount)`` of one lot of an option at its underlying's price, rounded down."""
    terms = book.registers.contracts[contract]
    of = book.registers.contracts[int(book.contracts[contract]["underlying"])]
    spot, strike = spot_ticks * of.tick, Fraction(terms.strike or 0)
    lot = Fraction(terms.lot_size) * whole_unit(book, contract)
    otm = max(Fraction(0), strike - spot if terms.kind is Kind.CALL else spot - strike)
    if terms.inverse:
        return math.ceil(lot), math.floor(Fraction(lot * otm, spot))
    return math.ceil(lot * spot), math.floor(lot * otm)


# ---- margin ---------------------------------------------------------------------------------------------------------


def bracketed(amount: int, tiers: tuple[Tier, ...], rate: str) -> int:
    """Each bracket's rate on the part of the amount that lies in it, every part rounded up."""
    ends = [tier.floor_fine for tier in tiers[1:]] + [max(amount, tiers[-1].floor_fine)]
    parts = [max(0, min(amount, end) - tier.floor_fine) for tier, end in zip(tiers, ends, strict=True)]
    return sum(
        math.ceil(Fraction(part * getattr(tier, rate), PPM)) for part, tier in zip(parts, tiers, strict=True) if part
    )


def requirement(book: Book, contract: int, lots: int) -> tuple[int, int]:
    """``(initial, maintenance)`` of one position in its settlement asset.

    A long option requires nothing, a short one the larger of rate *a* less its out-of-the-money amount and rate *b*.
    """
    terms, row = book.registers.contracts[contract], book.contracts[contract]
    if lots == 0 or (lots > 0 and terms.is_option):
        return 0, 0
    tiers = book.rulebook.margin_classes[terms.margin_class]
    size = abs(lots) * int(row["reference_fine"])
    initial, maintenance = bracketed(size, tiers, "initial_ppm"), bracketed(size, tiers, "maintenance_ppm")
    if terms.is_option:
        relief = abs(lots) * int(row["otm_fine"])
        initial = max(initial - relief, bracketed(size, tiers, "initial_least_ppm"))
        maintenance = max(maintenance - relief, bracketed(size, tiers, "maintenance_least_ppm"))
    return initial, maintenance


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
    return sum(cost for contract, (_, cost) in bucket.positions.items() if _is_option_in(book, contract, asset))


def variation_of(book: Book, bucket: Bucket, asset: int) -> int:
    """Unsettled results of variation-margined contracts in one asset."""
    total = 0
    for contract, (lots, cost) in bucket.positions.items():
        row = book.contracts[contract]
        if int(row["asset"]) == asset and not book.registers.contracts[contract].is_option:
            total += lots * int(row["value_fine"]) - cost
    return total


def _is_option_in(book: Book, contract: int, asset: int) -> bool:
    return int(book.contracts[contract]["asset"]) == asset and book.registers.contracts[contract].is_option


def judge(book: Book, bucket: Bucket) -> Judgement:
    """What a bucket is worth and what it must hold, in numeraire fine units.

    Per asset: cash, unsettled results (losses in full, gains at ``gains_ppm``), option values (long ones at
    ``long_option_ppm``, short ones in full). ``settled`` is cash less the premium that is owed, ``payable`` that less
    what results and carry owe. Every asset is converted on its own. ``priced`` asks for a live price of every contract
    held and every asset that counts.
    """
    rules, equity, settled, payable, initial, maintenance, priced = book.rulebook, 0, 0, 0, 0, 0, True
    for asset in range(book.asset_count):
        cash = bucket.balance_minor[asset] * book.registers.assets[asset].unit_fine
        premium = premium_of(book, bucket, asset)
        unsettled, options, own_initial, own_maintenance = bucket.carry_fine[asset] - premium, 0, 0, 0
        for contract, (lots, cost) in bucket.positions.items():
            row = book.contracts[contract]
            if int(row["asset"]) != asset:
                continue
            worth = lots * int(row["value_fine"])
            if book.registers.contracts[contract].is_option:
                options += worth * rules.long_option_ppm // PPM if lots > 0 and worth > 0 else worth
            else:
                unsettled += worth - cost
            own_initial += requirement(book, contract, lots)[0]
            own_maintenance += requirement(book, contract, lots)[1]
            priced &= lots == 0 or int(row["state"]) == LIVE
        owed = max(0, premium) - min(0, unsettled + premium)
        payable = clamp(payable + convert(book, asset, cash - owed))
        if unsettled > 0:
            unsettled = unsettled * rules.gains_ppm // PPM
        if cash + unsettled + options or cash or own_initial or premium:
            priced &= bool(book.assets[asset]["live"])
            equity = clamp(equity + convert(book, asset, cash + unsettled + options))
            settled = clamp(settled + convert(book, asset, cash - max(0, premium)))
            initial = clamp(initial - convert(book, asset, -own_initial))
            maintenance = clamp(maintenance - convert(book, asset, -own_maintenance))
    return Judgement(equity, settled, initial, maintenance, priced, payable)


# ---- trades ---------------------------------------------------------------------------------------------------------

Refusal = tuple[Reason, int]
Novated = tuple[int, int, int, int, int, int, int, int]
ACCEPTED: Refusal = (Reason.ACCEPTED, 0)


def decide_trades(
    book: Book, mark: int, rows: Iterable[tuple[int, int, int, int, int, int]]
) -> tuple[list[Novated], list[tuple[int, int, Reason]], int]:
    """Trades ``(number, lots, price, contract, buyer, seller)``: novated rows, refused rows and the source's new mark.

    Each row sees the rows before it. Its own checks come first, then the buyer's, then the seller's; it stands if both
    sides can bear it. Rows come back as ``rows.NOVATED`` and ``rows.REFUSED`` have them.
    """
    buckets: dict[int, Bucket] = {}
    fees = list(read(book, FEES).carry_fine)
    novated: list[Novated] = []
    refused: list[tuple[int, int, Reason]] = []
    for at, (number, lots, price, contract, buyer, seller) in enumerate(rows):
        reason, figure = _check_row(book, mark, number, lots, price, contract, buyer, seller)
        mark = max(mark, number)
        if reason is Reason.ACCEPTED:
            buyer, seller = book.bucket_of(buyer, contract), book.bucket_of(seller, contract)
            for side in (buyer, seller):
                buckets.setdefault(side, read(book, side))
            value = value_per_lot(book, contract, price)
            fee = fee_of(book, contract, lots, price)
            reason, figure = _judge_row(book, buckets, fees, contract, lots, value, fee, buyer, seller)
            if reason is Reason.ACCEPTED:
                novated.append((lots, value, fee, fee, contract, buyer, seller, at))
        if reason is not Reason.ACCEPTED:
            refused.append((figure, at, reason))
    return novated, refused, mark


def fee_of(book: Book, contract: int, lots: int, price_ticks: int) -> int:
    """What each side of a trade pays: rate x |lots| x reference value at the trade price, rounded up."""
    size = lots * reference_per_lot(book, contract, price_ticks)
    return math.ceil(Fraction(size * book.registers.contracts[contract].fee_ppm, PPM))


def _judge_row(
    book: Book, buckets: dict[int, Bucket], fees: list[int], contract: int, lots: int, value: int, fee: int,
    buyer: int, seller: int,
) -> Refusal:  # fmt: skip
    """The buyer, then the seller; where both can bear it the leg is in their buckets and the fee in ``fees``."""
    asset = int(book.contracts[contract]["asset"])
    if fees[asset] + 2 * fee > EXPOSURE_MAX:
        return Reason.EXPOSURE_LIMIT_EXCEEDED, EXPOSURE_MAX
    now = {side: bucket.positions.get(contract, (0, 0))[0] for side, bucket in buckets.items()}
    refusal = check_limits(book, contract, now, buyer, seller, lots)
    if refusal != ACCEPTED:
        return refusal
    after: dict[int, Bucket] = {}
    for side, signed in ((buyer, lots), (seller, -lots)):
        after[side] = with_leg(book, buckets[side], contract, signed, value, fee)
        refusal = judge_leg(book, buckets[side], after[side], contract, fee)
        if refusal != ACCEPTED:
            return refusal
    buckets |= after
    fees[asset] += 2 * fee
    return ACCEPTED


def _check_row(
    book: Book, mark: int, number: int, lots: int, price: int, contract: int, buyer: int, seller: int
) -> Refusal:
    """Everything that does not need margin, in the order of precedence: the first that fails, with its figure."""
    if number <= mark:
        return Reason.DUPLICATE_OR_LATE, mark
    if not 0 <= contract < book.contract_count:
        return Reason.CONTRACT_UNKNOWN, contract
    for side in (buyer, seller):
        if not 0 <= side < book.account_count:
            return Reason.ACCOUNT_UNKNOWN, side
    terms, state = book.registers.contracts[contract], int(book.contracts[contract]["state"])
    tradable, known = terms.kind is not Kind.INDEX, terms.margin_class in book.rulebook.margin_classes
    access = {side: int(book.buckets[book.bucket_of(side, contract)]["access"]) for side in (buyer, seller)}
    house = [side for side in (buyer, seller) if not may_be_named(book, side)]
    liquidating = [side for side in (buyer, seller) if access[side] == LIQUIDATING]
    limit = terms.position_limit_lots
    bound = nearest_in_band(book, contract, price)
    tests: list[tuple[bool, Reason, int]] = [
        (tradable and not known, Reason.MARGIN_CLASS_UNKNOWN, contract),
        (buyer == seller, Reason.ACCOUNTS_MUST_DIFFER, buyer),
        (bool(house), Reason.ACCOUNT_NOT_TRADABLE, house[0] if house else 0),
        (not tradable, Reason.CONTRACT_NOT_TRADABLE, contract),
        (lots <= 0, Reason.QUANTITY_MUST_BE_POSITIVE, lots),
        (not terms.price_min_ticks <= price <= terms.price_max_ticks, Reason.PRICE_OUT_OF_LIMITS, price),
        (state == EXPIRED, Reason.CONTRACT_EXPIRED, contract),
        (contract in book.registers.halts, Reason.CONTRACT_HALTED, contract),
        (state != LIVE, Reason.PRICE_MISSING, contract),
        (bound != price, Reason.PRICE_OUTSIDE_BAND, bound),
        (bool(liquidating), Reason.ACCOUNT_IN_LIQUIDATION, liquidating[0] if liquidating else 0),
        (lots > limit, Reason.POSITION_LIMIT_EXCEEDED, limit),
    ]
    return next(((reason, figure) for failed, reason, figure in tests if failed), ACCEPTED)


def with_leg(book: Book, bucket: Bucket, contract: int, lots: int, value_fine: int, fee_fine: int) -> Bucket:
    """The bucket after one leg: lots and cost are added to the position, the fee leaves the carry."""
    after = bucket.copy()
    held, cost = bucket.positions.get(contract, (0, 0))
    after.positions[contract] = held + lots, cost + lots * value_fine
    after.carry_fine[int(book.contracts[contract]["asset"])] -= fee_fine
    return after


def exposure(book: Book, bucket: Bucket, asset: int) -> int:
    """What bounds every later worth in one asset: sum of |lots| x largest value per lot + |cost|."""
    total = 0
    for contract, (lots, cost) in bucket.positions.items():
        row = book.contracts[contract]
        if int(row["asset"]) == asset:
            total += abs(lots) * int(row["largest_value_fine"]) + abs(cost)
    return total


def judge_leg(book: Book, before: Bucket, after: Bucket, contract: int, fee_fine: int) -> Refusal:
    """Whether a bucket may take a leg: limits, then what its member's default allows, then premium, then margin.

    A leg that only brings the position nearer to zero, and does not grow what the bucket lacks, always may.
    """
    terms, asset = book.registers.contracts[contract], int(book.contracts[contract]["asset"])
    old, new = before.positions.get(contract, (0, 0))[0], after.positions[contract][0]
    cost = after.positions[contract][1] - before.positions.get(contract, (0, 0))[1]
    if abs(new) > terms.position_limit_lots:
        return Reason.POSITION_LIMIT_EXCEEDED, terms.position_limit_lots
    cash = after.balance_minor[asset] * book.registers.assets[asset].unit_fine
    was_exposed, exposed = exposure(book, before, asset), exposure(book, after, asset)
    if exposed > was_exposed and exposed + cash + abs(before.carry_fine[asset]) + fee_fine > EXPOSURE_MAX:
        return Reason.EXPOSURE_LIMIT_EXCEEDED, EXPOSURE_MAX
    reduces = old != 0 and abs(new) < abs(old) and new * old >= 0
    if before.access == REDUCE_ONLY and not reduces:
        return Reason.MEMBER_IN_DEFAULT, 0
    if before.access == RESTRICTED and not reduces:
        return Reason.ACCOUNT_RESTRICTED, 0
    owed = premium_of(book, after, asset) - min(0, after.carry_fine[asset] + variation_of(book, after, asset))
    if terms.is_option and cost > 0 and owed > cash:
        return Reason.PREMIUM_NOT_COVERED, owed - cash
    was, now = judge(book, before), judge(book, after)
    lacked, lacks = was.initial_fine - was.equity_fine, now.initial_fine - now.equity_fine
    if reduces and lacks <= lacked:
        return ACCEPTED
    if not now.priced:
        return Reason.PRICE_MISSING, 0
    return (Reason.MARGIN_INSUFFICIENT, lacks) if lacks > 0 else ACCEPTED


# ---- marks ----------------------------------------------------------------------------------------------------------


def decide_marks(
    book: Book, rows: Iterable[tuple[int, int, int]]
) -> tuple[dict[int, tuple[int, int, int, int, int]], dict[int, int], list[tuple[int, Reason]]]:
    """Marks ``(price, contract, missing)``, options after the rest, the last word on a contract counting.

    Returns per contract ``(price, value, reference, out of the money, fresh)``, halted contracts with their cause (0
    missing, 1 out of limits) and refused rows ``(row, reason)``. A live option whose underlying moved is marked again.
    """
    prices = {at: int(book.contracts[at]["price_ticks"]) for at in range(book.contract_count)}
    states = {at: int(book.contracts[at]["state"]) for at in range(book.contract_count)}
    fresh: dict[int, int] = {}
    halted: dict[int, int] = {}
    refused: list[tuple[int, Reason]] = []
    known = [(at, row) for at, row in enumerate(rows)]
    refused += [(at, Reason.CONTRACT_UNKNOWN) for at, (_, contract, _) in known if not 0 <= contract < len(prices)]
    known = [(at, row) for at, row in known if 0 <= row[1] < len(prices)]
    for at, (price, contract, missing) in sorted(known, key=lambda row: book.registers.contracts[row[1][1]].is_option):
        terms = book.registers.contracts[contract]
        if int(book.contracts[contract]["state"]) == EXPIRED:
            refused.append((at, Reason.CONTRACT_EXPIRED))
        elif missing or not terms.price_min_ticks <= price <= terms.price_max_ticks:
            states[contract], halted[contract] = HALTED, 0 if missing else 1
            fresh.pop(contract, None)
        elif terms.is_option and states[int(book.contracts[contract]["underlying"])] != LIVE:
            refused.append((at, Reason.PRICE_MISSING))
        else:
            states[contract], prices[contract], fresh[contract] = LIVE, price, 1
    for contract, terms in enumerate(book.registers.contracts):
        moved = fresh.get(int(book.contracts[contract]["underlying"])) == 1
        if terms.is_option and states[contract] == LIVE and moved:
            fresh.setdefault(contract, 0)
    marked = {contract: _marked(book, contract, prices, is_fresh) for contract, is_fresh in fresh.items()}
    return marked, halted, refused


def _marked(book: Book, contract: int, prices: dict[int, int], fresh: int) -> tuple[int, int, int, int, int]:
    terms: Contract = book.registers.contracts[contract]
    price = prices[contract]
    if terms.is_option:
        reference, otm = option_terms(book, contract, prices[int(book.contracts[contract]["underlying"])])
    else:
        reference, otm = reference_per_lot(book, contract, price), 0
    return price, value_per_lot(book, contract, price), reference, otm, fresh


# ---- settlement -----------------------------------------------------------------------------------------------------


def flows(book: Book, asset: int) -> dict[int, tuple[int, int]]:
    """Per bucket ``(flow_minor, carry_fine)`` of a cycle before anyone is found short: floor for payer and receiver.

    Contracts with a live price count: variation by its result, premium by its cost alone. The rounding account stands
    aside; it takes the opposite of all others.
    """
    unit = book.registers.assets[asset].unit_fine
    out: dict[int, tuple[int, int]] = {}
    for at in range(book.account_count):
        bucket = read(book, at)
        owed = 0 if at == ROUNDING else bucket.carry_fine[asset]
        for contract, (lots, cost) in bucket.positions.items():
            row = book.contracts[contract]
            if int(row["asset"]) == asset and int(row["state"]) == LIVE:
                owed -= cost
                owed += 0 if book.registers.contracts[contract].is_option else lots * int(row["value_fine"])
        out[at] = divmod(owed, unit)
    return out
