"""The trades of the open settlement cycle: what can still be busted, corrected or given up.

Appending must cost a command next to nothing, so novated rows are first kept as the bytes that their fact already has
and become columns later, many facts at a time. When that happens is not state: the columns are the same either way.
"""

import msgspec
import numpy as np

from novate.core.layout import KEPT
from novate.core.rows import NOVATED

PENDING_MAX = 4096
SHARED = ("lots", "value_fine", "buyer_fee_fine", "seller_fee_fine", "contract", "buyer", "seller")


class Blotter:
    """Trades by (source, number), in the order in which they were novated."""

    __slots__ = ("_chunks", "_indices", "_pending", "count", "sources")

    def __init__(self) -> None:
        self.count = 0
        self.sources: list[str] = []
        self._indices: dict[str, int] = {}
        self._chunks: list[np.ndarray] = []
        self._pending: list[tuple[int, int, bytes, bytes]] = []

    # ---- for evolve -------------------------------------------------------------------------------------------------

    def keep(self, source: str, first_number: int, numbers: bytes, rows: bytes) -> bool:
        """Keep the rows of a fact; returns whether ``settle_in`` is due."""
        self._pending.append((self._index_of(source), first_number, numbers, rows))
        self.count += len(rows) // NOVATED.itemsize
        return len(self._pending) >= PENDING_MAX

    def settle_in(self, index_fine: np.ndarray) -> None:
        """Make columns of what was kept; ``index_fine`` is the funding index by contract, unchanged since then."""
        if not self._pending:
            return
        novated = np.frombuffer(b"".join(rows for _, _, _, rows in self._pending), NOVATED)
        chunk = np.zeros(len(novated), KEPT)
        for field in SHARED:
            chunk[field] = novated[field]
        chunk["index_fine"] = index_fine[novated["contract"]]
        sources, firsts, given, rows_of = zip(*self._pending, strict=True)
        lengths = np.array([len(rows) // NOVATED.itemsize for rows in rows_of])
        chunk["source"] = np.repeat(np.array(sources), lengths)
        chunk["number"] = np.repeat(np.array(firsts, np.int64), lengths) + novated["row"]
        for numbers, end, length in zip(given, lengths.cumsum(), lengths, strict=True):
            if numbers:
                chunk["number"][end - length : end] = np.frombuffer(numbers, np.int64)
        self._chunks.append(chunk)
        self._pending = []

    def add(self, source: str, row: tuple[int, ...]) -> None:
        """Add one row: the fields of ``KEPT`` from number to seller, in order. Everything kept must be settled in."""
        self._chunks.append(np.array([(*row, self._index_of(source), 0, 0)], KEPT))
        self.count += 1

    def forget(self, count: int) -> None:
        """Drop the oldest rows, settled in or not."""
        self.count -= count
        while count and self._chunks:
            chunk = self._chunks[0]
            if len(chunk) > count:
                self._chunks[0] = chunk[count:].copy()
                return
            count -= len(chunk)
            del self._chunks[0]
        size, whole = NOVATED.itemsize, 0
        while count and count >= len(self._pending[whole][3]) // size:
            count -= len(self._pending[whole][3]) // size
            whole += 1
        del self._pending[:whole]
        if count:
            source, first_number, numbers, rows = self._pending[0]
            self._pending[0] = source, first_number, numbers[8 * count :], rows[size * count :]

    def clear(self) -> None:
        """Drop everything: the cycle is settled."""
        self.count = 0
        self.sources, self._indices, self._chunks, self._pending = [], {}, [], []

    def _index_of(self, source: str) -> int:
        index = self._indices.setdefault(source, len(self.sources))
        if index == len(self.sources):
            self.sources.append(source)
        return index

    # ---- look-ups (everything kept must be settled in) --------------------------------------------------------------

    def rows(self, source: str, number: int) -> list[np.void]:
        """The rows of a trade, busted ones too; writing to one writes to the blotter."""
        if source not in self._indices:
            return []
        index = self._indices[source]
        return [
            chunk[at]
            for chunk in self._chunks
            for at in np.flatnonzero((chunk["number"] == number) & (chunk["source"] == index)).tolist()
        ]

    def standing(self, source: str, number: int) -> list[np.void]:
        """The rows of a trade that are not busted: one, or its parts where some of it was given up."""
        return [row for row in self.rows(source, number) if not row["busted"]]

    def first_number(self, source: str) -> int | None:
        """The lowest number on record of a source, or None."""
        if source not in self._indices:
            return None
        index = self._indices[source]
        found = [chunk["number"][chunk["source"] == index] for chunk in self._chunks]
        return min((int(numbers.min()) for numbers in found if len(numbers)), default=None)

    def parts(self) -> list[np.ndarray]:
        """All rows in order, as they lie: to be read and not written."""
        return list(self._chunks)

    def columns(self) -> np.ndarray:
        """All rows in order: a copy."""
        return np.concatenate([np.zeros(0, KEPT), *self._chunks])

    # ---- snapshots (everything kept must be settled in) -------------------------------------------------------------

    def dumps(self) -> bytes:
        """The canonical form: it does not depend on how the rows came in."""
        return msgspec.msgpack.encode([self.sources, self.columns().tobytes()])

    @classmethod
    def loads(cls, data: bytes) -> "Blotter":
        """The blotter of ``dumps``."""
        blotter = cls()
        blotter.sources, rows = msgspec.msgpack.decode(data, type=tuple[list[str], bytes])
        blotter._indices = {source: index for index, source in enumerate(blotter.sources)}
        if rows:
            blotter._chunks.append(np.frombuffer(rows, KEPT).copy())
        blotter.count = sum(map(len, blotter._chunks))
        return blotter

    @property
    def nbytes(self) -> int:
        """Bytes held, for the figures."""
        return sum(chunk.nbytes for chunk in self._chunks) + sum(len(rows) for _, _, _, rows in self._pending)
