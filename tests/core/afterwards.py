"""Commands about trades and positions after they were made, drawn so that many of them can be done."""

import hypothesis.strategies as st

from novate.core import commands as c
from novate.core import layout
from novate.core import lifecycle_commands as after
from novate.core.terms import CLIENTS
from tests.core.worlds import House

KINDS = ("bust", "bust", "correct", "offset", "give_up", "answer", "answer", "transfer", "compress", "port", "ported")


def any_of(house: House, accounts: list[int], data: st.DataObject) -> c.AnyCommand:
    """One command, about a trade that is on record if there is one."""
    kind = data.draw(st.sampled_from(KINDS))
    if kind in ("bust", "correct", "offset", "give_up"):
        return _about_a_trade(house, kind, accounts, data)
    book, by = house.book, ("operations", house.next())
    if kind == "answer":
        waiting = [*book.registers.give_ups, book.registers.next_give_up]
        number = data.draw(st.sampled_from(waiting))
        pending = book.registers.give_ups.get(number)
        member = book.registers.accounts[pending.receiver].member if pending else 0
        return after.AnswerGiveUp(*by, number, data.draw(st.sampled_from([member] * 9 + [1])), data.draw(st.booleans()))
    if kind in ("port", "ported"):
        clients = [at for at in accounts if book.registers.accounts[at].role in CLIENTS]
        kept = [at for at in clients if book.buckets[at]["access"] == layout.REDUCE_ONLY]
        account = data.draw(st.sampled_from([*kept * 9, *accounts]))
        member = book.registers.portings.get(account, data.draw(st.integers(0, 3)))
        if kind == "port":
            return after.PortAccount(*by, account, member)
        return after.AnswerPorting(*by, account, member, data.draw(st.sampled_from([True, True, False])))
    contract = data.draw(st.integers(1, 9))
    held = {
        at: lots
        for at in accounts
        for of, lots, _ in book.positions_of(book.bucket_of(at, contract))
        if of == contract and lots
    }
    if kind == "transfer":
        giver, receiver = data.draw(st.sampled_from([*held] or accounts)), data.draw(st.sampled_from(accounts))
        lots = max(1, abs(held.get(giver, 1)) * data.draw(st.sampled_from([1, 300, 1_000, 1_001])) // 1_000)
        return after.TransferPosition(*by, giver, receiver, contract, lots, "same_owner")
    longs, shorts = [at for at in held if held[at] > 0], [at for at in held if held[at] < 0]
    legs = ()
    if longs and shorts:
        long, short = data.draw(st.sampled_from(longs)), data.draw(st.sampled_from(shorts))
        size = min(held[long], -held[short])
        legs = (after.Reduction(long, -size), after.Reduction(short, size))
    return after.CompressPositions(*by, contract, legs)


def _about_a_trade(house: House, kind: str, accounts: list[int], data: st.DataObject) -> c.AnyCommand:
    book = house.book
    known = book.trades.columns()
    at = data.draw(st.integers(0, max(0, len(known) - 1)))
    number = int(known[at]["number"]) if len(known) else data.draw(st.integers(0, house.number))
    number = data.draw(st.sampled_from([number] * 9 + [house.number // 2]))
    trade = ("operations", house.next(), "venue", number)
    if kind == "bust":
        return after.BustTrade(*trade)
    buyer, seller = data.draw(st.sampled_from(accounts)), data.draw(st.sampled_from(accounts))
    contract, lots = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 20))
    if len(known):
        row = known[at]
        size = max(1, int(row["lots"]) * data.draw(st.sampled_from([1, 500, 1_000, 1_000, 2_000])) // 1_000)
        contract, lots = data.draw(st.sampled_from([(int(row["contract"]), size)] * 9 + [(contract, lots)]))
        sides = book.owner_of(int(row["buyer"])), book.owner_of(int(row["seller"]))
        buyer, seller = data.draw(st.sampled_from([sides] * 3 + [(buyer, seller)]))
    if kind == "give_up":
        side = data.draw(st.sampled_from([buyer, seller]))
        return after.GiveUp(*trade, side, data.draw(st.sampled_from(accounts)), lots)
    of = book.contracts[contract]
    price = int(of["price_ticks"]) * data.draw(st.sampled_from([900, 1_000, 1_000, 1_010])) // 1_000
    price = max(int(of["price_min_ticks"]), min(int(of["price_max_ticks"]), price))
    make = after.CorrectTrade if kind == "correct" else after.OffsetTrade
    return make(*trade, contract, buyer, seller, lots, price)
