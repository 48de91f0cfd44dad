"""Numbers, times and durations in and out exactly, and what is none refused."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novate.tape import decimals


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(0, 18))
def test_decimals_round_trip_exactly(value: int, places: int) -> None:
    written = decimals.text(value, places)
    assert decimals.scaled(written, places, "units") == value
    assert Fraction(written) == Fraction(value, 10**places)
    assert "e" not in written.lower()


@given(st.integers(-(10**30), 10**30), st.integers(0, 18))
def test_decimal_is_exact_whatever_the_context(value: int, places: int) -> None:
    assert Fraction(decimals.decimal(value, places)) == Fraction(value, 10**places)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_rates_round_trip(value: Decimal) -> None:
    ppm = decimals.rate(format(value, "f"), 10**6, "ppm")
    assert Fraction(decimals.rate_text(ppm, 10**6)) == Fraction(value)
    assert decimals.rate(f"{format(value * 100, 'f')}%", 10**6, "ppm") == ppm


@given(st.integers(0, 2**63 - 1))
def test_times_and_durations_round_trip(value: int) -> None:
    assert decimals.time_ns(decimals.time_text(value)) == value
    assert decimals.duration_ns(decimals.duration_text(value)) == value


@pytest.mark.parametrize(
    ("written", "value_ns"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:01Z", 10**9),
        ("2008-09-15T13:30:00+00:00", 1_221_485_400 * 10**9),
        ("2000-02-29T00:00Z", 951_782_400 * 10**9),
        ("1970-01-01T00:00:00.000000001Z", 1),
        (17, 17),
    ],
)
def test_times(written: str | int, value_ns: int) -> None:
    assert decimals.time_ns(written) == value_ns


@pytest.mark.parametrize(
    "written",
    ["2008-09-15T13:30:00", "2008-09-15T13:30:00+02:00", "2008-02-30", "2008-09-15T24:00Z", "yesterday", -1, 2**63],
)
def test_a_time_that_is_none_is_refused(written: str | int) -> None:
    with pytest.raises(decimals.Unfit):
        decimals.time_ns(written)


@pytest.mark.parametrize(
    ("written", "value_ns"), [("8h", 28_800 * 10**9), ("1h30m", 5_400 * 10**9), ("5ms", 5 * 10**6)]
)
def test_durations(written: str, value_ns: int) -> None:
    assert decimals.duration_ns(written) == value_ns


@pytest.mark.parametrize("written", ["1e3", "+1", "1,000", ".5", "5.", "", " 1", "0x10", "٣", "1_000", "NaN", "1\n"])
def test_what_is_no_plain_decimal_is_refused(written: str) -> None:
    with pytest.raises(decimals.Unfit, match="is not a decimal number"):
        decimals.fraction(written)


def test_finer_than_the_unit_is_refused_not_rounded() -> None:
    with pytest.raises(decimals.TooFine, match=r"1\.005 has more than 2 decimals of USD"):
        decimals.scaled("1.005", 2, "USD")
    with pytest.raises(decimals.TooFine, match=r"0\.0000005 is finer than ppm"):
        decimals.rate("0.0000005", 10**6, "ppm")
