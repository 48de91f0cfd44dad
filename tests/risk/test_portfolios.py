"""Whole accounts: what they are asked for is what the model's sheet asks, and who is short is counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import bdtrc

from novate.core.terms import Kind
from novate.report.accounts import sections
from novate.risk.backtest.accounts import Account, Accounts, Held, held
from novate.risk.backtest.comparison import compare
from novate.risk.backtest.coverage import pof
from novate.risk.backtest.hypothetical import HEDGE_MOVES, hedge_ratios, hypothetical
from novate.risk.backtest.portfolios import Portfolios, backtest, groups
from novate.risk.backtest.traffic_light import traffic_light
from novate.risk.errors import RiskError
from novate.risk.factors import Factor, FactorHistory, one_step_moves
from novate.risk.instruments import Instrument
from novate.risk.models.blocks import Model
from novate.risk.models.challengers import PlainHistorical
from novate.risk.models.draft import draft
from novate.risk.models.requirement import requirement
from tests.risk.test_comparison import models
from tests.risk.test_revaluation import contract
from tests.risk.walks import daily, walk

COINS = (Factor("BTC"), Factor("ETH"), Factor("OIL", "absolute"))
STEPS = walk(800, seed=1, factors=2)
OIL = 60 + np.cumsum(np.random.default_rng(2).standard_normal(800))[:, None]
HISTORY = daily(np.concatenate([STEPS[:, :1], STEPS[:, :1] ** 0.5 * STEPS[:, 1:], OIL], axis=1), *COINS)
ACCOUNTS = Accounts(
    ("Alder", "Birch"),
    (
        Account("Alder", "Alder", lots={"BTC": 3.0, "ETH": -2.0, "OIL": 40.0}),
        Account("Ann", "Alder", weights={"BTC": 500.0}),
        Account("Bob", "Alder", weights={"BTC": -500.0}),
        Account("Birch", "Birch", lots={"ETH": -1.0, "OIL": -10.0}),
    ),
)


def run_over(model: Model | None = None, history: FactorHistory = HISTORY, **options: int) -> Portfolios:
    chosen = [model] if model else models()
    return backtest(history, held(ACCOUNTS, history, "by hand"), chosen, level=0.99, **options)


@pytest.mark.parametrize("model", models(), ids=lambda model: model.name)
def test_an_account_is_asked_for_what_the_models_sheet_asks_of_it(model: Model) -> None:
    """With each series a netting set of its own: the last day is what a draft says of as many perpetuals."""
    past = HISTORY.rows(0, len(HISTORY) - 1)
    now = past.levels[-1].tolist()
    perpetuals = [
        Instrument(contract(factor.name, Kind.PERPETUAL), factor.name, None, price, normal=factor.kind == "absolute")
        for factor, price in zip(COINS, now, strict=True)
    ]
    levels = {factor.name: price for factor, price in zip(COINS, now, strict=True)}
    made = draft(model, perpetuals, past, levels, int(past.known_ns[-1]))
    asked = run_over(model, last=100).requirements[model.name][-1]
    lots = ({"BTC": 3, "ETH": -2, "OIL": 40}, {"BTC": 1}, {"BTC": -1}, {"ETH": -1, "OIL": -10})
    sizes = (1.0, 500 / now[0], 500 / now[0], 1.0)
    for each, size, found in zip(lots, sizes, asked, strict=True):
        assert size * requirement(made, each).initial == pytest.approx(found, rel=1e-12)


def test_a_unit_is_an_account_as_any_other() -> None:
    """Long and short of one series, money 1: what the comparison of units says, to the last exception."""
    coin = daily(HISTORY.levels[:, 0])
    both = Accounts(("A",), (Account("A", "A", weights={"BTC": 1.0}), Account("B", "A", weights={"BTC": -1.0})))
    found = backtest(coin, held(both, coin, "both"), models(), level=0.99)
    units = compare(coin, models(), level=0.99)
    assert found.labels == units.labels
    assert found.results == pytest.approx(units.results)
    for path in units.paths:
        assert found.requirements[path.model] == pytest.approx(path.requirement)
    by_unit = {(each.model, each.side): (each.exceptions, each.pof, each.light) for each in units.verdicts}
    for each in found.covered:
        if each.whose == "account":
            side = "long" if each.name == "A" else "short"
            assert (each.exceptions, each.pof, each.light) == by_unit[each.model, side]


def test_results_are_those_of_the_day_after_by_hand() -> None:
    found, last = run_over(PlainHistorical(horizon_steps=1), last=100), HISTORY.levels
    change = last[-1] - last[-2]
    assert found.results[-1] == pytest.approx(
        [change @ [3, -2, 40], 500 * change[0] / last[-2, 0], -500 * change[0] / last[-2, 0], change @ [0, -1, -10]]
    )
    assert (found.labels[-1], len(found.labels)) == (HISTORY.labels()[-1], 100)


def test_no_account_of_a_member_helps_another() -> None:
    found = run_over()
    for model, asked in found.requirements.items():
        lacking = np.maximum(-found.results - asked, 0)
        assert np.array_equal(found.shortfalls(model), lacking)
        by = {(each.whose, each.name): each for each in found.covered if each.model == model}
        for whose, name, places in found.groups():
            one, short = by[whose, name], lacking[:, places].sum(axis=1)
            assert one.exceptions == (short > 0).sum()
            assert one.largest == pytest.approx(short.max())
            assert one.mean == pytest.approx(asked[:, places].sum(axis=1).mean())
            if one.exceptions:
                assert found.labels[int(short.argmax())] == one.largest_on
                assert one.mean_shortfall == pytest.approx(short[short > 0].mean())
                assert one.of_margin == pytest.approx(short.max() / asked[short.argmax(), places].sum())
        assert by["member", "Alder"].exceptions <= sum(
            by["account", name].exceptions for name in ("Alder", "Ann", "Bob")
        )
        assert by["member", "Birch"].largest == by["account", "Birch"].largest
    assert [(whose, places) for whose, _, places in groups(found.held)][4:] == [
        ("member", [0, 1, 2]),
        ("member", [3]),
        ("house", [0, 1, 2, 3]),
    ]


def test_the_light_of_several_accounts_is_that_of_what_they_may_bring_at_most() -> None:
    found = run_over(PlainHistorical(horizon_steps=1))
    by = {each.name: each for each in found.covered if each.whose != "account"}
    steps = len(found.labels)
    alder = by["Alder"]
    assert (alder.pof, alder.conditional, alder.accounts) == (None, None, 3)
    assert alder.expected == pytest.approx(0.03 * steps)
    assert alder.light == traffic_light(alder.exceptions, steps, 0.97)
    birch = by["Birch"]
    hits = found.shortfalls("historical VaR")[:, 3] > 0
    assert birch.pof == pof(hits, 0.99).p_value_exact
    wide = backtest(HISTORY, held(ACCOUNTS, HISTORY, ""), [PlainHistorical(horizon_steps=1)], level=0.5)
    assert wide.covered[-1].light is None
    assert wide.covered[-1].expected == steps


def test_covered_accounts_turn_a_members_light_yellow_no_more_often_than_is_said() -> None:
    """Three accounts whose exceptions come together, by chance, or never on one day: the last reaches the bound."""
    rng, samples, steps = np.random.default_rng(7), 4_000, 250
    yellow_from = traffic_light(0, steps, 0.97).yellow_from
    bound = float(bdtrc(yellow_from - 1, steps, 0.03))
    drawn = rng.random((samples, steps, 3))
    apart = drawn[:, :, 0] < 0.03
    for hits in (drawn[:, :, 0] < 0.01, (drawn < 0.01).any(axis=2), apart):
        yellow = (hits.sum(axis=1) >= yellow_from).mean()
        assert yellow <= bound + 3 * np.sqrt(bound / samples)
    assert yellow >= bound - 3 * np.sqrt(bound / samples)


def test_nothing_is_known_of_the_day_after() -> None:
    """With everything after a row changed, requirements up to that row are the same to the last bit: exposures too."""
    changed = HISTORY.levels.copy()
    changed[701:] *= np.linspace(1.01, 1.4, 99)[:, None]
    other = replace(HISTORY, levels=changed)
    for make in (lambda history: held(ACCOUNTS, history, ""), relative_set):
        before, after = make(HISTORY), make(other)
        assert np.array_equal(before.exposures[:701], after.exposures[:701])
        assert before.exposures.shape == (800, len(before.names), 3)
    one, two = (run_over(PlainHistorical(horizon_steps=1), history) for history in (HISTORY, other))
    asked, again = (each.requirements["historical VaR"] for each in (one, two))
    assert np.array_equal(asked[: 701 - 500], again[: 701 - 500])
    assert (asked[702 - 500 :] != again[702 - 500 :]).any()


def relative_set(history: FactorHistory) -> Held:
    """The hypothetical accounts of a history taken as relative throughout."""
    factors = tuple(Factor(factor.name) for factor in history.factors)
    return hypothetical(replace(history, factors=factors, levels=np.abs(history.levels) + 1))


def test_hypothetical_accounts_are_of_one_size_and_each_theme_is_there() -> None:
    found = relative_set(HISTORY)
    assert np.abs(found.exposures).sum(axis=2) == pytest.approx(1.0)
    assert list(dict.fromkeys(found.members)) == [
        "directional",
        "baskets",
        "concentrated",
        "spreads",
        "neutral",
        "random",
    ]
    by_name = dict(zip(found.names, found.exposures.swapaxes(0, 1), strict=True))
    assert by_name["short ETH"][0].tolist() == [0, -1, 0]
    assert by_name["mostly OIL"][5] == pytest.approx([0.05, 0.05, 0.9])
    assert by_name["ETH against BTC"][9].tolist() == [-0.5, 0.5, 0]
    random = by_name["random 2"]
    assert set(np.unique(random).tolist()) == {-1 / 3, 1 / 3}
    assert abs(np.sign(random).mean(axis=0)).max() < 0.1
    assert found.note == "hypothetical accounts, the set of 2026-11-22"
    assert hypothetical(daily(STEPS[:, 0])).names == ("long BTC", "short BTC", "random 1", "random 2", "random 3")
    with pytest.raises(RiskError, match="of no common size: make all series absolute, or none"):
        hypothetical(HISTORY)


def test_a_hedge_is_the_least_squares_of_the_moves_before() -> None:
    ratios, moves = hedge_ratios(HISTORY, 1, 0), one_step_moves(HISTORY)
    assert ratios[0] == 0
    for row in (5, HEDGE_MOVES, 700):
        window = moves[max(0, row - HEDGE_MOVES) : row]
        assert ratios[row] == pytest.approx(np.linalg.lstsq(window[:, :1], window[:, 1], rcond=None)[0][0])
    found = relative_set(HISTORY)
    hedged = found.exposures[700, found.names.index("long BTC hedged with ETH")]
    taken = daily(np.abs(HISTORY.levels) + 1, *(Factor(factor.name) for factor in COINS))
    assert hedged[1] / hedged[0] == pytest.approx(-hedge_ratios(taken, 0, 1)[700])


@pytest.mark.parametrize(
    ("members", "accounts", "message"),
    [
        (
            ("A",),
            [Account("A", "A", lots={"X": 1}), Account("A", "A", lots={"X": 2})],
            "account 'A': it is there twice",
        ),
        (("A", "A"), [Account("A", "A", lots={"X": 1})], "member 'A': it is there twice"),
        (("A", "B"), [Account("A", "A", lots={"X": 1})], "member 'B': it has no account: give one, or leave the"),
        (("A",), [Account("A", "C", lots={"X": 1})], "account 'A': there is no member 'C': name it in `members`"),
        (
            ("A", "B"),
            [Account("A", "B", lots={"X": 1}), Account("C", "A", lots={"X": 1})],
            "account 'A': it bears the name of a member that is not its own",
        ),
        (("A",), [Account("", "A", lots={"X": 1})], "account '': it has no name"),
        (("A",), [], "accounts: none"),
    ],
)
def test_accounts_that_do_not_add_up_are_named(members: tuple[str, ...], accounts: list[Account], message: str) -> None:
    with pytest.raises(RiskError, match=message):
        Accounts(members, tuple(accounts))


def test_holdings_that_cannot_be_are_named() -> None:
    for size in (np.nan, np.inf):
        with pytest.raises(RiskError, match=r"account 'A': weights of X: .* is not finite"):
            Account("A", "A", weights={"X": size})
    with pytest.raises(RiskError, match="account 'A': lots and weights: give one of them"):
        Account("A", "A", {"X": 1}, {"X": 1})
    for lots in ({}, {"X": 0.0}):
        with pytest.raises(RiskError, match="account 'A': it holds nothing"):
            Account("A", "A", lots)

    def of(account: Account) -> Held:
        return held(Accounts(("A",), (account,)), HISTORY, "")

    with pytest.raises(RiskError, match="account 'A': there is no series 'XRP': the history has BTC, ETH, OIL"):
        of(Account("A", "A", {"XRP": 1}))
    with pytest.raises(RiskError, match="account 'A': a weight of OIL, whose price may be zero or below: give lots"):
        of(Account("A", "A", weights={"OIL": 1}))
    with pytest.raises(RiskError, match=r"BTC, ETH, OIL: 800 prices .* leave 40 days to test"):
        run_over(last=40)
    with pytest.raises(RiskError, match="models of one horizon"):
        backtest(HISTORY, held(ACCOUNTS, HISTORY, ""), [*models(1), *models(2)], level=0.99)


def test_a_loss_against_which_nothing_was_asked_is_no_part_of_it() -> None:
    """A price that only ever rose asks nothing of a long by its history; then it falls."""
    levels = 100 * 1.001 ** np.arange(700.0)
    levels[-50:] *= 0.98 * 0.99 ** np.arange(50.0)
    history = daily(levels)
    long = Accounts(("A",), (Account("A", "A", weights={"BTC": 1.0}),))
    found = backtest(history, held(long, history, ""), [PlainHistorical(horizon_steps=1)], level=0.99)
    (alone, *_) = found.covered
    assert alone.exceptions > 0
    assert alone.largest == pytest.approx(1 - 0.98 * 1.001)
    assert alone.largest_on == history.labels()[-50]
    assert alone.of_margin is None
    assert sections(found)[0].rows[0][9:11] == ["2016-10-12", "–"]
