"""The known ways to lose the fund, each a world of its own: what is tried, what the house may lose by it, what it lost.

Every world is played with the auditor beside the core. ``Outcome.lost_minor`` is what the house's own money (insurance,
skin, treasury at the last prices, the rounding account) is less than before, ``bound_minor`` the most that it may be.
A house that loses more has a hole; so has one in which the attacker takes out more than he put in and the house lost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from novate.core import commands as c
from novate.core.facts import Fact, Rejected, RowsRefused
from novate.core.terms import INSURANCE, ROUNDING, SKIN, TREASURY, Asset, Contract, Kind, Layer, Rulebook, Tier
from novate.sim.auditor import Auditor
from novate.sim.worlds import packing
from novate.sim.worlds.play import Stage
from novate.sim.worlds.script import Step
from novate.sim.worlds.terms import DAY, HOUR

USD, TOKEN = 0, 1
FUTURE, PERPETUAL = 0, 1
MAKER, A, B = 5, 7, 9
"""Accounts: an honest market maker, and two that belong to one attacker."""

FUND = 1_000_000_00


@dataclass(frozen=True)
class Outcome:
    """What the house lost and may lose, and what the attacker has more than he brought (all in minor units).

    ``escaped`` says that something was let through that the house must refuse; ``orders`` counts liquidation orders.
    """

    lost_minor: int
    bound_minor: int
    gained_minor: int
    escaped: bool = False
    orders: int = 0


class Scene:
    """A small house: dollars, a token as collateral, a future at 100 dollars and an inverse perpetual on it."""

    def __init__(self, form: str = "venue", members: int = 3, **rules: Any) -> None:
        self.stage = Stage(Auditor())
        self.now_ns, self.number, self.order = 0, 0, 0
        base = {"tick_size": "0.5", "price_min_ticks": 2, "price_max_ticks": 1_000, "margin_class": "flat"}
        base |= {"stale_after_ns": 30 * DAY, "position_limit_lots": 100_000}
        future = Contract(symbol="FUT", kind=Kind.FUTURE, settlement="USD", lot_size="1", expiry_ns=300 * DAY, **base)
        inverse = Contract(symbol="INV", kind=Kind.PERPETUAL, settlement="TOK", lot_size="1", inverse=True, **base)
        terms: dict[str, Any] = {
            "name": "known",
            "numeraire": "USD",
            "form": form,
            "collateral": {"USD": 0, "TOK": 500_000},
            "margin_classes": {"flat": (Tier(0, 100_000, 50_000),)},
            "settlement_interval_ns": DAY,
            "call_due_ns": HOUR,
            "waterfall": (Layer.INSURANCE, Layer.GAINS_HAIRCUT),
            "slices_max": 2,
            "slice_expiry_ns": HOUR,
        }
        self.do(c.AddAsset(Asset("USD", 2, 8)))
        self.do(c.AddAsset(Asset("TOK", 2, 8, 100 * 10**8)))
        self.do(c.ListContract(future))
        self.do(c.ListContract(inverse))
        self.do(c.AdoptRulebook(Rulebook(**(terms | rules))))
        for member in range(members):
            self.do(c.AddMember(f"m{member}"))
        self.mark(200, token=10**8)
        self.put(MAKER, 10 * FUND)
        self.do(c.Contribute("funds", 1, "insurance_fund", USD, FUND))
        self.do(c.Contribute("funds", 2, "treasury", USD, FUND))

    def do(self, command: c.AnyCommand, wait_ns: int = 0) -> list[Fact]:
        """One command, audited."""
        self.now_ns += wait_ns
        return self.stage.do(Step(self.now_ns, command))

    def mark(self, ticks: int, *, token: int | None = None) -> list[Fact]:
        """Both contracts at a price, and the token's price if it is given."""
        prices = () if token is None else (c.AssetPrice(TOKEN, token),)
        return self.do(c.PublishMarks(packing.marks([(FUTURE, ticks), (PERPETUAL, ticks)]), prices))

    def put(self, account: int, amount: int, asset: int = USD) -> bool:
        """Money comes in; whether it was taken."""
        self.number += 1
        return taken(self.do(c.Deposit("bank", packing.cash([(self.number, amount, account, asset)]))))

    def take(self, account: int, amount: int, asset: int = USD) -> bool:
        """Money goes out; whether it was let go."""
        self.number += 1
        return taken(self.do(c.Withdraw("bank", packing.cash([(self.number, amount, account, asset)]))))

    def trade(self, buyer: int, seller: int, lots: int, ticks: int, contract: int = FUTURE) -> bool:
        """One trade; whether it was novated."""
        self.number += 1
        row = (self.number, lots, ticks, contract, buyer, seller)
        return taken(self.do(c.SubmitTrades("venue", packing.trades([row]))))

    def settle(self) -> None:
        """The next cycle."""
        self.do(c.Clock(), DAY)

    def fill(self) -> int:
        """Every open order is filled by the market maker at its limit; how many were."""
        orders = self.stage.picture()["order"]
        for number, (_, _, _, lots, limit, _) in orders.items():
            self.number += 1
            self.do(c.ExecuteLiquidation("desk", self.number, number, abs(lots), limit, MAKER))
        return len(orders)

    def held(self, *accounts: int, asset: int = USD) -> int:
        """Settled balances, together."""
        balances = self.stage.picture()["balance"]
        return sum(balances.get((account, asset), 0) for account in accounts)

    def house(self, asset: int = USD) -> int:
        """The house's own money in one asset."""
        return self.held(INSURANCE, SKIN, TREASURY, ROUNDING, asset=asset)


