"""The compiled loops against their plain twin, on houses planted at random: every access, state and contract."""

import functools
from collections.abc import Iterable

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from novate.core import laws, layout
from novate.core.book import Book
from novate.core.commands import (
    AdoptRulebook,
    ChangeOrders,
    HaltContract,
    OpenAccount,
    OpenSubAccount,
    PublishMarks,
    SetLimit,
    SubmitTrades,
)
from novate.core.evolve import evolve
from novate.core.facts import (
    ContractHalted,
    Fact,
    MarksPublished,
    OrdersChanged,
    OrdersFilled,
    RowsRefused,
    SourceAdvanced,
    TradesNovated,
)
from novate.core.kernels.arithmetic import convert, reference_at, size_at, value_at
from novate.core.kernels.margin import set_lots
from novate.core.limits import check_legs
from novate.core.margin import judge, judge_house, judge_many
from novate.core.novation import decide_trades, move_leg
from novate.core.orders import decide_orders, fold_orders
from novate.core.plain import limits as plain_limits
from novate.core.plain import margin as plain_margin
from novate.core.plain import marks as plain_marks
from novate.core.plain import orders as plain_orders
from novate.core.plain import settlement as plain_settlement
from novate.core.plain import trades as plain_trades
from novate.core.plain import values as plain_values
from novate.core.reasons import Reason
from novate.core.rows import MARK, MARKED, NOVATED, REFUSED, RESERVED
from novate.core.settlement import flows_of
from novate.core.terms import Limit
from novate.core.variation import decide_marks
from tests.core.worlds import (
    BINARY,
    BTC,
    EUR,
    EURO_BINARY,
    FEED,
    INDEX,
    USD,
    House,
    marks,
    orders,
    refusals,
    rich_house,
    rich_rulebook,
    trades,
)

Draw = st.DrawFn
ACCOUNTS = range(21)
CONTRACTS = range(19)
POOL, SUBS = 17, [18, 19, 20]
PURSES = [5, 7, 8, 9, 11, 12, 13, 15, 16]
TRADERS = [*PURSES, *SUBS]
accounts = st.sampled_from(TRADERS)
purses = st.sampled_from([*PURSES, POOL])
lots = st.one_of(st.integers(-50, 50), st.integers(-200_000, 200_000))
costs = st.one_of(st.just(0), st.integers(-(10**10), 10**10), st.integers(-(10**15), 10**15))


@functools.cache
def snapshot() -> bytes:
    """The rich house with a gross omnibus account, marked, as bytes: loading it is quicker than driving it."""
    house = rich_house()
    house.ok(OpenAccount(0, "pool", "gross_omnibus"))
    for reference in ("a", "b", "c"):
        house.ok(OpenSubAccount(POOL, reference))
    assert house.account("pool/c") == SUBS[-1]
    return house.book.dumps()


bands = st.dictionaries(st.sampled_from(["major", "alt", "option"]), st.sampled_from([1, 1_000, 50_000, 10**6]))
limits = st.builds(
    Limit,
    name=st.sampled_from(["a", "b", "c", "d"]),
    contract=st.sampled_from(CONTRACTS[1:]),
    measure=st.sampled_from(["net", "gross"]),
    lots=st.sampled_from([0, 5, 20, 40, 200_000]),
    members=st.lists(st.integers(0, 2), max_size=2).map(tuple),
    accounts=st.lists(purses, max_size=2).map(tuple),
)


