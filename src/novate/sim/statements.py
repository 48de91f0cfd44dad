"""The fine print of a simulated run, for its report: data, models, population, rules and depth, as they were."""

from collections import Counter

import numpy as np

from novate.core.terms import Kind, Layer, Rulebook
from novate.report.series import Statement
from novate.sim import depth, paying, plan, population, pricing, working
from novate.sim.market import MOMENTUM_STEPS, ROLL_STEPS, STRIKES, TURMOIL, Market
from novate.sim.plan import Plan
from novate.sim.population import STYLES, Population

LAYER_WORDS = {
    Layer.DEFAULTER_FUND: "the defaulter's fund contribution",
    Layer.SKIN: "the house's own capital",
    Layer.INSURANCE: "the insurance fund",
    Layer.SURVIVORS_FUND: "the survivors' default fund, pro rata",
    Layer.GAINS_HAIRCUT: "a haircut of that day's gains",
}


def statements(plan_: Plan, people: Population, market: Market, rules: Rulebook, seed: int) -> list[Statement]:
    """Everything that a reader needs to judge the run, and to run it again."""
    return [
        _data(plan_),
        _contracts(plan_, market),
        _population(people, seed),
        _behaviour(),
        _rules(plan_, rules),
        _depth(),
    ]


def _data(plan_: Plan) -> Statement:
    history = plan_.history
    rows = []
    for series in plan_.series:
        prices = history.close[:, series.column]
        known = prices[~np.isnan(prices)]
        missing = len(prices) - len(known)
        low = int(np.nanargmin(prices))
        day = np.datetime64(int(history.times_ns[low]), "ns").astype("datetime64[D]")
        span = f"{_price(known[0])} → {_price(known[-1])}"
        rows.append(
            (f"{series.name} ({series.code})", span, f"low {_price(known.min())} on {day}; {missing:,} missing")
        )
    intro = (
        f"{history.source}. {len(history):,} times. Marks of indices and perpetuals are these prices, rounded to the tick; "
        "nothing is filled in: where the source has no price, the contracts are halted until it has one again."
    )
    return Statement("Prices", intro, rows)


def _contracts(plan_: Plan, market: Market) -> Statement:
    kinds = Counter(entry.terms.kind for entry in market.listed)
    carry = f"{100 * pricing.CARRY_PER_YEAR:g} %"
    strikes = ", ".join(f"{100 * part:.0f}" for part in STRIKES)
    days = "quarter" if plan_.daily else "week"
    rows = [
        (
            f"{kinds[Kind.FUTURE]} dated futures",
            f"on {_names(plan_, dated=True)}",
            (
                f"One per {days}, two listed at a time; the mark is the index carried at {carry} a year. Holders move to "
                f"the next in the last {ROLL_STEPS} steps; at its end a contract settles at the index."
            ),
        ),
        (
            f"{kinds[Kind.PERPETUAL]} perpetuals",
            f"on {_names(plan_, dated=False)}",
            f"Funding is published every step: {100 * pricing.FUNDING_BASE_PER_DAY:g} % a day and "
            f"{100 * pricing.FUNDING_LEAN:g} % of the last {MOMENTUM_STEPS} steps' return, at most "
            f"{100 * pricing.FUNDING_CAP_PER_DAY:g} % a day; positive is paid by longs."
            + (" One of them is inverse: quoted in dollars, settled in the coin." if plan_.inverse else ""),
        ),
        (
            f"{kinds[Kind.CALL] + kinds[Kind.PUT]} options",
            f"on {plan_.primary.name}, premium up front",
            (
                f"Strikes at {strikes} % of the index. Marks are Black-76 at the volatility of the last "
                f"{pricing.VOLATILITY_STEPS} steps, at least {100 * pricing.VOLATILITY_FLOOR:g} % a year, and at least a tick."
            ),
        ),
    ]
    intro = "The source records prices only. What is listed on them is chosen here, and its marks are models as stated."
    return Statement("Contracts", intro, rows)


def _population(people: Population, seed: int) -> Statement:
    rows = []
    for place, style in enumerate(STYLES):
        mine = people.style == place
        house, clients = int((mine & people.house).sum()), int((mine & ~people.house).sum())
        margin = float((people.money + people.coin)[mine].sum()) / 1e6
        rows.append(
            (
                style.name,
                f"{house:,} members, {clients:,} clients",
                f"{margin:,.0f} million at the start; {style.remark}",
            )
        )
    intro = (
        f"Drawn from seed {seed}. Margin is log-normal (median {population.HOUSE_MEDIAN / 1e6:g} million for a member, "
        f"{population.CLIENT_MEDIAN / 1e6:g} million for a client; one-bet members {population.ONE_BET_SCALE:g} times "
        f"that). {100 * population.COIN_HOLDERS:.0f} % of the accounts bring part of it in the second collateral asset. "
        "Shares, usage and reserves are assumptions, chosen so that the house meets what it is built for; they are not "
        "estimates of any real market."
    )
    return Statement("Population", intro, rows)