def taken(facts: list[Fact]) -> bool:
    """Whether nothing was refused."""
    return not any(isinstance(fact, Rejected | RowsRefused) for fact in facts)


# ---- the worlds -----------------------------------------------------------------------------------------------------


def self_trade_at_a_bad_price() -> Outcome:
    """One hand sells to the other far below the mark, so that the first is bankrupt and the second rich.

    B is near its maintenance requirement. A trade that only reduces needs no initial margin, so B may close; but not at
    a price that costs more than B has. The fund may lose nothing.
    """
    scene = Scene()
    scene.put(A, 50_000_00)
    scene.put(B, 1_000_00)
    scene.trade(B, A, 100, 200)
    scene.mark(191)  # 4.50 down: B has 550 of 955, 477.50 are needed to be left alone
    before, own = scene.house(), 51_000_00
    for ticks in (100, 150, 172, 175, 178, 181, 184, 188):
        scene.trade(A, B, 100, ticks)
    scene.settle()
    scene.settle()
    return Outcome(before - scene.house(), 0, scene.held(A, B) - own)


def both_sides_across_a_capped_price() -> Outcome:
    """Both sides of one position while the price is outside what may be marked: nobody knows who is bankrupt.

    The contract halts: neither side can trade or take anything out. When it is marked again the loser is liquidated.
    The fund may lose what the jump takes beyond the loser's margin, and not a cent more, whatever is done meanwhile.
    """
    scene = Scene()
    scene.put(A, 1_000_00)
    scene.put(B, 1_000_00)
    scene.trade(A, B, 100, 200)
    before = scene.house()
    scene.mark(5_000)  # above price_max: no price, and A would be rich
    escaped = [scene.take(A, 1), scene.take(B, 1), scene.trade(A, B, 1, 900), scene.trade(B, A, 100, 100)]
    scene.settle()
    escaped += [scene.take(A, 1), scene.take(B, 1)]
    scene.mark(300)  # 50 dollars up: B lacks 4,000
    scene.settle()
    scene.fill()
    scene.settle()
    return Outcome(
        before - scene.house(),
        4_000_00 + 100 * 3_00,  # the jump beyond B's margin, and 2 % slippage of closing 100 lots at 150
        scene.held(A, B) - 2_000_00,
        any(escaped),
    )


def time_without_the_risky() -> Outcome:
    """Time and prices go on, and the account at risk sends nothing for days.

    It is judged by every mark all the same, and sold down before its margin is gone: in steps smaller than maintenance
    the fund may lose nothing.
    """
    scene = Scene(slice_ppm=1_000_000, slippage_ppm=5_000)
    scene.put(A, 50_000_00)
    scene.put(B, 1_000_00)
    scene.trade(B, A, 100, 200)
    before = scene.house()
    for ticks in range(199, 150, -2):
        scene.do(c.Clock(), 3 * HOUR)
        scene.mark(ticks)
        scene.fill()
    scene.settle()
    scene.settle()
    return Outcome(before - scene.house(), 0, 0)


