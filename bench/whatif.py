"""Questions in the core: what a trade would do to an account, how large an order may be, which mark ends a position."""

from collections.abc import Callable

import numpy as np

from bench.figures import Figure, seconds
from bench.session import Session
from bench.world import FIRST_ACCOUNT
from novate.core.whatif import Trade, largest_order, thresholds, what_if

TARGET_US = 20.0
ROUNDS = 200


def questions(session: Session) -> list[Figure]:
    """Accounts at random, each asked about one more trade in a contract that it holds."""
    size, world, book = session.size, session.world, session.book()
    chosen = world.random.integers(FIRST_ACCOUNT, FIRST_ACCOUNT + size.accounts, ROUNDS).tolist()
    held = [book.positions_of(account)[0][0] for account in chosen]
    asked = [(account, contract, int(world.prices[contract])) for account, contract in zip(chosen, held, strict=True)]

    def one_trade() -> None:
        for account, contract, price in asked:
            what_if(book, account, [Trade(contract, 1, price)])

    def order() -> None:
        for account, contract, price in asked[: ROUNDS // 10]:
            largest_order(book, account, contract, 1, price)

    def price() -> None:
        for account, contract, _ in asked[: ROUNDS // 10]:
            thresholds(book, account, contract)

    def microseconds(work: Callable[[], None], count: int) -> list[float]:
        samples = [1e6 * seconds(work) / count for _ in range(size.repeats + 1)]
        return samples[1:]

    positions = float(np.mean([len(book.positions_of(account)) for account in chosen]))
    common = {"unit": "us", "at_most": True}
    name = f"in-core, account of {positions:.0f} positions"
    return [
        Figure(
            key="what-if-trade",
            figure=f"what-if of a trade, {name}",
            samples=microseconds(one_trade, ROUNDS),
            target=TARGET_US,
            **common,
        ),
        Figure(
            key="what-if-order", figure=f"largest order, {name}", samples=microseconds(order, ROUNDS // 10), **common
        ),
        Figure(
            key="what-if-price",
            figure=f"liquidation price, {name}",
            samples=microseconds(price, ROUNDS // 10),
            **common,
        ),
    ]
