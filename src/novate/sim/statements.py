"""The fine print of a simulated run, for its report: data, models, population, rules and depth, as they were."""

from collections import Counter

import numpy as np

from novate.core.terms import Kind, Layer, Rulebook
from novate.report.series import Statement
from novate.sim import depth, paying, plan, population, pricing, working
from novate.sim.market import MOMENTUM_STEPS, ROLL_STEPS, STRIKES, TURMOIL, Market
from novate.sim.plan import Plan
from novate.sim.population import STYLES, Population, Style

LAYER_WORDS = {
    Layer.DEFAULTER_FUND: "the defaulter's fund contribution",
    Layer.SKIN: "the house's own capital",
    Layer.INSURANCE: "the insurance fund",
    Layer.SURVIVORS_FUND: "the survivors' default fund, pro rata",
    Layer.GAINS_HAIRCUT: "a haircut of that cycle's gains",
}
SERIES_SHOWN = 8

Row = tuple[str, str, str]


def statements(plan_: Plan, people: Population, market: Market, rules: Rulebook, seed: int) -> list[Statement]:
    """Everything that a reader needs to judge the run, and to run it again."""
    return [
        _prices(plan_),
        _contracts(plan_, market),
        _population(people, seed),
        _behaviour(),
        _rules(plan_, rules),
        _depth(),
    ]


def _prices(plan_: Plan) -> Statement:
    history, rows = plan_.history, []
    for series in plan_.series[:SERIES_SHOWN]:
        prices = history.close[:, series.column]
        known = prices[~np.isnan(prices)]
        day = np.datetime64(int(history.times_ns[int(np.nanargmin(prices))]), "ns").astype("datetime64[D]")
        remark = f"low {_price(known.min())} on {day}; {len(prices) - len(known):,} missing"
        rows.append((f"{series.name} ({series.code})", f"{_price(known[0])} → {_price(known[-1])}", remark))
    if len(plan_.series) > SERIES_SHOWN:
        rows.append((f"and {len(plan_.series) - SERIES_SHOWN} more", "", ""))
    intro = (
        f"{history.source}. {len(history):,} times. Marks of indices and perpetuals are these prices, rounded to the "
        "tick. Nothing is filled in: where the source has no price, the contracts are halted until it has one again."
    )
    return Statement("Prices", intro, rows)


def _contracts(plan_: Plan, market: Market) -> Statement:
    kinds = Counter(entry.terms.kind for entry in market.listed)
    dated = (
        f"Two listed at a time, one per {'quarter' if plan_.daily else 'week'}; the mark is the index carried at "
        f"{100 * pricing.CARRY_PER_YEAR:g} % a year. Holders move to the next in the last {ROLL_STEPS} steps; at its "
        "end a contract settles at the index."
    )
    funding = (
        f"Funding is published every step: {100 * pricing.FUNDING_BASE_PER_DAY:g} % a day and "
        f"{100 * pricing.FUNDING_LEAN:g} % of the return of the last {MOMENTUM_STEPS} steps, at most "
        f"{100 * pricing.FUNDING_CAP_PER_DAY:g} % a day; positive is paid by longs."
    )
    if plan_.inverse:
        funding += f" One of them is inverse: quoted in {plan_.numeraire}, settled in {plan_.coin}."
    options = (
        f"Strikes at {', '.join(f'{100 * part:.0f}' for part in STRIKES)} % of the index when listed. Marks are "
        f"Black-76 at the volatility of the last {pricing.VOLATILITY_STEPS} steps, at least "
        f"{100 * pricing.VOLATILITY_FLOOR:g} % a year, and at least one tick."
    )
    rows = [
        (f"{kinds[Kind.FUTURE]} dated futures", f"on {_names(plan_, dated=True)}", dated),
        (f"{kinds[Kind.PERPETUAL]} perpetuals", f"on {_names(plan_, dated=False)}", funding),
        (f"{kinds[Kind.CALL] + kinds[Kind.PUT]} options", f"on {plan_.primary.name}, premium up front", options),
    ]
    intro = "The source records prices only. What is listed on them is chosen here, and its marks are models as stated."
    return Statement("Contracts", intro, rows)


def _population(people: Population, seed: int) -> Statement:
    rows = []
    for place, style in enumerate(STYLES):
        mine = people.style == place
        house, clients = int((mine & people.house).sum()), int((mine & ~people.house).sum())
        margin = float((people.money + people.coin)[mine].sum()) / 1e6
        remark = f"{margin:,.0f} million at the start; {style.remark}"
        rows.append((style.name, f"{house:,} members, {clients:,} clients", remark))
    intro = (
        f"Drawn from seed {seed}. Margin is log-normal (median {population.HOUSE_MEDIAN / 1e6:g} million for a member, "
        f"{population.CLIENT_MEDIAN / 1e6:g} million for a client; {population.ONE_BET_SCALE:g} times as much for a "
        f"one-bet member). {100 * population.COIN_HOLDERS:.0f} % of the accounts bring part of it in the second "
        "collateral asset. Shares, usage and reserves are assumptions: they were set so that on the default history "
        "and seed members fail in the autumn of 2008 and their losses reach the survivors' fund. They are estimated "
        "from nothing, and say nothing about how likely that is."
    )
    return Statement("Population", intro, rows)


