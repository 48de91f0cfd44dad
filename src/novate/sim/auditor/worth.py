"""What one lot is worth, what a bucket is worth, and what it must hold."""

from fractions import Fraction
from typing import NamedTuple

from novate.core.terms import Contract, Kind, Tier
from novate.sim.auditor.bucket import Bucket, Position
from novate.sim.auditor.house import House, Instrument
from novate.sim.auditor.rounding import E12, LARGEST, down, nearest, part_down, part_up, up, within
from novate.sim.auditor.scaling import initial_tiers, on_all
from novate.sim.auditor.scenarios import at_price, most_counted, requirement_by_sheet

# ---- one lot --------------------------------------------------------------------------------------------------------


def lot_worth(house: House, of: Instrument, price_ticks: int) -> Fraction:
    """What one lot is worth at a price in fine units, exactly and without funding.

    A linear lot (and a premium) is price x lot size, an inverse lot -lot size / price.
    """
    terms, whole = of.terms, house.monies[of.asset].whole
    if terms.inverse and not of.is_option:
        return -of.size * whole / (price_ticks * of.tick)
    return price_ticks * whole * of.tick * of.size


def lot_value(house: House, of: Instrument, price_ticks: int) -> int:
    """Value of one lot: rounded to the nearest fine unit (ties to even), less the funding index rounded likewise."""
    return nearest(lot_worth(house, of, price_ticks)) - nearest(Fraction(of.index_e12, E12))


def lot_size(house: House, of: Instrument, price_ticks: int) -> int:
    """Size of one lot for fees: without sign or funding, rounded up."""
    return up(abs(lot_worth(house, of, price_ticks)))


def lot_reference(house: House, of: Instrument, price_ticks: int) -> int:
    """Size of one lot for tiers: the same, and never less than at the margin floor."""
    floor = of.terms.margin_floor_ticks
    return max(lot_size(house, of, price_ticks), lot_size(house, of, floor) if floor else 0)


def worst_end(house: House, of: Instrument, lots: int) -> int:
    """The value per lot of a capped contract that is worst for a position: its floor if long, its cap if short."""
    return lot_value(house, of, of.terms.price_min_ticks if lots > 0 else of.terms.price_max_ticks)


def has_margin_class(house: House, of: Instrument) -> bool:
    """Whether the rules can margin it, where they must."""
    free = of.terms.kind is Kind.INDEX or of.terms.collateralised
    return free or of.terms.margin_class in house.rules.margin_classes


def option_reference(house: House, of: Instrument, spot_ticks: int) -> tuple[int, int]:
    """One lot of an option at its underlying's price: its size (rounded up) and how far out of the money (down)."""
    under = house.instruments[of.underlying]
    spot = spot_ticks * under.tick
    size = of.size * house.monies[of.asset].whole
    away = max(Fraction(0), of.strike - spot if of.terms.kind is Kind.CALL else spot - of.strike)
    if of.terms.inverse:
        return up(size), down(size * away / spot)
    return up(size * max(abs(spot), under.terms.margin_floor_ticks * under.tick)), down(size * away)


def lot_payoff(house: House, of: Instrument, spot_ticks: int) -> Fraction:
    """What one lot of an option pays at its underlying's final price, exactly."""
    spot = spot_ticks * house.instruments[of.underlying].tick
    gain = max(Fraction(0), spot - of.strike if of.terms.kind is Kind.CALL else of.strike - spot)
    worth = of.size * gain * house.monies[of.asset].whole
    return worth / spot if of.terms.inverse else worth


def largest_value(house: House, of: Instrument) -> int:
    """A bound on the size of one lot's value inside the price limits, funding included.

    It bounds every move between two prices too. A perpetual's index may reach the size of its value, so its bound is
    doubled. An option is bounded by its dearest
    premium and its largest payoff: a whole underlying at its highest price; of an inverse one the coin itself, or what
    the strike is worth at the lowest price.
    """
    terms = of.terms
    dearest = terms.price_min_ticks if terms.inverse and not of.is_option else _widest(terms)
    largest = up(abs(lot_worth(house, of, dearest)))
    if terms.kind is Kind.PERPETUAL:
        return 2 * largest
    if not of.is_option:
        return largest
    under = house.instruments[of.underlying]
    size = of.size * house.monies[of.asset].whole
    if not terms.inverse:
        return max(largest, up(size * _widest(under.terms) * under.tick))
    strike_at_lowest = of.strike / (under.terms.price_min_ticks * under.tick)
    return max(largest, up(size), up(size * strike_at_lowest))


