"""What the core refused, told in the words of the tape."""

from typing import Any

import msgspec
import numpy as np
import pytest

from novate import tape
from novate.core import commands as core
from novate.core.facts import Rejected, RowsRefused
from novate.core.reasons import Reason
from novate.core.rows import REFUSED
from tests.tape.drawn import packed
from tests.tape.known import PERPETUAL, decode, registers, trade, trades


def explained(value: Any, *rows: tuple[int, int, Reason], side: int = 0) -> list[tape.Refusal]:
    """The refusals of a command, the core having refused ``(figure, row, reason)`` of what it saw."""
    known = registers()
    decoded = decode(value, known)
    return list(tape.explain_refusals(decoded, [RowsRefused(packed(REFUSED, [(*row, side) for row in rows]))], known))


def test_answers_of_the_core_carry_the_row_numbers_of_the_tape() -> None:
    value = trades(trade(price="0.3"), trade(number=2), trade(number=3, price="0.5"), trade(number=4))
    answers = explained(value, (6_000_000_000, 0, Reason.MARGIN_INSUFFICIENT), (1, 1, Reason.PRICE_OUT_OF_LIMITS))
    assert [(answer.row, answer.path) for answer in answers] == [
        (0, "$.rows[0].price"),
        (1, "$.rows[1]"),
        (2, "$.rows[2].price"),
    ]
    assert "alice or bob would be 60 USD short of its initial requirement" in answers[1].message
    assert answers[2].message == "0.5 is outside the limits of BTC-PERP, 1 to 1000000"


@pytest.mark.parametrize(("side", "field", "who"), [(1, "buyer", "alice"), (2, "seller", "bob")])
def test_answers_name_the_side_that_failed(side: int, field: str, who: str) -> None:
    (lacking,) = explained(trades(trade()), (6_000_000_000, 0, Reason.MARGIN_INSUFFICIENT), side=side)
    assert lacking.path == f"$.rows[0].{field}"
    assert lacking.message.startswith(f"{who} would be 60 USD short")
    (reducing,) = explained(trades(trade()), (0, 0, Reason.MEMBER_IN_DEFAULT), side=side)
    assert (reducing.path, who in reducing.message) == (f"$.rows[0].{field}", True)


def test_rows_refused_before_sides_were_named_read_as_neither() -> None:
    before = np.dtype([("figure", "<i8"), ("row", "<i4"), ("reason", "<i4")])
    old = np.array([(7, 3, Reason.MARGIN_INSUFFICIENT)], before).tobytes()
    assert np.frombuffer(old, REFUSED).tolist() == [(7, 3, Reason.MARGIN_INSUFFICIENT, 0)]


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.ACCEPTED])
def test_every_reason_has_a_sentence_in_every_command(reason: Reason) -> None:
    cash = {"number": 1, "account": "alice", "asset": "USD", "amount": "5"}
    transfer = {"number": 1, "payer": "alice", "payee": "bob", "asset": "USD", "amount": "5"}
    for value in (
        trades(trade()),
        {"command": "deposit", "source": "bank", "rows": [cash]},
        {"command": "withdraw", "source": "bank", "rows": [cash]},
        {"command": "announce_deposit", "source": "bank", "rows": [cash]},
        {"command": "request_withdrawal", "source": "bank", "rows": [cash]},
        {"command": "transfer", "source": "bank", "rows": [transfer]},
        {"command": "funding", "rates": {"BTC-PERP": "0"}},
    ):
        (answer,) = explained(value, (1, 0, reason))
        assert answer.reason is reason
        assert len(answer.message) > 10


def test_rejections_of_terms_name_the_fields_of_the_tape() -> None:
    known = registers()
    decoded = decode(tape.encode_command(core.ListContract(PERPETUAL), known), known)
    fact = Rejected(Reason.TERMS_INVALID, "$.contract.price_min_ticks", "0 < price_min is needed")
    (answer,) = tape.explain_refusals(decoded, [fact], known)
    assert (answer.row, answer.path) == (None, "$.price_min")


def test_rejected_asset_prices_are_rows() -> None:
    known = registers()
    decoded = decode({"command": "marks", "prices": {"BTC-PERP": "1", "BTC": "2"}}, known)
    fact = Rejected(Reason.ASSET_NOT_ELIGIBLE, "$.assets[0]", "BTC is not priced as collateral")
    (answer,) = tape.explain_refusals(decoded, [fact], known)
    assert (answer.row, answer.path) == (1, "$.prices.BTC")


def test_refusals_are_plain_values() -> None:
    refusal = decode(trades(7)).refusals[0]
    assert msgspec.to_builtins(refusal)["path"] == "$.rows[0]"