def a_queue_of_liquidations(accounts: int = 40) -> Outcome:
    """Many small accounts fall at once, so that liquidating them takes longer than they last.

    Each has one order in the market at a time and at most ``slices_max`` before it is taken over, so that the work
    grows with their number and not faster.
    """
    scene = Scene(slice_ppm=1_000_000, slippage_ppm=5_000)
    first = len(scene.stage.picture()["account"])
    for client in range(accounts):
        scene.do(c.OpenAccount(2, f"c{client}"))
        scene.put(first + client, 100_00)
        scene.trade(first + client, MAKER, 10, 200)
    before = scene.house()
    scene.mark(189)  # 5.50 down: 45 left of 94.50 initial, 47.25 maintenance
    while scene.fill():
        scene.do(c.Clock(), HOUR)
    scene.settle()
    orders = scene.stage.picture()["house"]["next order"]
    return Outcome(before - scene.house(), 0, 0, orders=orders)


def a_worthless_token_as_collateral() -> Outcome:
    """A token is pumped in its own thin pool, brought in as collateral, and money is lost to a friend on purpose.

    What the loser owes is raised from the treasury against the token, at its price less haircut. The house may lose
    what the token counts for at most: price_max less haircut per token, and never more than the treasury holds.
    """
    scene = Scene()
    scene.mark(200, token=100 * 10**8)  # its price_max; the pool was a tenth of that yesterday
    scene.put(B, 1_000_00, TOKEN)  # a thousand tokens count for 50,000 dollars
    scene.put(A, 60_000_00)
    scene.trade(B, A, 4_000, 200)
    before = scene.house()
    scene.mark(190)  # 5 dollars down: B owes 20,000
    scene.settle()
    scene.mark(190, token=1)  # the pool is empty
    scene.settle()
    scene.fill()
    scene.settle()
    scene.fill()
    scene.settle()
    return Outcome(before - scene.house(), 50_000_00, scene.held(A, B) - 60_000_00)


def unrealised_profit_borrowed_against() -> Outcome:
    """A gain that is not settled is taken out, or a tower is built on it; then the price goes back.

    Unsettled gains never leave. As margin they count as the rulebook says (here in full), so that the tower falls with
    the price; sold down in steps smaller than maintenance, it costs the fund nothing.
    """
    scene = Scene(slice_ppm=1_000_000, slippage_ppm=5_000)
    scene.put(A, 1_000_00)
    scene.trade(A, MAKER, 100, 200)
    before, escaped = scene.house(), False
    ticks = 200
    for _ in range(10):
        ticks += 6
        scene.mark(ticks)
        escaped |= scene.take(A, 1_00)
        while scene.trade(A, MAKER, 10, ticks):
            escaped |= scene.take(A, 1_00)
    while ticks > 180:
        ticks -= 4
        scene.mark(ticks)
        scene.fill()
    scene.settle()
    scene.settle()
    return Outcome(before - scene.house(), 0, scene.held(A) - 1_000_00, escaped)


def a_remainder_paid_again_and_again(cycles: int = 60) -> Outcome:
    """Results of less than a unit, settled over and over, in the hope that each is rounded up.

    A remainder is carried, not paid and forgotten: the rounding account may be short of at most one unit per account
    and asset, however many cycles there were.
    """
    scene = Scene()
    for account in (A, B):
        scene.put(account, 1_000_00, TOKEN)
    scene.put(MAKER, 1_000_00, TOKEN)
    for buyer, seller, lots in ((A, B, 7), (MAKER, A, 3)):
        scene.trade(buyer, seller, lots, 200, PERPETUAL)
    scene.do(c.Contribute("funds", 3, "treasury", TOKEN, 100))
    before = scene.house(TOKEN)
    for cycle in range(cycles):
        scene.mark((200, 199, 203, 197)[cycle % 4])
        scene.do(c.PublishFunding(packing.funding([(PERPETUAL, (10**9, -(10**9))[cycle % 2])])))
        scene.settle()
    return Outcome(before - scene.house(TOKEN), 3, scene.held(A, B, asset=TOKEN) - 2_000_00)


KNOWN: tuple[Callable[[], Outcome], ...] = (
    self_trade_at_a_bad_price,
    both_sides_across_a_capped_price,
    time_without_the_risky,
    a_queue_of_liquidations,
    a_worthless_token_as_collateral,
    unrealised_profit_borrowed_against,
    a_remainder_paid_again_and_again,
)
