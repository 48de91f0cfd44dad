"""Trades in-core: decided, novated, netted, margin-checked, laws checked, encoded and hashed, without a disk."""

from collections.abc import Callable, Iterable

import msgspec

from bench.figures import Figure, seconds
from bench.session import TIME_NS, Session, require_accepted, submit_all
from novate.core.book import Book
from novate.core.commands import AnyCommand, SubmitTrades
from novate.core.facts import Fact
from novate.core.layout import POSITION
from novate.core.step import DECISION_VERSION, step
from novate.service.chain import GENESIS, Entry, record_hash
from novate.service.engine import Engine

TARGET = 1_000_000
LINE_BYTES = 64


class Recorder:
    """What the engine does with a command, one thing after the other in one thread, short of committing it."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.seq, self.hash = 0, GENESIS
        self.encode = msgspec.msgpack.Encoder().encode
        self.decode = msgspec.msgpack.Decoder(AnyCommand).decode

    def record(self, command: AnyCommand) -> list[Fact]:
        """Encode, decide, fold, check the laws, encode the facts, hash."""
        encoded = self.encode(command)
        facts = step(self.book, self.decode(encoded), TIME_NS)
        entry = Entry(TIME_NS, DECISION_VERSION, type(command).__name__, encoded, self.encode(facts))
        self.seq += 1
        self.hash = record_hash(self.hash, self.seq, entry)
        return facts

    def record_all(self, commands: Iterable[AnyCommand]) -> None:
        """Record commands, none of which may be refused."""
        for command in commands:
            require_accepted(self.record(command))


def lines_at_least(positions: int) -> int:
    """The cache lines that a trade must fetch: of both accounts the bucket, the balance and all positions."""
    return 2 * (2 + -(-positions * POSITION.itemsize // LINE_BYTES))


def uniform(session: Session) -> list[Figure]:
    """Trades between accounts at random."""
    return measure(session, "trades-uniform", "trades in-core, uniform accounts", hubs=False)


def with_hubs(session: Session) -> list[Figure]:
    """Trades with a hub of many positions on one side of half of them."""
    size = session.size
    name = f"trades in-core, {size.hubs} hubs of {size.hub_positions:,} positions in half of them"
    return measure(session, "trades-hubs", name, hubs=True)


def measure(session: Session, key: str, name: str, *, hubs: bool, target: float = TARGET) -> list[Figure]:
    """The rate of the engine without a disk (one thread decides, one encodes and hashes), and of one thread alone."""
    size, world = session.size, session.world
    with Engine() as engine:
        for commands in (world.opening(), world.filling(), world.hub_filling() if hubs else ()):
            submit_all(engine, commands)
        both = repetitions(session, lambda batches: submit_all(engine, batches), hubs=hubs)
    recorder = Recorder(session.book())
    if hubs:
        recorder.record_all(world.hub_filling())
    alone = repetitions(session, recorder.record_all, hubs=hubs)
    least = lines_at_least(size.positions)
    against = {
        "unit": "trades/s",
        "beside": session.beside_peer(),
        "bounds": {f"{least} cache lines read at random for each, one core": ("limit-lines", 1 / least)},
    }
    return [
        Figure(key=key, figure=name, samples=both, target=target, **against),
        Figure(key=f"{key}-alone", figure=f"{name}: one thread", samples=alone, **against),
    ]


def repetitions(session: Session, work: Callable[[list[SubmitTrades]], object], *, hubs: bool) -> list[float]:
    """Trades a second, one sample a repetition; the batches are made outside the time. The first one warms up."""
    size = session.size
    samples: list[float] = []
    for _ in range(size.repeats + 1):
        batches = [session.world.batch(hubs=hubs) for _ in range(size.batches)]
        samples.append(size.batches * size.batch_rows / seconds(lambda batches=batches: work(batches)))
    return samples[1:]