def _widest(terms: Contract) -> int:
    """Ticks that no price is larger than, nor a move from one to another."""
    low, high = terms.price_min_ticks, terms.price_max_ticks
    return max(abs(low), abs(high), high - low)


# ---- requirements ---------------------------------------------------------------------------------------------------


def bracketed(size: int, tiers: tuple[Tier, ...], rate: str) -> int:
    """Each tier's rate on the part of the size that lies above its floor and below the next one's, rounded up."""
    total = 0
    for at, tier in enumerate(tiers):
        ceiling = tiers[at + 1].floor_fine if at + 1 < len(tiers) else max(size, tier.floor_fine)
        total += part_up(max(0, min(size, ceiling) - tier.floor_fine), getattr(tier, rate))
    return total


def requirement(house: House, contract: int, lots: int) -> tuple[int, int]:
    """``(initial, maintenance)`` of a position in its settlement asset.

    A long option that was paid for asks for nothing; a short one for rate *a* less the out-of-the-money amount, at
    least rate *b*. What can lose no more than a bound asks for no more: a futures-style long option for its value, a
    capped contract for what lies between its mark and its worst end. A collateralised one asks for nothing. Initial
    rates are those at the contract's open interest.
    """
    of = house.instruments[contract]
    if lots == 0 or of.terms.collateralised or (of.has_premium and lots > 0):
        return 0, 0
    name = of.terms.margin_class
    size = abs(lots) * of.reference_fine
    asked = []
    for rate in ("initial", "maintenance"):
        tiers = initial_tiers(house, contract) if rate == "initial" else house.rules.margin_classes[name]
        found = on_all if rate == "initial" and name in house.rules.whole_initial else bracketed
        amount = found(size, tiers, f"{rate}_ppm")
        if of.is_option and lots < 0:
            amount = max(amount - abs(lots) * of.otm_fine, found(size, tiers, f"{rate}_least_ppm"))
        elif of.is_option or of.terms.capped:
            end = worst_end(house, of, lots) if of.terms.capped else 0
            amount = min(amount, lots * (of.value_fine - end))
        asked.append(amount)
    return asked[0], asked[1]


def required(house: House, bucket: Bucket, contract: int) -> tuple[int, int]:
    """``(initial, maintenance)`` of one contract of a bucket.

    Initial is the largest of what is held, of that with all bids filled and of that with all asks filled.
    """
    lots = bucket.positions[contract].lots if contract in bucket.positions else 0
    bids, asks = bucket.orders.get(contract, (0, 0))
    may_be = dict.fromkeys((lots, lots + bids, lots - asks))
    asked = {each: requirement(house, contract, each) for each in may_be}
    return max(initial for initial, _ in asked.values()), asked[lots][1]


