"""Files of portfolios: what cannot be is refused with its place; the same portfolio, however it is written, is one."""

from pathlib import Path

import msgspec
import pytest

from novate.files import FileError
from novate.risk.errors import RiskError
from novate.rulebooks import load, margin, read_book
from tests.rulebooks.books import book, future, option, perpetual

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "portfolio.toml"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("price = 92_000.0", "price = 0.0"), r"\$\.underlyings\.BTC\.price: got 0\.0: expected a price above zero"),
        (("price = 92_010.0", "price = -1.0"), r"\$\.positions\[0\]\.price: got -1\.0"),
        (
            ("vol = 0.44", ""),
            r"\$\.positions\[1\]\.vol: got None: give the implied volatility of BTC-2026-01-30-95000-C",
        ),
        (('kind = "perpetual"', 'kind = "swap"'), r"Invalid value 'swap' - at `\$\.positions\[0\]\.kind`"),
        (("amount = -1.0", "amount = nan"), r"\$\.positions\[0\]\.amount: got nan: give a finite number"),
        (
            ('underlying = "BTC"\namount = -1.0', 'underlying = "XBT"\namount = -1.0'),
            r"\$\.positions\[0\]\.underlying: 'XBT' is unknown: add \[underlyings\.XBT\] with its price",
        ),
        (
            ("at = 2026-03-27T08:00:00Z", "at = 2026-03-28T08:00:00Z"),
            r"\$\.positions\[3\]\.expiry: BTC has no forward for 2026-03-27T08:00:00Z: add \[\[underlyings\.BTC",
        ),
        (("time = 2026-01-05", "time = 2026-02-05"), r"\$\.positions\[1\]\.expiry: BTC-2026-01-30-95000-C has expired"),
        (("time = 2026-01-05T08:00:00Z", "time = 2026-01-05T08:00:00"), r"\$\.time: it has no time zone"),
        (("time = 2026-01-05T08:00:00Z", "time = 0001-01-01T00:00:00+10:00"), "in UTC it is before the year 1"),
        (("cash = 60_000.0", f"cash = {'[' * 10_000}"), "it is not TOML"),
        (("cash = 60_000.0", ""), "missing required field `cash`"),
        (("cash = 60_000.0", "cash = 60_000.0\nmoney = 1"), "unknown field `money`"),
        (("cash = 60_000.0", "cash ="), "it is not TOML"),
        (("rate = 0.05", "rate = nan"), r"\$\.underlyings\.BTC\.expiries\[0\]\.rate: got nan: give a finite number"),
        (
            ("entry = 91_500.0", "entry = 91_500.0\nfunding = inf"),
            r"\$\.positions\[0\]\.funding: got inf: give a finite",
        ),
        (
            ("open_interest = 900_000_000.0", "open_interest = nan"),
            r"\$\.underlyings\.BTC\.open_interest: got nan: expected money, zero or more",
        ),
        (
            ("open_interest = 900_000_000.0", "open_interest = -1.0"),
            r"open_interest: got -1\.0: expected money, zero or",
        ),
        (
            ("at = 2026-03-27T08:00:00Z", "at = 2026-01-30T09:00:00+01:00"),
            r"expiries\[1\]\.at: 2026-01-30T08:00:00Z stands twice: give one forward per expiry",
        ),
        (
            ("at = 2026-03-27T08:00:00Z", "at = 2026-03-27T08:00:00"),
            r"\.expiries\[1\]\.at: it has no time zone: write 2026-03-27T08:00:00Z",
        ),
        (
            ("amount = -1.0", "amount = -1e300"),
            r"\$\.positions\[0\]\.amount: got -1e\+300: no market has .* 1e\+18 at most: correct it",
        ),
        (("entry = 91_500.0", "entry = 1e300"), r"entry: got 1e\+300: .* expected 1e-18 to 1e\+18: correct it"),
        (("forward = 92_350.0", "forward = 1e-30"), r"forward: got 1e-30: .* expected 1e-18 to 1e\+18: correct it"),
        (("cash = 60_000.0", "cash = 1e200"), r"\$\.cash: got 1e\+200: no market has such a figure"),
        (("open_interest = 900_000_000.0", "open_interest = 1e30"), r"open_interest: got 1e\+30: .* 1e\+18 at most"),
        (
            ("vol = 0.44", "vol = 44_000"),
            r"\$\.positions\[1\]\.vol: got 44000\.0: give the implied volatility of BTC-2026",
        ),
        (
            ("rate = 0.05", "rate = 5_000.0"),
            r"expiries\[0\]\.rate: got 5000\.0 until 2026-01-30T08:00:00Z: correct it: 0\.05 is five per cent a year",
        ),
        (("confidence = 0.98", "confidence = 98"), r"\$\.underlyings\.BTC\.confidence: got 98\.0: expected 0"),
    ],
)
def test_a_portfolio_that_cannot_be_is_refused_with_the_place(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert change[0] in text
    path = tmp_path / "portfolio.toml"
    path.write_text(text.replace(change[0], change[1], 1), encoding="utf-8")
    with pytest.raises(FileError, match=words) as caught:
        read_book(path)
    assert str(path) in str(caught.value)


def test_a_contract_has_one_row() -> None:
    """Some mechanisms would net two, others charge both."""
    for twice in (
        (perpetual(1, 100_000), perpetual(-1, 100_000)),
        (future(1, 100_000, 30), future(-1, 101_000, 30)),
        (option(1, 90_000, "put", 30), option(-2, 90_000, "put", 30)),
    ):
        with pytest.raises(RiskError, match=r"\$\.positions\[1\]: BTC-.* is that of .*: give one row per contract"):
            book(*twice, forwards={30: 100_000.0})
    book(option(1, 90_000, "put", 30), option(1, 90_000, "call", 30), future(1, 9e4, 30), forwards={30: 100_000.0})


def test_an_instant_is_one_in_every_time_zone(tmp_path: Path) -> None:
    """Also where the local date is that of the day before."""
    path = tmp_path / "portfolio.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    elsewhere = text.replace("expiry = 2026-01-30T08:00:00Z", "expiry = 2026-01-29T22:00:00-10:00", 1)
    path.write_text(elsewhere.replace("at = 2026-03-27T08:00:00Z", "at = 2026-03-27T18:00:00+10:00"), encoding="utf-8")
    assert elsewhere != text
    held, there = read_book(EXAMPLE), read_book(path)
    assert [each.symbol for each in there.positions] == [each.symbol for each in held.positions]
    for name in ("derive-srm", "derive-pm2", "deribit-standard", "deribit-pm", "paradex-pm"):
        assert margin(there, load(name)) == margin(held, load(name))


def test_expiries_of_one_minute_are_two() -> None:
    near = 20 + 1 / 86_400
    held = book(option(1, 90_000, "put", 20), option(1, 90_000, "put", near), forwards={20: 100_000.0, near: 100_000.0})
    found = margin(held, load("derive-pm2"))
    twice = margin(book(option(2, 90_000, "put", 20), forwards={20: 100_000.0}), load("derive-pm2"))
    assert found.initial == pytest.approx(twice.initial, rel=1e-4)


def test_a_portfolio_may_be_json(tmp_path: Path) -> None:
    held = read_book(EXAMPLE)
    path = tmp_path / "portfolio.json"
    path.write_bytes(msgspec.json.encode(held))
    assert read_book(path) == held


def test_a_figure_that_rules_need_is_asked_for() -> None:
    held = msgspec.structs.replace(read_book(EXAMPLE), stable_price=None)
    for name in ("derive-pm2", "derive-srm"):
        with pytest.raises(Exception, match=r"\$\.stable_price: missing"):
            margin(held, load(name))
