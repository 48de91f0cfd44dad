"""Who clears: members, their house and client accounts, what they hold and how they behave.

Everything is drawn from one seeded generator. A behaviour is a row of ``STYLES``: how much of its margin it uses, which
way it leans, how often it turns its book over, whether it pays when called and for how long it can. Nothing in it looks
at the future of the history.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A behaviour.

    ``usage`` is the part of its equity that an account likes to have as initial margin. ``lean`` is +1 for one that is
    long, -1 short, 0 for one that follows the last moves. ``turnover`` is the chance of setting its book anew in a
    step. ``reserve`` is money outside the house, as a multiple of the first deposit, that it can bring when called,
    ``pays`` the chance that it does so in time while the money lasts, and ``cuts`` the chance that a call makes it
    reduce instead. ``fixed`` ones size their book by their first deposit, others by what they have now. Where
    ``credit`` is false the reserve is borrowed, and part of it is out of reach while markets are in turmoil.
    ``members`` and ``clients`` say how common it is among house and client accounts.
    """

    name: str
    remark: str
    usage: float
    lean: float
    turnover: float
    reserve: float
    pays: float
    cuts: float
    fixed: bool
    credit: bool
    members: float
    clients: float


STYLES = (
    Style(
        name="market maker", remark="takes what buyers and sellers leave over, lightly used",
        usage=0.2, lean=0, turnover=0, reserve=10, pays=1, cuts=0, fixed=True, credit=True, members=0.24, clients=0.03,
    ),
    Style(
        name="hedger", remark="short against holdings elsewhere, pays what is called",
        usage=0.3, lean=-1, turnover=0.03, reserve=10, pays=1, cuts=0, fixed=True, credit=True,
        members=0.28, clients=0.32,
    ),
    Style(
        name="investor", remark="long, moderately used, would rather pay than sell",
        usage=0.3, lean=1, turnover=0.03, reserve=12, pays=1, cuts=0, fixed=True, credit=True,
        members=0.28, clients=0.32,
    ),
    Style(
        name="trend follower", remark="leans with the last moves, cuts quickly",
        usage=0.35, lean=0, turnover=0.15, reserve=4, pays=0.99, cuts=0.7, fixed=False, credit=True,
        members=0.1, clients=0.14,
    ),
    Style(
        name="leveraged", remark="long with much of its margin used, on borrowed money",
        usage=0.6, lean=1, turnover=0.04, reserve=3, pays=0.98, cuts=0.4, fixed=False, credit=False,
        members=0.04, clients=0.12,
    ),
    Style(
        name="option writer", remark="short options, and long, against thin margin, on borrowed money",
        usage=0.5, lean=0.5, turnover=0.04, reserve=3, pays=0.98, cuts=0.2, fixed=False, credit=False,
        members=0.02, clients=0.04,
    ),
    Style(
        name="reckless", remark="long to the limit, takes out what is free, pays late or not at all",
        usage=0.85, lean=1, turnover=0.05, reserve=1, pays=0.8, cuts=0, fixed=False, credit=False,
        members=0.015, clients=0.03,
    ),
    Style(
        name="one bet", remark="a large long position in one product, held to the end on borrowed money",
        usage=0.8, lean=1, turnover=0.02, reserve=1.5, pays=1, cuts=0, fixed=False, credit=False,
        members=0.025, clients=0,
    ),
)  # fmt: skip
MAKER, HEDGER, INVESTOR, TREND, LEVERAGED, WRITER, RECKLESS, ONE_BET = range(len(STYLES))

CLIENT_MEDIAN, CLIENT_SPREAD = 600_000.0, 1.0
HOUSE_MEDIAN, HOUSE_SPREAD = 9_000_000.0, 0.8
ONE_BET_SCALE = 8.0
COIN_HOLDERS, COIN_PART = 0.25, (0.2, 0.6)
FUND_PART, FUND_LEAST = 0.03, 250_000.0
SKIN, INSURANCE, TREASURY = 10_000_000.0, 5_000_000.0, 1_500_000_000.0
USUAL_MONEY = 7_000_000_000.0
"""The house's own funds are stated for a population with so much margin, and scale with the one that is drawn."""


