"""What every rule of unwinding must hold, on drawn accounts: conservation, order, rooms between levels."""

from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from novate.core.money import ceil_div
from novate.risk.errors import RiskError
from novate.risk.unwinding.bankruptcy import after, bankruptcy_proceeds
from novate.risk.unwinding.deleveraging import Holder, deleverage
from novate.risk.unwinding.funding import FundingTerms, funding_per_unit
from novate.risk.unwinding.levels import adjust, levels, liquidation_price
from novate.risk.unwinding.loss_sharing import Loser, collect, pay_as_vega, pay_by_largest_remainder
from novate.risk.unwinding.offers import fund_delta, offer_price
from novate.risk.unwinding.ordering import compare, riskiest_first
from novate.risk.unwinding.pacing import Inventory, Pace, slice_size
from novate.risk.unwinding.side_index import (
    LOTS_MAX,
    ONE,
    Side,
    deleverage_side,
    gain_of,
    join,
    lots_of,
    mark,
    share_deficit,
    whole_lots,
)
from novate.risk.unwinding.standing import Change, Market, Standing, closing

F = Fraction
amounts = st.integers(-(10**15), 10**15)
sizes = st.integers(1, 10**9)
standings = st.builds(Standing, st.integers(-50, 50), st.just(0), st.integers(0, 20))


def market(price: Fraction, maintenance_ppm: int) -> Market:
    def asked(notional: int) -> int:
        return ceil_div(notional * maintenance_ppm, 10**6)

    return Market(price, asked, lambda notional: 2 * asked(notional))


markets = st.builds(market, st.fractions(F(1, 1_000), 10**6, max_denominator=1_000), st.integers(1_000, 500_000))


@given(net=amounts, slices=st.lists(st.tuples(amounts, sizes), min_size=1, max_size=6))
def test_the_last_slice_takes_exactly_what_is_left(net: int, slices: list[tuple[int, int]]) -> None:
    """Whatever each slice changes, an account closed slice by slice at its bankruptcy prices ends at nothing."""
    account = Standing(net, 0, sum(relief for _, relief in slices))
    for notional, relief in slices:
        change = Change(-1, notional, relief)
        account = after(account, change, bankruptcy_proceeds(account, change))
    assert (account.net, account.maintenance) == (0, 0)


@given(account=st.builds(Standing, amounts, st.just(0), sizes), notional=amounts, part=st.fractions(0, 1))
def test_a_slice_takes_no_more_than_its_share(account: Standing, notional: int, part: Fraction) -> None:
    """What is left after a slice is the account's share of what it had, rounded in its disfavour by less than one."""
    relief = int(account.maintenance * part)
    assume(relief > 0)
    change = Change(-1, notional, relief)
    left = after(account, change, bankruptcy_proceeds(account, change))
    exact = F(account.net * (account.maintenance - relief), account.maintenance)
    assert 0 <= left.net - exact < 1


@pytest.mark.parametrize("relief", [-5, 11])
def test_a_hedge_cannot_be_closed_alone(relief: int) -> None:
    with pytest.raises(RiskError, match="one package"):
        bankruptcy_proceeds(Standing(5, 0, 10), Change(-1, 3, relief))
    assert bankruptcy_proceeds(Standing(5, 0, 0), Change(-1, 3, 0)) == -8
    assert bankruptcy_proceeds(Standing(5, 0, 10), Change(-1, -3, 0)) == 3, "at the mark"


@given(each=markets, held=sizes, cash=amounts, short=st.booleans())
def test_an_offer_lies_between_the_mark_and_its_spread(each: Market, held: int, cash: int, short: bool) -> None:
    held = -held if short else held
    account = Standing(cash, 0, 0) + each.standing(held)
    assume(account.maintenance > 0)
    exact_mark = F(each.notional(held), held)
    offered = offer_price(account, each, held)
    furthest = F(each.standing(held).maintenance, 10) / abs(held)
    assert 0 <= (offered - exact_mark) * (1 if short else -1) <= furthest
    if not account.is_liquidatable:
        assert offered == exact_mark


@given(proceeds=amounts, bankruptcy=amounts, fee=st.integers(0, 10**6))
def test_the_fund_pays_in_full_and_takes_no_more_than_was_gained(proceeds: int, bankruptcy: int, fee: int) -> None:
    delta, gained = fund_delta(proceeds, bankruptcy, fee_max_ppm=fee), proceeds - bankruptcy
    assert delta == gained if gained <= 0 else 0 <= delta <= min(gained, abs(proceeds))


@given(a=standings, b=standings, c=standings)
def test_the_order_of_risk_is_total_and_transitive(a: Standing, b: Standing, c: Standing) -> None:
    assert compare(a, b) == -compare(b, a)
    assert compare(a, a) == 0
    if compare(a, b) >= 0 and compare(b, c) >= 0:
        assert compare(a, c) >= 0
        if compare(a, b) > 0 or compare(b, c) > 0:
            assert compare(a, c) > 0