def _behaviour() -> Statement:
    intro = (
        "Nobody in it knows what comes. Who cannot or will not pay misses the call, and some pay a step too late. When "
        f"the primary series moves {TURMOIL:g} times as much as in the year before the window, borrowers reach only "
        f"{100 * paying.TURMOIL_REACH:.0f} % of their reserve. Trades come matched; market makers take what is left "
        "over. Trades that margin does not allow are refused, and stay refused."
    )
    return Statement("Behaviour", intro, [_style(style) for style in STYLES])


def _style(style: Style) -> Row:
    size = "its first deposit" if style.fixed else "what it is worth now"
    remark = (
        f"Sizes its book by {size} and sets it anew with {100 * style.turnover:g} % chance a step. Has "
        f"{style.reserve:g} times its margin outside{'' if style.credit else ', borrowed'}. When called it reduces "
        f"instead of paying in {100 * style.cuts:g} % of cases; it pays in time in {100 * style.pays:g} %."
    )
    if not style.turnover:
        remark = f"Has {style.reserve:g} times its margin outside and always pays while it lasts."
    return style.name, f"uses {100 * style.usage:.0f} % of its margin", remark


def _rules(plan_: Plan, rules: Rulebook) -> Statement:
    venue = rules.form == "venue"
    calibration = (
        f"of moves over {'two days' if plan_.daily else 'a day'} were smaller, in all that was recorded before; at "
        f"least {100 * plan.MARGIN_FLOOR:g} %, {100 * plan.MARGIN_WITHOUT_HISTORY:g} % where too little was. Set anew "
        "whenever dated contracts have expired."
    )
    missed = "A client that misses its call is liquidated; a house account's miss is its member's default."
    collateral = (
        f"{plan_.coin} ({plan_.coin_note}) counts at its price less {plan.COLLATERAL_HAIRCUT_PPM / 1e4:g} % and goes "
        "to the treasury at that when cash is owed beyond what may be lent."
    )
    lent = (
        f"For {plan.OVERDRAFT_DAYS} days at most, at {plan.INTEREST_PPM / 1e4:g} % a year, out of the treasury and "
        "against other collateral."
    )
    funds = (
        "of a member's and its clients' margin is its default fund contribution. House capital, insurance and treasury "
        f"start at {_share(population.SKIN)}, {_share(population.INSURANCE)} and {_share(population.TREASURY)} of all "
        "margin."
    )
    slices = f"After {rules.slices_max} slices, or when nothing is left, the house takes the bucket over."
    rows = [
        *(_margin(series) for series in plan_.series[:SERIES_SHOWN]),
        ("Calibration", f"{100 * plan.MARGIN_QUANTILE:g} %", calibration),
        ("Margin calls", "none", "A bucket below maintenance is liquidated at once.")
        if venue
        else ("Margin calls", f"below initial, due in {rules.call_due_ns / 3600e9:.1f} h", missed),
        ("Liquidation", f"slices of {rules.slice_ppm / 1e4:g} %, limit {rules.slippage_ppm / 1e4:g} %", slices),
        ("Settlement", f"every {rules.settlement_interval_ns / 3600e9:g} h", "Collected before it is paid."),
        ("Fees", f"{plan.FEE_PPM} ppm a side", "Of the value at the trade price, rounded up."),
        ("Collateral", f"{plan_.numeraire} and {plan_.coin}", collateral),
        ("Balances below zero", f"to {plan.OVERDRAFT:,} {plan_.numeraire}", lent),
        (
            "Waterfall",
            f"{len(rules.waterfall)} layers",
            ", then ".join(LAYER_WORDS[layer] for layer in rules.waterfall),
        ),
        ("Funds", f"{100 * population.FUND_PART:g} %", funds),
    ]
    intro = f"The {'venue' if venue else 'clearing-house'} form. Every parameter is a command in the journal."
    return Statement("Rulebook", intro, rows)


def _margin(series: plan.Series) -> Row:
    rates = f"{100 * series.margin_rate_at_start:.1f} % → {100 * series.margin_rate:.1f} %"
    remark = (
        "Maintenance is 80 % of it. 1.25 times the rate above 500 million, 1.6 times above 2 billion. Short options "
        f"{150 * series.margin_rate:.1f} % less what they are out of the money, at least half of that."
    )
    return f"Initial margin, {series.name}", rates, remark


def _depth() -> Statement:
    rows = [
        (
            "Impact",
            f"{depth.IMPACT:g} · σ · √(Q / V)",
            "of Q lots taken since the last price; σ: volatility of a step",
        ),
        ("Volume V", f"memory {working.VOLUME_MEMORY:g}", "what traded in the last steps, exponentially weighted"),
        (
            "Depth",
            f"{100 * depth.ROUND_SHARE:g} % of V a round, {working.ROUNDS} rounds",
            "per contract and side; an order gets what is left inside its limit, and waits until it expires",
        ),
        (
            "Other side",
            f"up to {working.FILLS_MAX} accounts",
            "market makers and hedgers with margin to spare; the house refuses one that cannot bear it",
        ),
    ]
    intro = (
        "The clearing house never invents a fill: its liquidation orders are filled outside by this model of limited "
        "depth. It moves the prices of the fills, not the recorded ones."
    )
    return Statement("Depth", intro, rows)


def _names(plan_: Plan, *, dated: bool) -> str:
    names = [series.name for series in plan_.series if (series.dated if dated else series.perpetual)]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _share(amount: float) -> str:
    return f"{100 * amount / population.USUAL_MONEY:.2g} %"


def _price(price: float) -> str:
    return f"{price:,.2f}" if price >= 10 else f"{price:.4g}"
