"""The compiled loops against their plain twin, on houses planted at random: every access, state and contract."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from novate.core import laws, layout
from novate.core.book import Book
from novate.core.commands import AdoptRulebook, HaltContract, PublishMarks, SetLimit, SubmitTrades
from novate.core.evolve import evolve
from novate.core.facts import ContractHalted, MarksPublished
from novate.core.kernels.arithmetic import convert, reference_at, size_at, value_at
from novate.core.kernels.lots import set_lots
from novate.core.limits import check_legs
from novate.core.novation import decide_trades
from novate.core.plain import limits as plain_limits
from novate.core.plain import margin as plain_margin
from novate.core.plain import marks as plain_marks
from novate.core.plain import settlement as plain_settlement
from novate.core.plain import values as plain_values
from novate.core.reasons import Reason
from novate.core.rows import MARK, MARKED
from novate.core.settlement import flows_of
from novate.core.terms import Limit
from novate.core.variation import decide_marks
from tests.core.planted import (
    CONTRACTS,
    Row,
    accounts,
    batches,
    changes,
    examples,
    lots,
    planted,
    priced,
    snapshot,
    wide,
)
from tests.core.twins import compare_judgements, compare_orders, compare_trades
from tests.core.worlds import BTC, INDEX, USD, House, marks, refusals, rich_house, rich_rulebook, trades


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
        for parts in ([rows], [[row] for row in rows]):
            house = House(Book.loads(book.dumps()))
            for batch in parts:
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
