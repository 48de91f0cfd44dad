"""Every bad line with its place and cure."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novate import tape
from tests.tape.known import decode, refusal_of

BAD_LINES = [
    (b'{"command":"clock"', "$", "not JSON at column 19"),
    (b"[]", "$", "expected an object, got a list"),
    (b"{}", "$.command", "is missing"),
    (b'{"command":"trade"}', "$.command", 'did you mean "trades"?'),
    (b'{"command":"clock","tick":1}', "$.tick", "is not a field"),
    (b'{"command":"clock","time":1,"time":2}', "$", 'the field "time" is given twice'),
    (b'{"command":"clock","time":"noon"}', "$.time", "is not a time in UTC"),
    (b'{"command":"clock","time":1.5}', "$.time", 'write "1.5" in quotes'),
    (b'{"command":"trades","source":"venue"}', "$.rows", "is missing"),
    (b'{"command":"trades","source":"venue","rows":[]}', "$.rows", "is empty"),
    (b'{"command":"trades","source":"venue","rows":{}}', "$.rows", "expected a list, got an object"),
    (b'{"command":"expire","contract":"BTC-PERP","price":50000.5}', "$.price", 'write "50000.5" in quotes'),
    (b'{"command":"expire","contract":"BTC-PERP","price":NaN}', "$.price", "got the number NaN"),
    (b'{"command":"expire","contract":"BTC-PERP","price":true}', "$.price", "got true"),
    (b'{"command":"expire","contract":"BTC-PERP","price":"50000.25"}', "$.price", "nearest are 50000 and 50000.5"),
    (b'{"command":"expire","contract":"BTC-PERPS","price":"1"}', "$.contract", 'did you mean "BTC-PERP"?'),
    (b'{"command":"expire","contract":"\\ud800","price":"1"}', "$", "not UTF-8"),
    (b'{"command":"expire","contract":"\xff","price":"1"}', "$", "not UTF-8"),
    (b'{"command":"open_account","member":"Alpha","name":" x"}', "$.name", "is not a name"),
    (b'{"command":"open_account","member":"Alpha","name":"a\\u0007"}', "$.name", "is not a name"),
    (b'{"command":"list_contract","kind":"perp"}', "$.kind", 'did you mean "perpetual"?'),
    (b'{"command":"add_asset","symbol":"X","decimals":1e2,"fine_decimals":2}', "$.decimals", "without fraction"),
    (b'{"command":"add_asset","symbol":"X","decimals":99,"fine_decimals":2}', "$.decimals", "give 0 to 18"),
    (b"[" * 100_000, "$", "nested too deep"),
    (b'{"command":"clock","time":' + b"9" * 5_000 + b"}", "$.time", "the number is too long"),
    (b'{"command":"clock","time":' + b"9" * 50 + b"}", "$.time", "is not a time"),
]


@pytest.mark.parametrize(("line", "path", "message"), BAD_LINES)
def test_a_bad_line_is_refused_with_its_path_and_cure(line: bytes, path: str, message: str) -> None:
    refusal = refusal_of(line)
    assert refusal.path == path
    assert message in refusal.message
    assert refusal.row is None
    assert len(str(refusal)) < 1_000


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_line_whatever_raises_anything_but_refused(line: bytes) -> None:
    with contextlib.suppress(tape.Refused):
        decode(tape.parse_line(line))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["BTC-PERP", "alice", "1", "USD"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(sorted(tape.read.COMMANDS)).flatmap(
        lambda name: st.fixed_dictionaries(
            {"command": st.just(name)},
            optional=dict.fromkeys(tape.read.COMMANDS[name].__struct_fields__, JSON),
        )
    )
)
def test_no_object_whatever_raises_anything_but_refused(value: Any) -> None:
    with contextlib.suppress(tape.Refused):
        decode(tape.parse_line(json.dumps(value)))


def test_a_tape_has_blank_lines_comments_and_windows_ends() -> None:
    data = b'\xef\xbb\xbf# a day\r\n\r\n{"command":"clock"}\r\n  \n{"command":"clock"}'
    assert list(tape.tape_lines(data)) == [(3, b'{"command":"clock"}'), (5, b'{"command":"clock"}')]
    assert list(tape.tape_lines(b"")) == []