@st.composite
def planted(draw: Draw) -> Book:
    """The rich house with random money, positions, marks, funding, accesses and states planted into its columns.

    Limits, halts and price bands are set as commands set them.
    """
    house = House(Book.loads(snapshot()))
    book = house.book
    house.do(AdoptRulebook(rich_rulebook(price_bands=draw(st.one_of(st.just({}), bands)))))
    for limit in draw(st.one_of(st.just([]), st.lists(limits, max_size=4))):
        house.do(SetLimit(limit))
    for contract in draw(st.sets(st.sampled_from(CONTRACTS[1:]), max_size=1)):
        house.do(HaltContract(contract, "drawn"))
    table = book.contracts
    factor = draw(st.sampled_from([500_000, 900_000, 1_000_000, 1_100_000, 3_000_000]))
    house.mark(*((contract, price * factor // 1_000_000) for contract, price in FEED.items()))
    bounded = range(BINARY, EURO_BINARY + 1)
    within = {at: st.integers(int(table[at]["price_min_ticks"]), int(table[at]["price_max_ticks"])) for at in bounded}
    house.mark(*draw(st.fixed_dictionaries({}, optional=within)).items())
    prices = draw(st.fixed_dictionaries({BTC: st.integers(1, 10**13), EUR: st.integers(1, 10**10)}))
    house.mark(assets=dict(prices))
    for asset, unit in ((USD, 10**7), (BTC, 10**7), (EUR, 10**7)):
        sizes = draw(st.lists(st.sampled_from([0, 0, 1, 10, 100, 10_000]), min_size=10, max_size=10))
        for account, purse in zip([*PURSES, POOL], sizes, strict=True):
            book.balances[account, asset]["balance_minor"] = purse * unit
    for account, asset, carry in draw(
        st.lists(st.tuples(purses, st.sampled_from([USD, BTC, EUR]), st.integers(-(10**9), 10**9)), max_size=6)
    ):
        book.balances[account, asset]["carry_fine"] = carry
    for account, contract, size, cost in draw(
        st.lists(st.tuples(accounts, st.sampled_from(CONTRACTS[1:]), lots, costs), max_size=16)
    ):
        move_leg(book, account, contract, size, cost)
    resting = st.tuples(st.integers(0, 3_000), st.integers(0, 3_000), st.sampled_from(CONTRACTS[1:]), accounts)
    plant = draw(st.lists(resting, max_size=6))
    fold_orders(book, OrdersChanged(np.array(plant, RESERVED).tobytes()))
    book.registers.rulebook = msgspec.structs.replace(
        book.rulebook, reserved_trades=draw(st.sampled_from(["checked", "guaranteed"]))
    )
    for contract, index in draw(st.dictionaries(st.sampled_from([2, 3, 9, 17]), st.integers(-(10**7), 10**7))).items():
        table[contract]["value_fine"] += int(table[contract]["index_fine"]) - index
        table[contract]["index_fine"] = index
    states = st.sampled_from([layout.UNMARKED, layout.HALTED, layout.EXPIRED])
    for contract, state in draw(st.dictionaries(st.sampled_from(CONTRACTS), states, max_size=2)).items():
        table[contract]["state"] = state
    for account, access in draw(st.dictionaries(accounts, st.integers(0, 4), max_size=3)).items():
        book.buckets[account]["access"] = access
    for asset in draw(st.sets(st.sampled_from([BTC, EUR]), max_size=1)):
        book.assets[asset]["live"] = 0
    set_lots(book.contract_count, book.tables())
    return book


wide = st.sampled_from([-1, -(2**31), 2**31 - 1, 99])
Row = tuple[int, int, int, int, int, int, int]


@st.composite
def batches(draw: Draw) -> list[Row]:
    """Rows ``(number, lots, price, contract, buyer, seller, filled)``; most could be accepted, some have an odd field.

    A price of 800 to 1 200 is per mille of the mark.
    """
    rows = []
    for at in range(draw(st.integers(1, 12))):
        size = draw(st.one_of(st.integers(1, 20), st.integers(1, 2_000), st.integers(1, 3_000_000)))
        price = draw(st.one_of(st.just(1_000), st.integers(990, 1_010), st.integers(800, 1_200)))
        buyer, seller = draw(st.lists(accounts, min_size=2, max_size=2, unique=True))
        filled = draw(st.sampled_from([0, 0, 0, 0, 1, 2, 3]))
        row = [at + 1, size, price, draw(st.sampled_from(CONTRACTS[1:])), buyer, seller, filled]
        field = draw(st.integers(0, 40))
        if field < 7:
            number, side = st.integers(-2, at), st.one_of(wide, st.sampled_from(ACCOUNTS))
            odd_lots = st.sampled_from([0, -1, 2**63 - 1, -(2**63), 200_001])
            odd_price = st.sampled_from([1, 2_000, 20_000, 2**63 - 1, 0, -5])
            odd = (number, odd_lots, odd_price, st.one_of(wide, st.just(INDEX)), side, side, st.integers(-1, 4))
            row[field] = draw(odd[field])
        rows.append(tuple(row))
    return rows


def priced(book: Book, rows: list[Row]) -> list[Row]:
    """The rows with prices of 800 to 1 200 taken as per mille of the mark."""
    out = []
    for number, size, price, contract, *rest in rows:
        if 800 <= price <= 1_200 and 0 <= contract < book.contract_count:
            price = int(book.contracts[contract]["price_ticks"]) * price // 1000
        out.append((number, size, price, contract, *rest))
    return out


def examples(fast: int, slow: int) -> list[object]:
    """A fast run for every day, and one with many examples."""
    return [pytest.param(fast, id="fast"), pytest.param(slow, id="long", marks=pytest.mark.long)]


def compare_judgements(book: Book) -> None:
    """All three ways of judging agree with the twin for every bucket."""
    every = judge_house(book)
    some = judge_many(book, np.arange(book.account_count))
    for bucket in range(book.account_count):
        expected = plain_margin.judge(book, plain_margin.read(book, bucket))
        assert judge(book, bucket) == expected, book.registers.accounts[bucket].name
        by_itself = book.purse_of(bucket) == bucket
        for rows in (every, some):
            stands = (*expected[:4], int(expected.priced)) if by_itself else (0, 0, 0, 0, 1)
            assert tuple(rows[bucket].tolist()) == stands


def compare_trades(book: Book, rows: list[Row]) -> list[Reason]:
    """A batch decided by the kernel is what the twin decides; returns the reasons of refused rows."""
    facts = decide_trades(book, SubmitTrades("venue", trades(rows)))
    mark = book.registers.sources.get("venue", -1)
    novated, fills, refused, new_mark = plain_trades.decide_trades(book, mark, [(*row, 0)[:7] for row in rows])
    kernel = [row.tolist() for fact in facts if isinstance(fact, TradesNovated) for row in _rows(fact)]
    assert kernel == novated
    assert [row for fact in facts if isinstance(fact, OrdersFilled) for row in unpacked(fact.rows, RESERVED)] == fills
    assert refused_rows(facts) == [(figure, row, reason, side) for figure, row, reason, side in refused]
    assert next((fact.number for fact in facts if isinstance(fact, SourceAdvanced)), mark) == new_mark
    return [reason for _, _, reason, _ in refused]


def refused_rows(facts: Iterable[Fact]) -> list[tuple[int, int, Reason, int]]:
    """Refused rows as they are on record: ``(figure, row, reason, side)``."""
    rows = [row for fact in facts if isinstance(fact, RowsRefused) for row in np.frombuffer(fact.rows, REFUSED)]
    return [(int(figure), int(row), Reason(int(reason)), int(side)) for figure, row, reason, side in rows]


def compare_orders(book: Book, rows: list[tuple[int, int, int, int, int]]) -> None:
    """Changes of orders decided by the kernel are what the twin decides."""
    facts = decide_orders(book, ChangeOrders("venue", orders(rows)))
    mark = book.registers.sources.get("venue", -1)
    reserved, refused, new_mark = plain_orders.decide_orders(book, mark, rows)
    kernel = [row for fact in facts if isinstance(fact, OrdersChanged) for row in unpacked(fact.rows, RESERVED)]
    assert kernel == reserved
    assert refusals(facts) == [(row, reason, figure) for figure, row, reason in refused]
    assert next((fact.number for fact in facts if isinstance(fact, SourceAdvanced)), mark) == new_mark


def unpacked(rows: bytes, layout: np.dtype) -> list[tuple]:
    """Rows of a fact as tuples."""
    return np.frombuffer(rows, layout).tolist()


def _rows(fact: TradesNovated) -> np.ndarray:
    return np.frombuffer(fact.rows, NOVATED)


@pytest.mark.parametrize("count", examples(60, 1_000))
def test_buckets_are_judged_as_the_twin_judges_them(count: int) -> None:
    @settings(max_examples=count)
    @given(planted())
    def run(book: Book) -> None:
        compare_judgements(book)

    run()


@pytest.mark.parametrize("count", examples(120, 1_500))
def test_trades_are_decided_as_the_twin_decides_them(count: int) -> None:
    @settings(max_examples=count)
    @given(planted(), batches())
    def run(book: Book, rows: list[Row]) -> None:
        before = book.digest()
        compare_trades(book, priced(book, rows))
        assert book.digest() == before, "decide wrote to the book"

    run()


@st.composite
def changes(draw: Draw) -> list[tuple[int, int, int, int, int]]:
    """Changes of orders ``(number, lots, contract, account, side)``; most could be accepted."""
    lots = st.one_of(st.integers(-20, 20), st.integers(-3_000, 3_000), st.sampled_from([200_001, -(2**63), 2**63 - 1]))
    contract = st.one_of(st.sampled_from(CONTRACTS[1:]), st.sampled_from([INDEX, -1, 99]))
    account = st.one_of(accounts, st.sampled_from([0, -1, 99]))
    rows = draw(st.lists(st.tuples(lots, contract, account, st.sampled_from([0, 1, 0, 1, 2])), max_size=12))
    return [(at + 1, *row) for at, row in enumerate(rows)]


@pytest.mark.parametrize("count", examples(120, 1_500))
def test_orders_are_decided_as_the_twin_decides_them(count: int) -> None:
    @settings(max_examples=count)
    @given(planted(), changes())
    def run(book: Book, rows: list[tuple[int, int, int, int, int]]) -> None:
        before = book.digest()
        compare_orders(book, rows)
        assert book.digest() == before, "decide wrote to the book"

    run()


@pytest.mark.parametrize("count", examples(60, 1_000))
def test_a_batch_is_what_its_rows_are_one_by_one(count: int) -> None:
    @settings(max_examples=count)
    @given(planted(), batches())
    def run(book: Book, rows: list[Row]) -> None:
        rows, digests = priced(book, rows), []
        for batches in ([rows], [[row] for row in rows]):
            house = House(Book.loads(book.dumps()))
            for batch in batches:
                for fact in decide_trades(house.book, SubmitTrades("venue", trades(batch))):
                    evolve(house.book, fact)
            laws.limits_recount(house.book)
            digests.append(house.book.digest())
        assert digests[0] == digests[1]

    run()


@pytest.mark.parametrize("count", examples(60, 1_000))
def test_marks_are_valued_as_the_twin_values_them(count: int) -> None:
    ticks = st.one_of(
        st.integers(1_900, 1_000_100), st.integers(-101, 101), st.sampled_from([0, -1, 1, -20_000, 2**62, -(2**63)])
    )
    rows = st.lists(st.tuples(st.one_of(st.sampled_from(CONTRACTS), wide), st.one_of(st.none(), ticks)), max_size=14)

    @settings(max_examples=count)
    @given(planted(), rows)
    def run(book: Book, rows: list[tuple[int, int | None]]) -> None:
        packed = marks(rows)
        facts = decide_marks(book, PublishMarks(packed))
        plain_rows = [(row["price_ticks"].item(), row["contract"].item(), row["missing"].item()) for row in
                      np.frombuffer(packed, MARK)]  # fmt: skip
        marked, halted, refused = plain_marks.decide_marks(book, plain_rows)
        kernel = {
            int(row["contract"]): tuple(
                int(row[field]) for field in ("price_ticks", "value_fine", "reference_fine", "otm_fine", "fresh")
            )
            for fact in facts
            if isinstance(fact, MarksPublished)
            for row in np.frombuffer(fact.rows, MARKED)
        }
        assert kernel == marked
        own = {fact.contract: fact.cause for fact in facts if isinstance(fact, ContractHalted)}
        causes = ("missing", "out_of_limits")
        expected = {contract: causes[cause] for contract, cause in halted.items() if contract not in marked}
        assert {contract: own[contract] for contract in expected} == expected
        assert set(own) - set(expected) <= _written_on(book, expected)
        assert sorted((row, reason) for row, reason, _ in refusals(facts)) == sorted(refused)

    run()


def _written_on(book: Book, halted: dict[int, str]) -> set[int]:
    """Options whose underlying is halted."""
    return {at for at in range(book.contract_count) if int(book.contracts[at]["underlying"]) in halted}


@pytest.mark.parametrize("count", examples(40, 1_000))
def test_settlement_flows_are_those_of_the_twin(count: int) -> None:
    @settings(max_examples=count)
    @given(planted())
    def run(book: Book) -> None:
        for asset in range(book.asset_count):
            flow, carry = flows_of(book, asset)
            kernel = {at: (int(flow[at]), int(carry[at])) for at in range(book.account_count)}
            assert kernel == plain_settlement.flows(book, asset)

    run()


@settings(max_examples=60)
@given(st.integers(-2_000, 1_000_000), st.sampled_from(CONTRACTS))
def test_values_per_lot_follow_from_the_terms(price: int, contract: int) -> None:
    book = House(Book.loads(snapshot())).book
    row = book.contracts[contract]
    price = max(price, int(row["price_min_ticks"]))
    assert size_at(price, row) == plain_values.size_per_lot(book, contract, price)
    assert value_at(price, row) == plain_values.value_per_lot(book, contract, price)
    if not row["option"]:  # margin of an option looks at its underlying
        assert reference_at(price, row) == plain_values.reference_per_lot(book, contract, price)


@settings(max_examples=300)
@given(
    st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(2**61, 2**63 - 1)),
    st.tuples(st.integers(0, 10**9), st.integers(0, 9)),
    st.tuples(st.integers(0, 10**9), st.integers(0, 9)),
)
def test_amounts_are_converted_exactly_up_to_the_bound(
    amount: int, credit: tuple[int, int], debit: tuple[int, int]
) -> None:
    book = House(Book.loads(snapshot())).book
    row = book.assets[BTC]
    row["credit_mantissa"], row["credit_scale"] = credit[0], 10 ** credit[1]
    row["debit_mantissa"], row["debit_scale"] = debit[0], 10 ** debit[1]
    assert convert(amount, row) == plain_margin.convert(book, BTC, amount)


def test_every_reason_of_a_trade_row_is_reached() -> None:
    """The batches above are only worth something if they meet every reason; this one names them one by one."""
    house = rich_house()
    house.ok(AdoptRulebook(rich_rulebook(price_bands={"major": 50_000})))
    book = house.book
    a, b = house.account("m0"), house.account("m1")
    liquidating, reducing = house.account("m2/c0"), house.account("m2/c1")
    house.deposit(a, USD, 10**8)
    house.deposit(b, USD, 10**9)
    book.buckets[liquidating]["access"] = layout.LIQUIDATING
    book.buckets[reducing]["access"] = layout.REDUCE_ONLY
    restricted = house.account("m1/c0")
    book.buckets[restricted]["access"] = layout.RESTRICTED
    house.ok(HaltContract(3, "a test"))
    house.ok(SetLimit(Limit("open", 1, "gross", 10)))
    house.ok(SetLimit(Limit("m0", 5, "net", 50, members=(0,))))
    book.contracts[9]["state"] = layout.HALTED
    book.contracts[8]["state"] = layout.EXPIRED
    book.contracts[7]["tier_count"] = 0
    set_lots(book.contract_count, book.tables())
    at = 100_000
    rows = [
        (1, 1, at, 2, a, b),
        (1, 1, at, 2, a, b),
        (2, 1, at, 77, a, b),
        (3, 1, at, 2, a, 77),
        (5, 1, at, 2, a, a),
        (6, 1, at, 2, a, 0),
        (7, 1, at, INDEX, a, b),
        (8, 0, at, 2, a, b),
        (9, 1, 1, 2, a, b),
        (10, 1, at, 9, a, b),
        (11, 1, at, 8, a, b),
        (12, 1, at, 2, a, liquidating),
        (13, 1, at, 2, a, reducing),
        (14, 200_001, at, 2, a, b),
        (15, 200_000, 20_000, 4, a, b),
        (16, 190_000, at, 2, a, b),
        (17, 1, at, 3, a, b),
        (18, 1, 105_421, 1, a, b),
        (19, 1, 95_379, 1, a, b),
        (20, 11, 100_400, 1, a, b),
        (21, 51, 4_000, 5, b, a),
        (22, 1, at, 2, b, restricted),
    ]
    assert compare_trades(book, rows) == [
        Reason.DUPLICATE_OR_LATE,
        Reason.CONTRACT_UNKNOWN,
        Reason.ACCOUNT_UNKNOWN,
        Reason.ACCOUNTS_MUST_DIFFER,
        Reason.ACCOUNT_NOT_TRADABLE,
        Reason.CONTRACT_NOT_TRADABLE,
        Reason.QUANTITY_MUST_BE_POSITIVE,
        Reason.PRICE_OUT_OF_LIMITS,
        Reason.PRICE_MISSING,
        Reason.CONTRACT_EXPIRED,
        Reason.ACCOUNT_IN_LIQUIDATION,
        Reason.MEMBER_IN_DEFAULT,
        Reason.POSITION_LIMIT_EXCEEDED,
        Reason.PREMIUM_NOT_COVERED,
        Reason.MARGIN_INSUFFICIENT,
        Reason.CONTRACT_HALTED,
        Reason.PRICE_OUTSIDE_BAND,
        Reason.PRICE_OUTSIDE_BAND,
        Reason.OPEN_INTEREST_LIMIT_EXCEEDED,
        Reason.GROUP_LIMIT_EXCEEDED,
        Reason.ACCOUNT_RESTRICTED,
    ]
    facts = decide_trades(book, SubmitTrades("venue", trades([(1, 1, 400, 7, a, b)])))
    assert [reason for _, reason, _ in refusals(facts)] == [Reason.MARGIN_CLASS_UNKNOWN]


@settings(max_examples=150)
@given(planted(), st.sampled_from(CONTRACTS[1:]), st.lists(accounts, min_size=2, max_size=2, unique=True), lots)
def test_legs_keep_the_limits_that_a_trade_of_them_would_keep(
    book: Book, contract: int, sides: list[int], size: int
) -> None:
    """What is asked of lots that change accounts is what the twin asks of a trade."""
    size = abs(size) + 1
    buyer, seller = (book.bucket_of(side, contract) for side in sides)
    reason, name = check_legs(book, contract, {buyer: size, seller: -size})
    now = {side: book.position_of(side, contract)[0] for side in (buyer, seller)}
    expected, number = plain_limits.check_limits(book, contract, now, buyer, seller, size)
    assert (reason, name) == (expected, "" if expected is Reason.ACCEPTED else book.registers.limits[number].name)
