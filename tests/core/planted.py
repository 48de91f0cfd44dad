"""Houses planted at random, with every access, state and contract, and batches of trades to try on them."""

import functools

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest

from novate.core import layout
from novate.core.book import Book
from novate.core.commands import AdoptRulebook, HaltContract, OpenAccount, OpenSubAccount, SetLimit
from novate.core.facts import OrdersChanged
from novate.core.kernels.lots import set_lots
from novate.core.novation import move_leg
from novate.core.open_interest import fold_initial_scaled
from novate.core.orders import fold_orders
from novate.core.rows import RESERVED
from novate.core.supervision import InitialScaled
from novate.core.terms import TREASURY, Limit, OpenInterest, Rulebook
from tests.core.worlds import BINARY, BTC, EUR, EURO_BINARY, FEED, INDEX, USD, House, rich_house, rich_rulebook

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


CLASSES = st.sampled_from(["major", "alt", "option"])
SCALES = st.sampled_from([OpenInterest(0, 10**13), OpenInterest(10**9, 10**9 + 1), OpenInterest(10**10, 10**15)])


@st.composite
def rules(draw: Draw) -> Rulebook:
    """Price bands, and initial rates on the whole of a position or that rise with open interest, if any."""
    whole = tuple(sorted(draw(st.one_of(st.just(set[str]()), st.sets(CLASSES)))))
    scaled = draw(st.one_of(st.just(dict[str, OpenInterest]()), st.dictionaries(CLASSES, SCALES)))
    form = "venue" if scaled else "clearing_house"
    own = draw(st.one_of(st.just({}), bands))
    return rich_rulebook(form, price_bands=own, whole_initial=whole, open_interest=scaled)


def scale(draw: Draw, book: Book) -> None:
    """Some contracts' initial rates stand at an open interest of some time ago."""
    scaled = book.rulebook.open_interest
    of = [at for at, terms in enumerate(book.registers.contracts) if terms.margin_class in scaled]
    for contract in of:
        most = scaled[book.registers.contracts[contract].margin_class].upper_fine
        fold_initial_scaled(book, InitialScaled(contract, draw(st.integers(0, most))))


@st.composite
def planted(draw: Draw) -> Book:
    """The rich house with random money, positions, marks, funding, accesses and states planted into its columns.

    Limits, halts and rules are set as commands set them.
    """
    house = House(Book.loads(snapshot()))
    book = house.book
    house.ok(AdoptRulebook(draw(rules())))
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
    for contract, (net, cost) in enumerate(table[["net_lots", "net_cost_fine"]][: len(CONTRACTS)].tolist()):
        if net or cost:  # the house takes the other side: what is long is as much as what is short
            move_leg(book, TREASURY, contract, -net, -cost)
    scale(draw, book)
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


@st.composite
def changes(draw: Draw) -> list[tuple[int, int, int, int, int]]:
    """Changes of orders ``(number, lots, contract, account, side)``; most could be accepted."""
    lots = st.one_of(st.integers(-20, 20), st.integers(-3_000, 3_000), st.sampled_from([200_001, -(2**63), 2**63 - 1]))
    contract = st.one_of(st.sampled_from(CONTRACTS[1:]), st.sampled_from([INDEX, -1, 99]))
    account = st.one_of(accounts, st.sampled_from([0, -1, 99]))
    rows = draw(st.lists(st.tuples(lots, contract, account, st.sampled_from([0, 1, 0, 1, 2])), max_size=12))
    return [(at + 1, *row) for at, row in enumerate(rows)]


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
