"""How far one risk sheet may go from the one before it: the rulebook bounds what one lot asks for, and how soon."""

from collections.abc import Iterator

import numpy as np

from novate.core.book import Book
from novate.core.facts import Rejected
from novate.core.kernels.measures import asked_alone
from novate.core.margin import in_numeraire
from novate.core.money import PPM, written
from novate.core.reasons import Reason
from novate.core.sheet_columns import blocks_of
from novate.core.sheet_terms import RiskSheet

Asked = tuple[str, str, int]
"""A contract, ``long`` or ``short``, and what one lot asks for by itself in numeraire fine units."""


def beyond_bounds(book: Book, sheet: RiskSheet, former: RiskSheet, since_ns: int, effective_ns: int) -> Rejected | None:
    """Why a sheet may not follow ``former``, in force since a time, or None where the rulebook's bounds let it.

    Compared is one lot, long and short, of each contract that both have a row for: what its results ask for by
    themselves, without add-ons and without the half unit of rounding.
    """
    rules = book.rulebook
    if effective_ns - since_ns < rules.recalibration_every_ns:
        first_ns = since_ns + rules.recalibration_every_ns
        message = f"schedule it for a later time: {former.name!r} stays in force until {first_ns} ns"
        return Rejected(Reason.RECALIBRATION_TOO_SOON, "$.effective_ns", message)
    rise_ppm, fall_ppm = rules.recalibration_rise_ppm, rules.recalibration_fall_ppm
    if not rise_ppm and not fall_ppm:
        return None
    before = {(symbol, side): asked for symbol, side, asked in lots_of(former)}
    for symbol, side, now in lots_of(sheet):
        was = before.get((symbol, side), now)
        if rise_ppm and was and now * PPM > was * (PPM + rise_ppm):
            most = f"rise by {written(rise_ppm, 4)} %"
        elif fall_ppm and now * PPM < was * (PPM - fall_ppm):
            most = f"fall by {written(fall_ppm, 4)} %"
        else:
            continue
        message = f"a {side} lot of {symbol} would ask for {in_numeraire(book, now)} after {in_numeraire(book, was)}"
        cure = f"it may {most} at once: recalibrate in steps, or adopt a rulebook with other bounds first"
        return Rejected(Reason.RECALIBRATION_TOO_FAR, f"$.sheet.contracts.{symbol}", f"{message}; {cure}")
    return None


def lots_of(sheet: RiskSheet) -> Iterator[Asked]:
    """What one lot of each contract asks for, long, then short, in the order of the rows."""
    blocks = blocks_of(sheet.blocks)
    for row in sheet.contracts:
        asked = asked_alone(np.frombuffer(row.results, "<i8"), blocks)
        for side, units in zip(("long", "short"), asked, strict=True):
            yield row.symbol, side, int(units) * sheet.unit_fine
