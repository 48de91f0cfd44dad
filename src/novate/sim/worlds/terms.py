"""What is cleared in a world: assets, contracts and rules, drawn so that every rounding has work to do."""

from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any, Final, Literal

from msgspec.structs import replace

from novate.core.terms import (
    LISTED_LAYERS,
    Asset,
    Cap,
    Contract,
    Kind,
    Layer,
    OpenInterest,
    Overdraft,
    Rulebook,
    Tier,
)

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START_NS = 1_700_000_000 * SECOND
PPM = 10**6
CLASSES = ("major", "alt", "option")


@dataclass(frozen=True)
class Spot:
    """Something that has a price: its first price in ticks, the tick, and the coin that it prices, if any (or -1)."""

    name: str
    tick: str
    first_ticks: int
    coin: int

    @property
    def price(self) -> Fraction:
        """The first price in units of the numeraire."""
        return self.first_ticks * Fraction(self.tick)


@dataclass(frozen=True)
class Listing:
    """A contract and how its marks follow a spot: a basis in ppm, or a premium of so many ppm above the payoff.

    Along a ``spread`` the price is what the spot has moved since the beginning, above zero or below; along an
    ``event`` it is a number from 0 to 100 that rises and falls with the spot.
    """

    terms: Contract
    spot: int
    basis_ppm: int
    along: Literal["spot", "spread", "event"] = "spot"


@dataclass(frozen=True)
class Terms:
    """All of a world's terms. Asset 0 is the numeraire; ``coin_prices`` are the other assets' first prices."""

    assets: list[Asset]
    coin_prices: dict[int, Fraction]
    spots: list[Spot]
    listings: list[Listing]
    rulebook: Rulebook


def draw_terms(random: Random) -> Terms:
    """Terms of one world."""
    decimals, fine = random.choice([(2, 8), (2, 8), (0, 8), (6, 10), (8, 8)])
    whole = 10**fine
    assets = [Asset("USD", decimals, fine)]
    prices: dict[int, Fraction] = {}
    coin = Fraction(random.randint(100, 90_000))
    for symbol, digits, most, price in random.sample(
        [
            ("BTC", (8, 12), 10**6, coin),
            ("EUR", (2, 8), 100, Fraction(random.randint(50, 200), 100)),
            ("ETH", (6, 10), 10**5, Fraction(random.randint(100, 5_000))),
            ("TOK", (3, 9), 10**4, Fraction(random.randint(1, 900), 100)),
        ],
        random.randint(0, 3),
    ):
        prices[len(assets)] = price
        assets.append(Asset(symbol, *digits, most * whole, random.choice([0, 6 * HOUR, 2 * DAY])))
    spots = []
    for number in range(random.randint(1, 2)):
        coins = [at for at, asset in enumerate(assets) if asset.symbol in ("BTC", "ETH")]
        at = coins[number] if number < len(coins) else -1
        tick = random.choice(["0.5", "0.01", "1", "0.05", "0.25"])
        worth = prices[at] if at > 0 else Fraction(random.randint(20, 20_000))
        spots.append(Spot(f"S{number}", tick, max(50, round(worth / Fraction(tick))), at))
    listings = [listing for number in range(len(spots)) for listing in _listings(random, spots, number, assets)]
    return Terms(assets, prices, spots, listings, draw_rulebook(random, assets))


def _listings(random: Random, spots: list[Spot], number: int, assets: list[Asset]) -> list[Listing]:
    """An index on a spot, and some of the contracts that can be written on it."""
    spot = spots[number]
    base = _Base(random, spot, assets)
    found = [Listing(base.linear("IDX", Kind.INDEX), number, 0)]
    kinds = [("FUT", Kind.FUTURE), ("PERP", Kind.PERPETUAL), ("NEXT", Kind.FUTURE)]
    for name, kind in random.sample(kinds, random.randint(1, 3)):
        found.append(Listing(base.linear(name, kind), number, random.randint(-20_000, 20_000)))
    for name, kind in random.sample([("CALL", Kind.CALL), ("PUT", Kind.PUT)], random.randint(0, 2)):
        found.append(Listing(base.option(name, kind, inverse=False), number, random.randint(5_000, 80_000)))
    if random.random() < 0.5:
        found.append(Listing(base.event("BET"), number, 0, "event"))
    if random.random() < 0.3:
        found.append(Listing(base.spread("SPR"), number, 0, "spread"))
        if random.random() < 0.5:
            on_spread = base.option("SCALL", Kind.CALL, inverse=False, underlying="SPR", around=0)
            found.append(Listing(on_spread, number, random.randint(5_000, 80_000), "spread"))
    if spot.coin > 0:
        for name, kind in random.sample([("INV", Kind.PERPETUAL), ("INVF", Kind.FUTURE)], random.randint(0, 2)):
            found.append(Listing(base.inverse(name, kind), number, random.randint(-20_000, 20_000)))
        if random.random() < 0.5:
            found.append(Listing(base.option("ICALL", Kind.CALL, inverse=True), number, random.randint(5_000, 80_000)))
        if random.random() < 0.3:
            found.append(Listing(base.option("IPUT", Kind.PUT, inverse=True), number, random.randint(5_000, 80_000)))
    return found


