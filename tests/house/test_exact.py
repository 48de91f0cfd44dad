"""What has no exact form is never money."""

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.house.opened import opened

FLOATS = [
    ("deposit", lambda house: house.deposit("alice", "USD", 0.5)),
    ("numpy", lambda house: house.deposit("alice", "USD", np.float64(0.5))),
    ("trade", lambda house: house.trade("BTC-PERP", buyer="alice", seller="bob", lots=1, price=0.5)),
    ("marks", lambda house: house.marks({"BTC-PERP": 0.5})),
    ("funding", lambda house: house.funding({"BTC-PERP": 0.5})),
    ("submit", lambda house: house.submit({"command": "marks", "prices": {"BTC-PERP": 0.5}})),
]


@pytest.mark.parametrize("ask", [ask for _, ask in FLOATS], ids=[name for name, _ in FLOATS])
def test_a_float_is_never_money(ask: Any) -> None:
    with opened() as house:
        before = house.digest()
        with pytest.raises(TypeError, match=r"the float .*0\.5.* is not an exact number: give a string"):
            ask(house)
        assert house.digest() == before


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Decimal("NaN"), "finite"),
        (b"5", "a bytes has no place"),
        ({1}, "a set has no place"),
        (datetime.datetime(2024, 1, 1), "no time zone"),  # noqa: DTZ001
    ],
)
def test_other_values_without_an_exact_form_are_refused(value: Any, message: str) -> None:
    with opened() as house, pytest.raises(TypeError, match=message):
        house.deposit("alice", "USD", value)


@pytest.mark.parametrize("value", [Decimal("1E+999999999"), 10**400, "9" * 400, Decimal("1E-999999999")])
def test_absurd_numbers_are_refused_at_once(value: Any) -> None:
    with opened() as house:
        (refusal,) = house.deposit("alice", "USD", value).refusals
        assert refusal.path == "$.rows[0].amount"
        assert len(refusal.message) < 200