@given(accounts=st.lists(st.builds(Standing, amounts, st.just(0), sizes)))
def test_the_order_of_risk_is_that_of_the_ratios(accounts: list[Standing]) -> None:
    ordered = riskiest_first(accounts)
    ratios = [F(account.net, account.maintenance) for account in ordered]
    assert ratios == sorted(ratios)


holders = st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(-(10**12), 10**12)), max_size=6)


@given(
    each=markets, held=st.integers(1, 10**6), cash=amounts, others=holders, start=st.integers(0, 10), side=st.booleans()
)
def test_deleveraging_conserves_lots_and_money(
    each: Market, held: int, cash: int, others: list[tuple[int, int]], start: int, side: bool
) -> None:
    """Parts sum to what is closed; nobody gives more than it holds or ends insolvent; a whole close leaves nothing."""
    held = held if side else -held
    account = Standing(cash, 0, 0) + each.standing(held)
    assume(account.maintenance > 0)
    pool = [
        Holder(str(at), Standing(money, 0, 0) + each.standing(size), size) for at, (size, money) in enumerate(others)
    ]
    parts, left = deleverage(Holder("bankrupt", account, held), pool, each, start=start)
    assert held + sum(part.size for part in parts) == left
    assert len({part.holder for part in parts}) == len(parts)
    for part in parts:
        other = pool[int(part.holder)]
        assert abs(part.size) <= abs(other.size)
        assert part.size * other.size > 0
        change = closing(each, other.size, -part.size)
        assert -part.proceeds >= bankruptcy_proceeds(other.account, change)
    if left == 0:
        assert cash + sum(part.proceeds for part in parts) == 0


wins = st.lists(st.integers(0, 10**12), min_size=1, max_size=12)


@given(wins=wins, part=st.fractions(0, 1))
def test_shared_losses_create_nothing(wins: list[int], part: Fraction) -> None:
    collected = int(sum(wins) * part)
    vega, ours = pay_as_vega(wins, collected), pay_by_largest_remainder(wins, collected)
    assert sum(vega) == sum(ours) == collected
    assert min(ours) >= 0
    assert all(paid <= win for paid, win in zip(ours, wins, strict=True)), "nobody receives more than it won"
    assert all(paid <= win for paid, win in zip(vega[:-1], wins[:-1], strict=True))


@given(losers=st.lists(st.builds(Loser, st.integers(0, 10**9), amounts)), pool=st.integers(0, 10**9))
def test_what_is_owed_is_taken_drawn_or_lacking(losers: list[Loser], pool: int) -> None:
    found = collect(losers, pool)
    assert found.total + found.lacking == sum(loser.owed for loser in losers)
    assert all(0 <= taken <= max(0, loser.balance) for taken, loser in zip(found.taken, losers, strict=True))
    assert found.lacking == 0 or found.from_pool == pool


@pytest.mark.parametrize(("wins", "collected"), [([1, 2], 4), ([1, -2], 0), ([], 0), ([3], -1)])
def test_winners_are_not_paid_more_than_they_won(wins: list[int], collected: int) -> None:
    for pay in (pay_as_vega, pay_by_largest_remainder):
        with pytest.raises(RiskError, match="expected winners"):
            pay(wins, collected)
    with pytest.raises(RiskError, match="no loser"):
        collect([Loser(-1, 0)], 0)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.integers(1, 10**9)),
        st.tuples(st.just("mark"), st.integers(-(10**9), 10**9)),
        st.tuples(st.just("deficit"), st.integers(0, 10**15)),
        st.tuples(st.just("deleverage"), st.integers(0, 999_999)),
    ),
    max_size=30,
)


@given(steps=steps, sign=st.sampled_from([1, -1]))
def test_a_side_scaled_in_one_step_covers_deficits_and_keeps_its_lots(steps: list[tuple[str, int]], sign: int) -> None:
    """Beside it a naive book of fractions, which walks everybody: gains differ by roundings alone, against holders."""
    side, member = join(Side(sign, 0), 1_000)
    members, lots, gains, deficits = [member], [F(1_000)], [F(0)], 0
    for what, size in steps:
        if what == "join":
            side, member = join(side, size)
            members, lots, gains = [*members, member], [*lots, F(size)], [*gains, F(0)]
        elif what == "mark":
            side = mark(side, size)
            gains = [gain + sign * size * held for gain, held in zip(gains, lots, strict=True)]
        elif what == "deficit":
            side, deficits = share_deficit(side, size), deficits + 1
            total = sum(lots)
            gains = [gain - size * held / total for gain, held in zip(gains, lots, strict=True)]
        else:
            taken = side.open_lots * size // 10**6
            left = F(side.open_lots - taken, side.open_lots)
            try:
                side = deleverage_side(side, taken)
            except RiskError:
                continue
            lots = [held * left for held in lots]
    assert sum(whole_lots(side, members)) == side.open_lots
    assert sum(lots_of(side, each) for each in members) <= side.open_lots
    for each, held, gain in zip(members, lots, gains, strict=True):
        assert abs(lots_of(side, each) - held) <= 1
        assert -2 < gain_of(side, each) - gain <= F(1, 1_000), "rounded against the holder"


