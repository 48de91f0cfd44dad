"""Bugs planted in the core that only pools of sub-accounts show."""

from typing import Any

from novate.core import give_ups, levels, liquidation, position_transfers
from novate.core.book import Book
from novate.core.liquidation import Held
from novate.core.margin import judge, judge_alone
from novate.core.sides import check_margin
from tests.sim.finding import Bug


def two_apart(
    book: Any, giver: int, receiver: int, contract: int, lots: int, value: int, paths: tuple[str, str], fee: int = 0
) -> None:
    """Two of one pool are judged as if they were strangers."""
    check_margin(book, receiver, contract, lots, value, paths[1], fee)
    check_margin(book, giver, contract, -lots, value, paths[0])


def of_the_largest(book: Any, bucket: int, *left_out: Any) -> Any:
    """A pool holds what one of its clients asks for, not what all of them do."""
    verdict, asked = (
        judge(book, bucket, *left_out),
        [judge_alone(book, sub).initial_fine for sub in book.subs_of(bucket)],
    )
    return verdict._replace(initial_fine=max(asked)) if asked else verdict


def the_pool_alone(book: Any, purse: int, access: int) -> None:
    """What becomes of a pool does not become of its clients."""
    book.buckets["access"][purse] = access


def without_clients(book: Any, purse: int) -> list[Held]:
    """A pool in liquidation holds nothing itself."""
    return [Held(*row, purse) for row in book.positions_of(purse)]


BUGS: dict[str, Bug] = {
    "a pool that nobody calls": (Book, "purses", lambda _, buckets: buckets),
    "a pool that is asked for its largest client": (levels, "judge", of_the_largest),
    "a give-up inside a pool judged apart": (give_ups, "check_both", two_apart),
    "a transfer inside a pool judged apart": (position_transfers, "check_both", two_apart),
    "clients that trade on in their pool's liquidation": (Book, "set_access", the_pool_alone),
    "a pool's liquidation without its clients": (liquidation, "held_in", without_clients),
    "a pool ported without its clients": (Book, "buckets_of", lambda book, at: [at, *book.isolated_of(at)]),
}