class _Base:
    """What the contracts on one spot share."""

    def __init__(self, random: Random, spot: Spot, assets: list[Asset]) -> None:
        self.random, self.spot, self.assets = random, spot, assets
        worth = float(spot.price)
        self.lot = "0.001" if worth > 5_000 else "0.01" if worth > 500 else random.choice(["1", "0.1"])

    def _contract(self, name: str, kind: Kind, **terms: Any) -> Contract:
        random = self.random
        dated = kind in (Kind.FUTURE, Kind.CALL, Kind.PUT)
        common: dict[str, Any] = {
            "symbol": f"{self.spot.name}-{name}",
            "kind": kind,
            "tick_size": self.spot.tick,
            "lot_size": self.lot,
            "price_min_ticks": max(1, self.spot.first_ticks // 40),
            "price_max_ticks": self.spot.first_ticks * 20,
            "position_limit_lots": random.choice([500, 20_000, 100_000, 100_000]),
            "margin_class": random.choice(CLASSES[:2]),
            "stale_after_ns": random.choice([3 * HOUR, 2 * DAY, 9 * DAY, 9 * DAY]),
            "expiry_ns": START_NS + random.randint(2 * HOUR, 4 * DAY) // MINUTE * MINUTE if dated else None,
            "fee_ppm": 0 if kind is Kind.INDEX else random.choice([0, 0, 37, 500, 2_000]),
        }
        return Contract(**(common | terms))

    def linear(self, name: str, kind: Kind) -> Contract:
        """Priced and settled in the numeraire, or now and then in another asset."""
        other = self.random.choice(self.assets[1:]).symbol if self.assets[1:] and self.random.random() < 0.15 else "USD"
        return self._contract(name, kind, settlement="USD" if kind is Kind.INDEX else other)

    def inverse(self, name: str, kind: Kind) -> Contract:
        """A lot of so many dollars, settled in the coin."""
        coin = self.assets[self.spot.coin].symbol
        lot = self.random.choice(["1", "10", "100"])
        return self._contract(name, kind, settlement=coin, inverse=True, lot_size=lot)

    def event(self, name: str) -> Contract:
        """A bet that ends between 0 and 100, margined or fully collateralised; mostly it can be resolved early."""
        collateralised = self.random.random() < 0.5
        terms: dict[str, Any] = {"price_min_ticks": 0, "price_max_ticks": 100, "tick_size": "0.01", "lot_size": "1"}
        terms |= {"capped": True, "collateralised": collateralised, "resolvable": self.random.random() < 0.8}
        terms |= {"margin_floor_ticks": 0 if collateralised else self.random.choice([20, 100]), "settlement": "USD"}
        return self._contract(name, Kind.FUTURE, **terms)

    def spread(self, name: str) -> Contract:
        """A future on what the spot has moved: its price is above zero or below."""
        first = self.spot.first_ticks
        terms: dict[str, Any] = {"price_min_ticks": -first, "price_max_ticks": 20 * first, "settlement": "USD"}
        terms |= {"margin_floor_ticks": self.random.choice([max(1, first // 10), first])}
        return self._contract(name, self.random.choice([Kind.FUTURE, Kind.PERPETUAL]), **terms)

    def option(
        self, name: str, kind: Kind, *, inverse: bool, underlying: str = "IDX", around: int | None = None
    ) -> Contract:
        """Near the money; the premium of an inverse one is in parts of the coin."""
        away = round(self.spot.first_ticks * self.random.uniform(-0.15, 0.15))
        strike = (away + (self.spot.first_ticks if around is None else around)) * Fraction(self.spot.tick)
        terms: dict[str, Any] = {
            "settlement": "USD",
            "underlying": f"{self.spot.name}-{underlying}",
            "strike": f"{float(strike):.2f}",
            "futures_style": self.random.random() < 0.3,
            "price_min_ticks": 1,
            "margin_class": "option",
        }
        if inverse:
            terms |= {"settlement": self.assets[self.spot.coin].symbol, "inverse": True, "lot_size": "0.01"}
            terms |= {"tick_size": "0.0001", "price_max_ticks": 30_000}
        return self._contract(name, kind, **terms)


Form = Literal["clearing_house", "venue"]
FORMS: Final[tuple[Form, ...]] = ("clearing_house", "venue")


def draw_rulebook(random: Random, assets: list[Asset], form: Form | None = None) -> Rulebook:
    """Rules with awkward rates: nothing in them is a round number that would hide a rounding."""
    layers = [layer for layer in LISTED_LAYERS[:-1] if random.random() < 0.7]
    random.shuffle(layers)
    lends = random.choice([0, 1, 1, 0.9])
    haircuts = {asset.symbol: random.choice([0, 33_333, 100_000, 250_001, 700_000]) for asset in assets[1:]}
    return Rulebook(
        name="drawn",
        numeraire="USD",
        form=form or random.choice(FORMS),
        collateral={"USD": 0, **haircuts},
        margin_classes={name: _tiers(random, option=name == "option") for name in CLASSES},
        settlement_interval_ns=random.choice([HOUR, 4 * HOUR, DAY]),
        call_due_ns=random.choice([0, 30 * MINUTE, HOUR, 3 * HOUR]),
        waterfall=(*layers, Layer.GAINS_HAIRCUT),
        gains_ppm=random.choice([0, 500_000, 912_345, 1_000_000]),
        long_option_ppm=random.choice([0, 777_777, 1_000_000]),
        call_minimum_fine=random.choice([0, 0, 0, 10 ** assets[0].fine_decimals, 100 * 10 ** assets[0].fine_decimals]),
        slice_ppm=random.choice([100_000, 333_333, 1_000_000]),
        slippage_ppm=random.choice([0, 5_001, 20_000, 150_000]),
        slice_expiry_ns=random.choice([MINUTE, 20 * MINUTE, 2 * HOUR]),
        slices_max=random.choice([0, 1, 3]),
        price_bands={name: random.choice([1, 5_003, 100_001, PPM]) for name in CLASSES if random.random() < 0.25},
        warning_ppm=random.choice([0, 2 * PPM]),
        call_trigger_ppm=random.choice([PPM, PPM, 900_001, 700_000]),
        call_target_ppm=random.choice([PPM, PPM, 1_050_003, 1_500_000]),
        call_recovery=random.choice(["must_pay", "at_due", "at_once"]),
        missed_client_calls=random.choice(["liquidate", "member_pays", "member_pays"]),
        reduce_only_ppm=random.choice([0, 0, PPM, 1_200_007, 3 * PPM]),
        release_ppm=random.choice([PPM, PPM, 1_100_009, 2 * PPM]),
        reserved_trades=random.choice(["checked", "guaranteed"]),
        deposit_final_after_ns=random.choice([0, MINUTE, 2 * HOUR, 2 * DAY, 2 * DAY]),
        overdrafts={asset.symbol: _overdraft(random, asset) for asset in assets if random.random() < lends},
        conversion=random.choice(["treasury", "orders", "orders"]),
        conversion_due_ns=random.choice([1, HOUR, 5 * HOUR, DAY]),
        collateral_caps={asset.symbol: _cap(random, asset) for asset in assets if random.random() < 0.2},
        withdrawal_gates={asset.symbol: random.choice([0, 0, 10**4]) for asset in assets if random.random() < 0.8},
        client_transfers=random.random() < 0.5,
        kept_trades_max=random.choice([0, 3, 17, 10**6, 10**6, 10**6]),
        late_bust=random.choice(["refuse", "offset"]),
        give_up_due_ns=random.choice([MINUTE, HOUR, DAY]),
        transfer_causes=random.choice([("same_owner",), ("estate", "merger", "allocation"), ("same_owner", "merger")]),
        porting_due_ns=random.choice([0, 30 * MINUTE, 6 * HOUR]),
    )


def with_rising_initial(random: Random, rules: Rulebook) -> Rulebook:
    """The same rules, in some classes with initial rates on the whole of a position, or rising with open interest."""
    unit = 10**8
    whole = tuple(name for name in rules.margin_classes if random.random() < 0.25)
    caps: dict[str, OpenInterest] = {}
    for name in rules.margin_classes:
        if rules.form == "venue" and random.random() < 0.4:
            lower = random.choice([0, 0, 1_001, 10**5, 10**6]) * unit
            caps[name] = OpenInterest(lower, lower + random.choice([1, 10**4, 333_333, 10**6, 10**8]) * unit)
    return replace(rules, whole_initial=whole, open_interest=caps)


def _cap(random: Random, asset: Asset) -> Cap:
    """The most that may be brought in of an asset; often it does not bind."""
    whole = 10**asset.decimals

    def most() -> int | None:
        return random.choice([None, whole * 10**3, whole * 10**5, whole * 10**7])

    return Cap(most(), most(), most(), most() if random.random() < 0.5 else None)


def _overdraft(random: Random, asset: Asset) -> Overdraft:
    """How far below zero a balance may be: nothing, a little, or as far as collateral goes."""
    amount = 10**asset.decimals * random.choice([0, 0, 10, 10**3, 10**5, 10**7])
    amount = min(amount, 2**58 // 10 ** (asset.fine_decimals - asset.decimals))
    return Overdraft(amount, random.choice([0, HOUR, 9 * HOUR, 5 * DAY, 5 * DAY]))


def _tiers(random: Random, *, option: bool) -> tuple[Tier, ...]:
    """One to three brackets with rising rates."""
    tiers, floor, initial = [], 0, random.randint(20_000, 250_000)
    for _ in range(random.randint(1, 3)):
        maintenance = initial * random.choice([400, 500, 777, 1_000]) // 1_000
        least = (initial // 2, maintenance // 2) if option else (0, 0)
        tiers.append(Tier(floor, initial, maintenance, *least))
        floor += random.randint(10**11, 10**13)
        initial = min(1_000_000, initial + random.randint(1, 200_000))
    return tuple(tiers)
