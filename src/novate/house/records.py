"""Records of the journal, decoded."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from novate.core.commands import AnyCommand
from novate.core.facts import AnyFact
from novate.house.outcome import Recorded
from novate.service.journal import Record

_decode_command: Final = msgspec.msgpack.Decoder(AnyCommand).decode
_decode_facts: Final = msgspec.msgpack.Decoder(tuple[AnyFact, ...]).decode


def recorded(records: Iterable[Record]) -> Iterator[Recorded]:
    """Each record of a journal with its command and facts."""
    for record in records:
        yield Recorded(
            seq=record.seq,
            time_ns=record.time_ns,
            command=_decode_command(record.command),
            facts=_decode_facts(record.facts),
        )
