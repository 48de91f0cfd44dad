"""The tape: commands as people write them, one JSON object per line, decimals as strings, names instead of indices.

``read`` takes a line apart, ``decode`` turns it into a command of the core against committed terms, ``explain`` says
what was refused and why, ``encode`` writes a command of the core as a line again.
"""

from novate.tape.decode import Decoded, decode_command
from novate.tape.encode import encode_command, to_line
from novate.tape.explain import explain_refusals
from novate.tape.names import Names
from novate.tape.read import parse_line, tape_lines, wire_command
from novate.tape.refusal import Refusal, Refused

__all__ = [
    "Decoded",
    "Names",
    "Refusal",
    "Refused",
    "decode_command",
    "encode_command",
    "explain_refusals",
    "parse_line",
    "tape_lines",
    "to_line",
    "wire_command",
]
