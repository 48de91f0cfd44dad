"""Caps on what may be brought in of an asset: by an account, by a member with its clients, and by all of them."""

import numpy as np

from novate.core.book import Book

HOUSE_WIDE = -1
"""Key of what comes in to the whole house in one command; members have the keys below it, accounts those above."""


def member_key(book: Book, account: int) -> int:
    """Key of what comes in to the accounts of the member behind an account."""
    return HOUSE_WIDE - 1 - book.registers.accounts[account].member


def room_under_caps(
    book: Book, account: int, asset: int, added: dict[tuple[int, int], int], *, account_only: bool = False
) -> int | None:
    """Minor units that may still come in beside what is ``added`` before; None where nothing is capped.

    Between accounts of one member (``account_only``) nothing changes for the member and the house.
    Settled balances are counted. What passes a cap by a gain, or by a cap that is lowered, stays and still counts.
    """
    cap = book.rulebook.collateral_caps.get(book.registers.assets[asset].symbol)
    if cap is None:
        return None
    rooms: list[int] = []
    if cap.account_minor is not None:
        held = int(book.balances[account, asset]["balance_minor"])
        rooms.append(cap.account_minor - held - added.get((account, asset), 0))
    if cap.member_minor is not None and not account_only:
        member = book.registers.accounts[account].member
        held = held_by(book, asset, [member])
        rooms.append(cap.member_minor - held - added.get((member_key(book, account), asset), 0))
    if cap.house_minor is not None and not account_only:
        held = held_by(book, asset, list(range(len(book.registers.members))))
        rooms.append(cap.house_minor - held - added.get((HOUSE_WIDE, asset), 0))
    return min(rooms) if rooms else None


def held_by(book: Book, asset: int, members: list[int]) -> int:
    """Collateral of members and their clients, their default fund contributions left out."""
    count = book.account_count
    column = book.balances[:count, asset]["balance_minor"]
    own = np.isin(book.buckets[:count]["member"], members)
    funds = [book.registers.members[member].fund_account for member in members]
    return int(column[own].sum()) - int(column[funds].sum())
