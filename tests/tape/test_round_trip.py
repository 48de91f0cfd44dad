"""Every command through the tape and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novate import tape
from novate.core import commands as core
from novate.core.commands import AnyCommand
from novate.core.rows import CASH, MARK
from tests.tape.drawn import COMMANDS, LIFECYCLE, NS, packed
from tests.tape.known import decode, registers


@given(COMMANDS | LIFECYCLE, st.none() | NS)
def test_every_command_goes_through_the_tape_and_back(command: AnyCommand, time_ns: int | None) -> None:
    known = registers()
    line = tape.to_line(tape.encode_command(command, known, time_ns))
    assert "\n" not in line
    decoded = decode(tape.parse_line(line), known)
    assert decoded.refusals == ()
    assert decoded.command == command
    assert decoded.time_ns == time_ns
    assert tape.to_line(tape.encode_command(command, known, time_ns)) == line


def test_what_a_tape_cannot_say_is_said() -> None:
    twice = core.PublishMarks(packed(MARK, [(1, 0, 0), (2, 0, 0)]))
    with pytest.raises(LookupError, match="BTC-PERP occurs twice"):
        tape.encode_command(twice, registers())
    with pytest.raises(LookupError, match="there is no account 99"):
        tape.encode_command(core.Deposit("bank", packed(CASH, [(1, 1, 99, 0)])), registers())