@given(
    members=st.lists(st.integers(1, 10**9), min_size=1), deficit=st.integers(0, 10**18), cut=st.integers(0, 10**6 - 1)
)
def test_a_shared_deficit_is_covered(members: list[int], deficit: int, cut: int) -> None:
    side, joined = Side(1, 0), []
    for lots in members:
        side, member = join(side, lots)
        joined.append(member)
    taken = side.open_lots * cut // 10**6
    if 0 < taken < side.open_lots:
        side = deleverage_side(side, taken)
    charged = -sum(gain_of(share_deficit(side, deficit), each) for each in joined)
    assert deficit <= charged <= deficit + len(joined) + 1


def test_a_side_is_settled_rather_than_scaled_to_nothing() -> None:
    side, _ = join(Side(1, 0), 10**12)
    with pytest.raises(RiskError, match="settle the whole side"):
        deleverage_side(side, 10**12)
    with pytest.raises(RiskError, match="begin anew"):
        deleverage_side(deleverage_side(Side(1, 10**12, ONE // 10**3), 10**12 - 10**5), 99_999)
    with pytest.raises(RiskError, match="somebody to bear it"):
        share_deficit(Side(1, 0), 1)
    with pytest.raises(RiskError, match="positive number"):
        join(side, LOTS_MAX)


@given(
    maintenance=st.integers(1, 10**6),
    balance=st.integers(0, 10**7),
    available=st.integers(0, 10**7),
    wobble=st.integers(-5, 5),
)
def test_what_was_searched_or_released_is_not_touched_again(
    maintenance: int, balance: int, available: int, wobble: int
) -> None:
    """The gap between search and release is hysteresis: after a move to initial, a wobble inside it moves nothing."""
    at = levels(maintenance, F("1.1"), F("1.2"), F("1.4"))
    moved = adjust(balance, available, at).moved
    assert -balance <= moved <= available
    if balance + moved == at.initial and at.search <= at.initial + wobble <= at.release:
        assert adjust(at.initial + wobble, available, at).moved == 0
    assert adjust(balance, available, at).distressed == (balance + moved < at.maintenance)


@given(price=st.fractions(1, 10**6, max_denominator=100), volume=sizes, short=st.booleans(), percent=st.integers(1, 90))
def test_an_account_at_maintenance_is_liquidated_where_it_stands(
    price: Fraction, volume: int, short: bool, percent: int
) -> None:
    """Maintenance truncated to a whole unit moves the price by no more than that unit does."""
    risk, slip, volume = F(percent, 100), F(1, 100), -volume if short else volume
    assume(risk + slip != 1)
    maintenance = abs(volume) * price * (risk + slip)
    exact = liquidation_price(int(maintenance), volume, price, risk, linear_slippage=slip)
    assert exact is not None
    assert abs(exact - price) <= 1 / abs(abs(volume) * (risk + slip) - volume)


@given(
    held=st.integers(-(10**6), 10**6),
    book=st.lists(st.integers(0, 10**6), min_size=1, max_size=50),
    part=st.integers(1, 100),
)
def test_a_paced_unwinding_never_passes_flat(held: int, book: list[int], part: int) -> None:
    pace, left = Pace(fraction=F(part, 100)), abs(held)
    for volume in book:
        sold = slice_size(pace, left if held > 0 else -left, volume)
        assert 0 <= sold <= min(left, ceil_div(volume, 20))
        left -= sold
    while left:
        before, left = left, left - slice_size(pace, left, 10**9)
        assert left < before, "with a deep book it ends"


@given(
    trades=st.lists(st.tuples(st.integers(-100, 100).filter(bool), st.integers(0, 1_000)), min_size=1),
    mark=st.integers(0, 1_000),
)
def test_an_inventory_gains_what_was_sold_less_what_was_bought(trades: list[tuple[int, int]], mark: int) -> None:
    taken = Inventory()
    for size, price in trades:
        taken = taken.taken(size, F(price))
    assert taken.realised + taken.unrealised(F(mark)) == sum(size * (mark - price) for size, price in trades)


@given(
    perpetual=st.fractions(1, 200),
    spot=st.fractions(1, 200),
    years=st.fractions(0, 1),
    scaling=st.fractions(F(1, 10), 10),
)
def test_a_funding_rate_stays_within_its_bounds(
    perpetual: Fraction, spot: Fraction, years: Fraction, scaling: Fraction
) -> None:
    terms = FundingTerms(F(1, 10), F(-1, 100), F(1, 100), scaling, F(-1, 50), F(1, 50))
    assert abs(funding_per_unit(terms, perpetual, spot, years=years)) <= spot / 50