def _behaviour() -> Statement:
    rows = [
        (
            style.name,
            f"uses {100 * style.usage:.0f} % of its margin",
            (
                f"Turns its book over with {100 * style.turnover:g} % chance a step, sized by its "
                f"{'first deposit' if style.fixed else 'present worth'}; has {style.reserve:g} times its margin outside"
                f"{'' if style.credit else ', borrowed'}; when called it reduces instead of paying in {100 * style.cuts:g} % "
                f"of cases, and pays in time in {100 * style.pays:g} %."
            ),
        )
        for style in STYLES
    ]
    intro = (
        "Nobody in it knows the future of the history. Who cannot or will not pay misses the call, and some pay a step too "
        f"late. When the primary series moves {TURMOIL:g} times as much as in the year before the window, borrowers reach "
        f"only {100 * paying.TURMOIL_REACH:.0f} % of their reserve. Trades come matched; market makers take what is left "
        "over. Trades that margin does not allow are refused, and stay refused."
    )
    return Statement("Behaviour", intro, rows)


def _rules(plan_: Plan, rules: Rulebook) -> Statement:
    hours = rules.settlement_interval_ns / 3600e9
    rows = [
        (
            f"Initial margin, {series.name}",
            f"{100 * series.margin_rate:.1f} % at the end",
            (
                f"Maintenance 80 % of it; 1.25 times the rate above 500 million, 1.6 times above 2 billion. Short options "
                f"{150 * series.margin_rate:.1f} % less what they are out of the money, at least half."
            ),
        )
        for series in plan_.series[:6]
    ]
    rows += [
        (
            "Calibration",
            f"{100 * plan.MARGIN_QUANTILE:g} % of past moves",
            (
                f"over {'two days' if plan_.daily else 'a day'} before the window, at least {100 * plan.MARGIN_FLOOR:g} %, and "
                "anew whenever dated contracts have expired."
            ),
        ),
        (
            "Margin calls",
            f"below initial, due {rules.call_due_ns / 3600e9:.1f} h later" if rules.form != "venue" else "none",
            "A client that misses its call is liquidated, a house account's miss is its member's default."
            if rules.form != "venue"
            else "A bucket below maintenance is liquidated at once.",
        ),
        (
            "Liquidation",
            f"slices of {rules.slice_ppm / 1e4:g} %, limit {rules.slippage_ppm / 1e4:g} %",
            f"After {rules.slices_max} slices, or when nothing is left, the house takes the bucket over.",
        ),
        ("Settlement", f"every {hours:g} h", f"Collected before it is paid; fees are {plan.FEE_PPM} ppm a side."),
        (
            "Collateral",
            f"{plan_.numeraire} and {plan_.coin}",
            (
                f"{plan_.coin} ({plan_.coin_note}) counts at its price less {plan.COLLATERAL_HAIRCUT_PPM / 1e4:g} %, and is "
                "sold to the treasury at that when cash is owed."
            ),
        ),
        (
            "Waterfall",
            f"{len(rules.waterfall)} layers",
            ", then ".join(LAYER_WORDS[layer] for layer in rules.waterfall),
        ),
        (
            "Funds",
            f"{100 * population.FUND_PART:g} % of margin",
            (
                "of a member and its clients is its default fund contribution; the house's capital, insurance and treasury "
                f"start at {100 * population.SKIN / population.USUAL_MONEY:.2f}, "
                f"{100 * population.INSURANCE / population.USUAL_MONEY:.2f} and "
                f"{100 * population.TREASURY / population.USUAL_MONEY:.1f} % of all margin."
            ),
        ),
    ]
    form = "clearing-house" if rules.form == "clearing_house" else "venue"
    return Statement("Rulebook", f"The {form} form. Every parameter is a command in the journal.", rows)


def _depth() -> Statement:
    rows = [
        (
            "Impact",
            f"{depth.IMPACT:g} · σ · √(Q / V)",
            "of Q lots taken since the last price, for σ a step's volatility",
        ),
        ("Volume V", f"memory {working.VOLUME_MEMORY:g}", "what traded in the last steps, exponentially weighted"),
        (
            "Depth",
            f"{100 * depth.ROUND_SHARE:g} % of V a round, {working.ROUNDS} rounds",
            "per contract and side; an order gets what is left inside its limit, and waits for the rest until it expires",
        ),
        (
            "Other side",
            f"up to {working.FILLS_MAX} accounts",
            "market makers and hedgers with margin to spare; the house refuses one that cannot bear it",
        ),
    ]
    intro = (
        "The clearing house never invents a fill: its liquidation orders are filled outside by this model of limited depth. "
        "It moves the fills' prices, not the recorded ones."
    )
    return Statement("Depth", intro, rows)


def _names(plan_: Plan, *, dated: bool) -> str:
    names = [series.name for series in plan_.series if (series.dated if dated else series.perpetual)]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _price(price: float) -> str:
    return f"{price:,.2f}" if price >= 10 else f"{price:.4g}"
