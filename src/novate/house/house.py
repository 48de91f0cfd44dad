"""ClearingHouse: the library's front door."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec

from novate import views
from novate.core.book import Book
from novate.core.commands import AnyCommand, PublishMarks
from novate.core.decide import ROWS
from novate.core.terms import TRADING
from novate.house import questions
from novate.house.commands import Commands
from novate.house.outcome import Outcome, Recorded
from novate.house.plain import Number, plain
from novate.house.records import recorded
from novate.service.engine import Answer, Engine, Ticket
from novate.service.journal import JournalReader
from novate.tape import Decoded, Names, Refused, decode_command, explain_refusals, parse_line, tape_lines, wire_command
from novate.tape import wire as tape_wire

AHEAD_MAX: Final = 256
"""How many commands of a tape may wait for their commit together."""

GROWS: Final = (
    tape_wire.AddAsset,
    tape_wire.ListContract,
    tape_wire.AdoptRulebook,
    tape_wire.AddMember,
    tape_wire.OpenAccount,
    tape_wire.OpenSubAccount,
)
"""Commands that put on record what later ones are decoded against."""

READS_ALL: Final = (tape_wire.AddAsset, tape_wire.Marks)
"""Commands whose meaning, not only whose success, depends on what is on record: defaults, and whose symbol it is."""


class Pending(NamedTuple):
    """A command of a tape on its way: the line, what was decoded and the ticket for its answer."""

    line: int
    decoded: Decoded
    ticket: Ticket[Answer]


class ClearingHouse(Commands):
    """A clearing house: submit commands, read what became of them.

    In memory by default; with a ``path`` every command is in the journal of that folder, durably, before its outcome
    comes back, and the same path opens the same house again. ``clock`` gives the time (nanoseconds since 1970) of
    commands that bring none, for example ``time.time_ns``; without it they happen at the time of the one before, so
    that a house depends on nothing but its commands. Reads show committed state. Use it as a context manager, or
    ``close()`` it.

    Raises ``JournalError`` where the journal cannot be opened, and ``EngineStopped`` from then on if a law of
    conservation is ever broken.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        clock: Callable[[], int] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.path = None if path is None else Path(path)
        self._engine = Engine(
            self.path, clock=_no_clock if clock is None else clock, keep_records=path is None, progress=progress
        )
        # Registers only grow, in place: what is found in them stays true while later commands are decided.
        self._registers = self._engine.read(lambda book: book.registers).result()
        self._names = Names(self._registers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Commit what was submitted and close the journal. May be called again."""
        self._engine.close()

    # --- commands -----------------------------------------------------------------------------------------------

    def submit(self, command: str | bytes | Mapping[str, Any]) -> Outcome:
        """Submit a command of the tape: one line of JSON, or the same as a dict (where a ``Decimal`` may stand too)."""
        decoded = self._decode(command)
        if isinstance(decoded, Outcome):
            return decoded
        if decoded.command is None:
            return self._undecided(decoded)
        return self._outcome(decoded, self._engine.submit(decoded.command, decoded.time_ns).result())

    def apply(self, command: AnyCommand, time_ns: int | None = None) -> Outcome:
        """Submit a command of the core, in indices, ticks, lots and units; refused rows keep their bare reasons."""
        answer = self._engine.submit(command, time_ns).result()
        return self._outcome(_bare(command, time_ns), answer)

    def run(self, tape: bytes | str | Path) -> Iterator[tuple[int, Outcome]]:
        """Submit a whole tape (its bytes, or the path of a file); gives ``(line number, outcome)`` line by line.

        A line that is malformed is answered, and the lines after it are submitted all the same. Lines do not wait for
        each other's commit, so that a tape runs as fast as the journal can group them.
        """
        data = tape if isinstance(tape, bytes) else Path(tape).read_bytes()
        time_ns: int | None = None  # a line without a time happens when the line before it did
        waiting: deque[Pending | tuple[int, Outcome]] = deque()
        latest = grown = None  # the tickets of the last command, and of the last that later ones are decoded against
        for number, line in tape_lines(data):
            decoded = self._decode(line, latest, grown)
            if isinstance(decoded, Outcome):
                waiting.append((number, decoded))
                continue
            time_ns = time_ns if decoded.time_ns is None else decoded.time_ns
            if decoded.command is None:
                waiting.append((number, self._undecided(decoded)))
                continue
            latest = self._engine.submit(decoded.command, time_ns)
            grown = latest if isinstance(decoded.wire, GROWS) else grown
            waiting.append(Pending(number, msgspec.structs.replace(decoded, time_ns=time_ns), latest))
            while len(waiting) > AHEAD_MAX:
                yield self._arrived(waiting.popleft())
        while waiting:
            yield self._arrived(waiting.popleft())

    def next_number(self, source: str) -> int:
        """The number that follows the last one of a source; the first is 1."""
        return max(self._registers.sources.get(source, 0), 0) + 1

    # --- reads --------------------------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """The last record of the house."""
        return self._engine.committed.seq

    @property
    def time_ns(self) -> int:
        """The time of the last command, nanoseconds since 1970."""
        return self._read(lambda book: book.registers.time_ns)

    def account(self, name: str) -> views.Account:
        """One account: balances, positions, equity, requirements, what is free, and its margin call if it has one."""
        index = self._known(self._names.account, name)
        return self._read(lambda book: views.account(book, index))

    def accounts(self) -> list[views.Account]:
        """All accounts of members and clients, their isolated buckets too."""
        return self._read(
            lambda book: [
                views.account(book, index)
                for index, account in enumerate(book.registers.accounts)
                if account.role in TRADING
            ]
        )

    def contract(self, symbol: str) -> views.Contract:
        """One contract or index: its state, last mark and open interest."""
        index = self._known(self._names.contract, symbol)
        return self._read(lambda book: views.contract(book, index))

    def contracts(self) -> list[views.Contract]:
        """All contracts and indices."""
        return self._read(lambda book: [views.contract(book, index) for index in range(book.contract_count)])

    def members(self) -> list[views.Member]:
        """All clearing members, with their clients and fund contributions."""
        return self._read(lambda book: [views.member(book, index) for index in range(len(book.registers.members))])

    def funds(self) -> list[views.Fund]:
        """Money in the house's own accounts and in the default fund."""
        return self._read(views.funds)

    def calls(self) -> list[views.MarginCall]:
        """The open margin calls."""
        return self._read(
            lambda book: [call for index in sorted(book.registers.calls) if (call := views.call(book, index))]
        )

    def open_orders(self) -> list[views.Order]:
        """The liquidation orders that wait for fills."""
        return self._read(views.open_orders)

    def limits(self) -> list[views.Limit]:
        """The limits, whose accounts they count, and what those hold."""
        return self._read(views.limits)

    def rulebook(self) -> views.Rules | None:
        """The rulebook in force, or None before the first."""
        return self._read(views.rulebook)

    def risk_sheet(self) -> views.Rules | None:
        """The risk sheet in force, or None before the first."""
        return self._read(views.risk_sheet)

    def scheduled(self) -> list[views.Rules]:
        """The rulebooks and risk sheets that are to come into force, in the order in which they do."""
        return self._read(views.scheduled)

    def deposits(self) -> list[views.Receipt]:
        """Deposits that are pending, may still be reversed, or were reversed and are still to be collected."""
        return self._read(views.receipts)

    def withdrawals(self) -> list[views.Withdrawal]:
        """Withdrawals on their way out: requested, waiting for a gate, or released."""
        return self._read(views.withdrawals)

    def gates(self) -> list[views.Gate]:
        """The gates that are closed, with cause and age; withdrawals of their assets wait."""
        return self._read(views.gates)

    def overdrafts(self) -> list[views.Overdraft]:
        """The balances below zero: by how much, since and until when, and what they pay."""
        return self._read(views.overdrafts)

    def conversions(self) -> list[views.Conversion]:
        """The open orders that sell collateral for balances below zero."""
        return self._read(views.conversions)

    def trades_on_record(self) -> list[views.Trade]:
        """The trades of the open cycle: what can still be busted, corrected or given up."""
        return self._read(views.trades_on_record)

    def give_ups(self) -> list[views.GiveUp]:
        """The give-ups that wait for the receiving member."""
        return self._read(views.give_ups)

    def portings(self) -> list[views.Porting]:
        """The clients whose member is in default, and who is asked to take them over."""
        return self._read(views.portings)

    def compression(self) -> list[views.Compression]:
        """Lots traded against lots still open, contract by contract."""
        return self._read(views.compression)

    # --- questions ----------------------------------------------------------------------------------------------

    def what_if(
        self,
        account: str,
        trades: Sequence[Mapping[str, Any]] = (),
        deposits: Sequence[Mapping[str, Any]] = (),
    ) -> questions.WhatIf:
        """What an account would be after deposits and then trades, in order, if their other sides can bear them.

        A trade has ``contract``, ``side`` (``buy`` or ``sell``), ``price`` and ``lots`` or ``quantity``; a deposit has
        ``asset`` and ``amount``. What would be refused is answered with its reason and leaves the account as it was.
        """
        index = self._known(self._names.account, account)
        asked = questions.decode(trades, deposits, self._names)
        return self._read(lambda book: questions.what_if(book, index, asked, self._engine.decided_seq))

    def largest_order(self, account: str, contract: str, side: questions.Side, price: Number) -> questions.LargestOrder:
        """The most lots an account could buy or sell at a price: accepted, and one lot more is not.

        Raises ``Refused`` for a price that is off the tick, ``LookupError`` for names that are not on record.
        """
        if side not in ("buy", "sell"):
            raise ValueError(f"`$.side`: expected 'buy' or 'sell', got {side!r}")
        index, of = self._known(self._names.account, account), self._known(self._names.contract, contract)
        ticks = self._names.ticks(plain(price, "$.price"), of, "$.price")
        return self._read(lambda book: questions.largest_order(book, index, of, side, ticks, self._engine.decided_seq))

    def liquidation_price(self, account: str, contract: str) -> questions.LiquidationPrice:
        """The first marks of a contract, all else equal, at which the account is short of its requirements."""
        index, of = self._known(self._names.account, account), self._known(self._names.contract, contract)
        return self._read(lambda book: questions.liquidation_price(book, index, of, self._engine.decided_seq))

    # --- what happened ------------------------------------------------------------------------------------------

    def records(self, since: int = 0) -> Iterator[Recorded]:
        """The records after ``since``: commands and facts, in order; from disk where the house has a path."""
        last = self.seq
        if self.path is None:
            yield from recorded(self._engine.records[since:last])
            return
        with JournalReader(self.path) as reader:
            anchor = reader.hash_of(since)
            if anchor is not None:
                yield from recorded(reader.records(after=since, anchor=anchor, until=last))

    def facts(self, since: int = 0) -> Iterator[dict[str, Any]]:
        """What happened after record ``since``, as plain rows with names and decimals, with their ``seq``."""
        named = views.Named(self._registers)
        for record in self.records(since):
            for row in views.fact_rows(record.facts, named):
                yield {"seq": record.seq, "time_ns": record.time_ns, **row}

    def digest(self) -> str:
        """The hash of the whole state: equal for equal houses."""
        return self._read(lambda book: book.digest().hex())

    def read(self, function: Callable[[Book], Any]) -> Any:
        """``function(book)`` on the house's own thread, for what no other read shows. It must not change the book."""
        return self._read(function)

    # --- how ----------------------------------------------------------------------------------------------------

    def _decode(
        self,
        command: str | bytes | Mapping[str, Any],
        latest: Ticket[Answer] | None = None,
        grown: Ticket[Answer] | None = None,
    ) -> Decoded | Outcome:
        """Decode against committed terms. Commands still on their way are waited for where they could matter."""
        try:
            value = parse_line(command) if isinstance(command, str | bytes) else plain(command)
            wired = wire_command(value)
            if latest is not None and isinstance(wired, tape_wire.Execute):  # any command may place orders
                latest.result()
            elif grown is not None and isinstance(wired, READS_ALL):
                grown.result()
            try:
                decoded = decode_command(wired, self._registers, self._names)
                if grown is None or not decoded.refusals:
                    return decoded
            except Refused:
                if grown is None:
                    raise
            grown.result()  # what was not found may be on its way
            return decode_command(wired, self._registers, self._names)
        except Refused as error:
            return Outcome(seq=None, time_ns=self._registers.time_ns, refusals=(error.refusal,))

    def _arrived(self, pending: Pending | tuple[int, Outcome]) -> tuple[int, Outcome]:
        if isinstance(pending, Pending):
            return pending.line, self._outcome(pending.decoded, pending.ticket.result())
        return pending

    def _undecided(self, decoded: Decoded) -> Outcome:
        time_ns = self._registers.time_ns if decoded.time_ns is None else decoded.time_ns
        return Outcome(seq=None, time_ns=time_ns, refusals=decoded.refusals, rows=decoded.rows)

    def _outcome(self, decoded: Decoded, answer: Answer) -> Outcome:
        return Outcome(
            seq=answer.seq,
            time_ns=answer.time_ns,
            facts=tuple(answer.facts),
            refusals=explain_refusals(decoded, answer.facts, self._registers),
            rows=decoded.rows,
        )

    def _read(self, function: Callable[[Book], Any]) -> Any:
        return self._engine.read(function).result()

    def _known(self, find: Callable[[str, str], int], name: str) -> int:
        try:
            return find(name, "$")
        except Refused as error:
            raise LookupError(error.refusal.message) from None


def _bare(command: AnyCommand, time_ns: int | None) -> Decoded:
    """A command of the core as if it had been decoded, so that its refusals find their rows."""
    layout = ROWS.get(type(command))
    rows = getattr(command, "rows", b"") if layout is not None else b""
    count = len(rows) // layout.itemsize if layout is not None else 0
    assets = len(command.assets) if isinstance(command, PublishMarks) else 0
    return Decoded(
        None,
        time_ns,
        command,
        (),
        count + assets,
        tuple(range(count)),
        tuple(f"$.rows[{row}]" for row in range(count)),
        tuple(range(count, count + assets)),
        tuple(f"$.assets[{row}]" for row in range(assets)),
    )


def _no_clock() -> int:
    """A clock that stands still; the house's time never runs backwards, so it stays at the last command's."""
    return 0