@dataclass(slots=True)
class Population:
    """Every account of a member, by its position here; ``index`` is its account in the book once it is open.

    Arrays have one row per account. ``money`` and ``coin`` are the first deposits, in units of the numeraire (the coin
    part at its first price), ``reserve`` what can still be brought. ``weights[account, series]`` says what it trades.
    """

    members: int
    clients: int
    member: np.ndarray
    house: np.ndarray
    style: np.ndarray
    money: np.ndarray
    coin: np.ndarray
    reserve: np.ndarray
    weights: np.ndarray
    perpetual: np.ndarray
    fund: np.ndarray
    index: np.ndarray

    @property
    def count(self) -> int:
        """House and client accounts together."""
        return len(self.member)

    def of(self, what: str) -> np.ndarray:
        """A figure of ``Style`` for every account."""
        return np.array([getattr(style, what) for style in STYLES])[self.style]

    def member_name(self, member: int) -> str:
        """The name of a member."""
        return f"Member {member + 1:03d}"

    def account_name(self, place: int) -> str:
        """The name of an account."""
        name = self.member_name(int(self.member[place]))
        return name if self.house[place] else f"{name} client {place - self.members + 1:05d}"

    def kind(self, place: int) -> str:
        """How an account behaves, in words; a member's own account has the member's place."""
        return STYLES[int(self.style[place])].name


def draw_population(rng: np.random.Generator, members: int, clients: int, series: int) -> Population:
    """Draw ``members`` (house accounts first) and ``clients`` spread over them; large members have more clients."""
    if members < 4 or clients < 0:
        raise ValueError(
            f"a house needs at least 4 members and no negative number of clients, got {members}, {clients}"
        )
    size = rng.lognormal(0.0, HOUSE_SPREAD, members)
    behind = rng.choice(members, clients, p=size / size.sum()) if clients else np.zeros(0, np.int64)
    member = np.concatenate([np.arange(members), np.sort(behind)])
    house = np.arange(len(member)) < members
    style = np.concatenate([_styles(rng, members, "members"), _styles(rng, clients, "clients")])
    capital = np.concatenate([HOUSE_MEDIAN * size, CLIENT_MEDIAN * rng.lognormal(0.0, CLIENT_SPREAD, clients)])
    one_bet = np.flatnonzero(style == ONE_BET)
    capital[one_bet] = ONE_BET_SCALE * HOUSE_MEDIAN * rng.uniform(0.7, 1.3, len(one_bet))
    coin_part = np.where(rng.random(len(member)) < COIN_HOLDERS, rng.uniform(*COIN_PART, len(member)), 0.0)
    weights = rng.dirichlet(1.5 / np.sqrt(1.0 + np.arange(series)), len(member))
    weights[one_bet] = np.eye(series)[np.arange(len(one_bet)) % min(series, 3)]
    held = np.bincount(member, capital, members)
    return Population(
        members=members,
        clients=clients,
        member=member,
        house=house,
        style=style,
        money=capital * (1 - coin_part),
        coin=capital * coin_part,
        reserve=capital * np.array([s.reserve for s in STYLES])[style] * rng.uniform(0.6, 1.4, len(member)),
        weights=weights,
        perpetual=rng.random(len(member)) < 0.4,
        fund=np.maximum(FUND_LEAST, FUND_PART * held),
        index=np.full(len(member), -1),
    )


def _styles(rng: np.random.Generator, number: int, share: str) -> np.ndarray:
    """Styles in their stated shares exactly (largest remainder), in random order: a small house is no lottery."""
    exact = number * np.array([getattr(style, share) for style in STYLES])
    counts = np.floor(exact).astype(np.int64)
    for place in np.argsort(counts - exact, kind="stable")[: number - int(counts.sum())]:
        counts[place] += 1
    return rng.permutation(np.repeat(np.arange(len(STYLES)), counts))
