"""A journal rewritten with every hash made to fit: what only deciding again, or folding, can tell."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from novate.service.audit import encode_facts
from novate.service.folding import decode_facts
from novate.service.journal import Entry, Journal, JournalReader
from novate.service.snapshot import snapshots

Change = Callable[[list[Entry]], list[Entry]]


def rewrite(folder: Path, change: Change, *, keep_head: bool = False) -> None:
    """Write the journal anew with its entries changed and every hash made to fit: what a forger would do."""
    with JournalReader(folder) as reader:
        entries = [Entry(r.time_ns, r.version, r.kind, r.command, r.facts) for r in reader.records()]
    entries = change(entries)
    head = (folder / "journal.head").read_bytes()
    for file in ("journal.sqlite", "journal.head"):
        (folder / file).unlink()
    kept = [(path, path.rename(path.with_suffix(".aside"))) for path in snapshots(folder)]
    journal = Journal(folder)
    assert list(journal.recover()) == []
    journal.append(entries)
    journal.close()
    for path, aside in kept:
        aside.rename(path)
    if keep_head:
        (folder / "journal.head").write_bytes(head)


def with_facts(seq: int, facts: Callable[[list[Any]], Any]) -> Change:
    """A change that replaces the facts of one record by ``facts(old facts)``."""

    def change(entries: list[Entry]) -> list[Entry]:
        entry = entries[seq - 1]
        changed = facts(decode_facts(entry.facts))
        encoded = changed if isinstance(changed, bytes) else encode_facts(changed)
        entries[seq - 1] = msgspec.structs.replace(entry, facts=encoded)
        return entries

    return change