# ---- a bucket -------------------------------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """A bucket judged in numeraire fine units.

    ``payable`` is cash less everything owed and not yet settled, and less what is bid for options or would cover bets
    that rest. ``priced``: all it holds has a live price.
    """

    equity: int
    settled: int
    initial: int
    maintenance: int
    priced: bool
    payable: int


def in_numeraire(house: House, asset: int, amount: int) -> int:
    """An amount in the numeraire: what counts for an account rounded down, what it owes rounded up."""
    money = house.monies[asset]
    mantissa, scale = money.credit if amount >= 0 else money.debit
    size = abs(amount) * mantissa
    return min(size // scale, LARGEST) if amount >= 0 else -min(-(-size // scale), LARGEST)


def counting(house: House, bucket: Bucket, asset: int, amount: int) -> int:
    """An amount of a bucket in the numeraire, of which no more counts than the rules' cap on the asset.

    What a risk sheet carries of a portfolio's balance counts at its price, and the rest has its haircut.
    """
    carried, its_worth = at_price(house, bucket, asset)
    return within(its_worth + in_numeraire(house, asset, min(amount, most_counted(house, asset)) - carried))


def results(house: House, bucket: Bucket, asset: int) -> int:
    """Unsettled results of variation-margined positions in one asset, as their marks have them."""
    return sum(
        held.lots * house.instruments[contract].value_fine - held.cost_fine
        for contract, held in positions_in(house, bucket, asset)
        if not house.instruments[contract].has_premium
    )


def locked(house: House, bucket: Bucket, asset: int) -> int:
    """The worst that collateralised positions can come to."""
    held = [(house.instruments[contract], one) for contract, one in positions_in(house, bucket, asset)]
    bets = [(of, one) for of, one in held if of.terms.collateralised]
    return sum(max(0, one.cost_fine - one.lots * worst_end(house, of, one.lots)) for of, one in bets)


def counted(house: House, bucket: Bucket, asset: int) -> int:
    """Unsettled results as they count: a collateralised position at its worst, and for no gain."""
    total = -locked(house, bucket, asset)
    for contract, held in positions_in(house, bucket, asset):
        of = house.instruments[contract]
        if not (of.has_premium or of.terms.collateralised):
            total += held.lots * of.value_fine - held.cost_fine
    return total


def premium(house: House, bucket: Bucket, asset: int) -> int:
    """Premium bought less premium sold that the next settlement will pay."""
    return sum(
        held.cost_fine
        for contract, held in positions_in(house, bucket, asset)
        if house.instruments[contract].has_premium
    )


def bid_for(house: House, bucket: Bucket, asset: int) -> int:
    """The premium that bids for options would pay, each at its mark."""
    every = [resting for one in bucket.together for resting in one.orders.items()]
    resting = [(house.instruments[contract], bids) for contract, (bids, _) in every]
    return sum(bids * of.value_fine for of, bids in resting if of.has_premium and of.asset == asset)


def spoken_for(house: House, bucket: Bucket, asset: int) -> int:
    """Premium bought less premium sold, and what bids would buy."""
    return premium(house, bucket, asset) + bid_for(house, bucket, asset)


def staked(house: House, bucket: Bucket, asset: int) -> int:
    """What collateralised positions could lose if at each mark all that rests were bought, or all sold: the worse of
    the two, or nothing of either."""
    total = 0
    for one in bucket.together:
        for contract in dict.fromkeys([*one.positions, *one.orders]):
            of = house.instruments[contract]
            if not of.terms.collateralised or of.asset != asset:
                continue
            held, (bids, asks) = one.positions.get(contract, Position()), one.orders.get(contract, (0, 0))
            paid = [(held.lots + more, held.cost_fine + more * of.value_fine) for more in (0, bids, -asks)]
            total += max([0, *(cost - lots * worst_end(house, of, lots) for lots, cost in paid)])
    return total


def uncovered(house: House, bucket: Bucket, asset: int) -> int:
    """What settled cash lacks of what it must have: premium bought or bid for, carry below zero, the worst of bets and
    of those that rest."""
    owed = max(0, spoken_for(house, bucket, asset)) - min(0, bucket.carry_fine[asset]) + staked(house, bucket, asset)
    return owed - bucket.balance_minor[asset] * house.monies[asset].unit


def comes_to(house: House, bucket: Bucket, asset: int) -> int:
    """Carry and results as they count, after all bets that rest."""
    resting = staked(house, bucket, asset) - locked(house, bucket, asset)
    return bucket.carry_fine[asset] + counted(house, bucket, asset) - resting


def owed_for_certain(house: House, bucket: Bucket, asset: int) -> int:
    """What will have to be paid in an asset: premium bought or bid for, and results and carry below zero, with bets
    that rest."""
    return max(0, spoken_for(house, bucket, asset)) - min(0, comes_to(house, bucket, asset))


def premium_asked(house: House, bucket: Bucket, asset: int) -> int:
    """What settled cash must come to before more premium may be bought or bid for."""
    return spoken_for(house, bucket, asset) - min(0, comes_to(house, bucket, asset))


def without_orders(bucket: Bucket) -> Bucket:
    """A copy of a bucket, and of all that is judged with it, of which nothing rests."""
    bare = bucket.copy()
    for one in bare.together:
        one.orders.clear()
    return bare


def positions_in(house: House, bucket: Bucket, asset: int) -> list[tuple[int, Position]]:
    """The positions settled in one asset of all that is judged together, each bucket's by contract."""
    return [
        (contract, one.positions[contract])
        for one in bucket.together
        for contract in sorted(one.positions)
        if house.instruments[contract].asset == asset
    ]


