"""Commands from plain tuples: rows packed as the core takes them."""

from collections.abc import Iterable

import numpy as np

from novate.core import rows as layouts


def cash(rows: Iterable[tuple[int, int, int, int]]) -> bytes:
    """Rows ``(number, amount_minor, account, asset)``."""
    return np.array(list(rows), layouts.CASH).tobytes()


def trades(rows: Iterable[tuple[int, ...]]) -> bytes:
    """Rows ``(number, lots, price_ticks, contract, buyer, seller)``, and ``filled`` where orders are filled."""
    return np.array([(*row, 0)[:7] for row in rows], layouts.TRADE).tobytes()


def orders(rows: Iterable[tuple[int, int, int, int, int]]) -> bytes:
    """Changes of resting orders ``(number, lots, contract, account, side)``."""
    return np.array([(*row, 0) for row in rows], layouts.ORDER).tobytes()


def transfers(rows: Iterable[tuple[int, int, int, int, int]]) -> bytes:
    """Rows ``(number, amount_minor, payer, payee, asset)``."""
    return np.array([(*row, 0) for row in rows], layouts.TRANSFER).tobytes()


def marks(rows: Iterable[tuple[int, int | None]]) -> bytes:
    """Rows ``(contract, price_ticks or None)``."""
    return np.array([(price or 0, contract, int(price is None)) for contract, price in rows], layouts.MARK).tobytes()


def funding(rows: Iterable[tuple[int, int]]) -> bytes:
    """Rows ``(contract, rate_e12)``."""
    return np.array([(rate, contract, 0) for contract, rate in rows], layouts.FUNDING).tobytes()