def option_worth(house: House, bucket: Bucket, asset: int) -> int:
    """What option positions count for: long ones at the rulebook's rate, short ones in full."""
    total = 0
    for contract, held in positions_in(house, bucket, asset):
        of = house.instruments[contract]
        if of.has_premium:
            worth = held.lots * of.value_fine
            total += part_down(worth, house.rules.long_option_ppm) if held.lots > 0 else worth
    return total


def judge(house: House, bucket: Bucket) -> Verdict:
    """Judge a bucket with all that is judged together with it, asset by asset, each converted on its own.

    Results of sub-accounts net in their pool's money; what they must hold is added up, and nothing in it nets.
    What a portfolio must hold the risk sheet says.
    """
    equity = settled = initial = maintenance = payable = 0
    open_in = [(one, contract) for one in bucket.together for contract in _open_in(one)]
    priced = all(house.instruments[contract].state == "live" for _, contract in open_in)
    every = [contract for one in bucket.together for contract in (*one.positions, *one.orders)]
    concerned = [house.instruments[contract].asset for contract in every]
    for asset, money in enumerate(house.monies):
        cash = bucket.balance_minor[asset] * money.unit
        if not cash and not bucket.carry_fine[asset] and asset not in concerned:
            continue
        owed_premium = premium(house, bucket, asset)
        result = counted(house, bucket, asset) + bucket.carry_fine[asset]
        unsettled = result - owed_premium
        credited = unsettled if unsettled < 0 else part_down(unsettled, house.rules.gains_ppm)
        worth = cash + credited + option_worth(house, bucket, asset)
        in_tiers = [] if bucket.portfolio else [at for at in open_in if house.instruments[at[1]].asset == asset]
        asked = [required(house, one, of) for one, of in in_tiers]
        own_initial, own_maintenance = sum(one for one, _ in asked), sum(one for _, one in asked)
        payable = within(payable + counting(house, bucket, asset, cash - owed_for_certain(house, bucket, asset)))
        if worth or cash or own_initial or owed_premium:
            priced = priced and money.live
            equity = within(equity + counting(house, bucket, asset, worth))
            settled = within(settled + counting(house, bucket, asset, cash - max(0, owed_premium)))
            initial = within(initial - in_numeraire(house, asset, -own_initial))
            maintenance = within(maintenance - in_numeraire(house, asset, -own_maintenance))
    if bucket.portfolio:
        initial, maintenance = requirement_by_sheet(house, bucket)
    return Verdict(equity, settled, initial, maintenance, priced, payable)


def _open_in(bucket: Bucket) -> list[int]:
    """The contracts of which a bucket has lots or orders."""
    return list(dict.fromkeys([*(of for of, held in bucket.positions.items() if held.lots), *bucket.orders]))


def exposure(house: House, bucket: Bucket, asset: int) -> int:
    """What bounds every later worth of positions in one asset: (|lots| + resting lots) x largest value + |cost|."""
    held = sum(
        abs(held.lots) * house.instruments[contract].largest_fine + abs(held.cost_fine)
        for contract, held in positions_in(house, bucket, asset)
    )
    return held + sum(
        (bids + asks) * house.instruments[contract].largest_fine
        for one in bucket.together
        for contract, (bids, asks) in one.orders.items()
        if house.instruments[contract].asset == asset
    )


def weight(house: House, bucket: Bucket, asset: int) -> int:
    """What bounds every later worth of a bucket in one asset."""
    cash = bucket.balance_minor[asset] * house.monies[asset].unit
    return cash + abs(bucket.carry_fine[asset]) + exposure(house, bucket, asset)


def fee_of(house: House, of: Instrument, lots: int, price_ticks: int) -> int:
    """What each side of a trade pays: the rate on lots x size at the trade's price, rounded up."""
    return part_up(lots * lot_size(house, of, price_ticks), of.terms.fee_ppm)


def exact_rate(house: House, asset: int) -> Fraction:
    """Numeraire fine units for one fine unit of an asset at its price, before any haircut."""
    if house.numeraire(asset):
        return Fraction(1)
    return Fraction(house.monies[asset].price_fine, house.monies[asset].whole)
