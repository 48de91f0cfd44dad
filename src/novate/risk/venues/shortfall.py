"""Our own house's margin: the default model's risk sheet, evaluated exactly in integers as the house evaluates it.

The sheet is drawn up from a history for the contracts of the book (``house_sheet``); what it asks for is found in whole
sheet units. The reasons (worst scenarios, contributors) are those of the estimate in floats beside it.
"""

from fractions import Fraction

from novate.core.money import PPM, ceil_div
from novate.risk.days import CALENDAR_YEAR_DAYS, DAY_NS
from novate.risk.factors import FactorHistory
from novate.risk.models.requirement import Asked, Requirement
from novate.risk.models.requirement import requirement as estimate
from novate.risk.sheet_asks import UnitsAsked, asked_in_parts
from novate.risk.venues.book import Book
from novate.risk.venues.house_sheet import Drawn, Rules, carried, drawn_up, unmoved
from novate.risk.venues.options import options_of
from novate.risk.venues.requirement import Part, Risk, largest


def requirement(book: Book, rules: Rules, history: FactorHistory) -> Risk:
    """What the house asks for, block by block, with what binds, the scenario that decides and its contributors."""
    known = [factor.name for factor in history.factors]
    runs, weighed = carried(book, rules, known)
    collateral = weighed + sum(each.value for each in book.collateral if each.asset in runs)
    options = [options_of(book, name) for name in book.held()]
    value = sum(float(each.amounts @ each.now()) for each in options if len(each))
    if not any(each.amount for each in (*book.positions, *(each for each in book.collateral if each.asset in runs))):
        return Risk(parts=(), option_value=value, measured_from_value=True, collateral=collateral)
    drawn = drawn_up(book, rules, history)
    why = estimate(drawn.made, drawn.lots)
    found = asked_in_parts(drawn.sheet, drawn.lots)
    deciding = _deciding(why)
    return Risk(
        parts=_parts(drawn, rules, found, why),
        option_value=value,
        measured_from_value=True,
        collateral=collateral,
        worst=f"{deciding.block}, {_dated(deciding, rules)}" if deciding.loss else "",
        contributors=largest(list(deciding.contributors)),
        also=tuple((f"{each.block} in full, worst in {_dated(each, rules)}", each.loss) for each in why.blocks),
        notes=_notes(book, rules, drawn, known),
    )


def _parts(drawn: Drawn, rules: Rules, found: UnitsAsked, why: Requirement) -> tuple[Part, ...]:
    """Current and stressed at their weights, what the floor that binds asks beyond them, add-ons, and rounding: the
    last is what is left to the whole sheet units that the house asks for."""
    asked = [
        (f"{each.block}: {100 * each.weight:g} % of {each.loss:,.2f}", each.weight * each.loss)
        for each in why.blocks
        if each.part != "floor"
    ]
    more = why.of_blocks - sum(amount for _, amount in asked)
    if why.binds != "sum":
        asked.append((f"{why.binds} binds: up to {why.of_blocks:,.2f}", more))
    asked += [(f"{symbol}: for its size", amount) for symbol, amount in why.add_ons]
    asked += [(f"{symbol}: short option", amount) for symbol, amount in why.short_options]
    parts = [Part(what, amount, drawn.made.maintenance * amount) for what, amount in asked]
    initial_fine = found.initial * rules.unit_fine
    maintenance_fine = ceil_div(initial_fine * drawn.sheet.maintenance_ppm, PPM)
    initial, maintenance = (Fraction(fine, 10**rules.fine_decimals) for fine in (initial_fine, maintenance_fine))
    left = initial - sum(Fraction(part.initial) for part in parts)
    left_maintenance = maintenance - sum(Fraction(part.maintenance) for part in parts)
    return (*parts, Part("rounding to whole sheet units", float(left), float(left_maintenance)))


def _deciding(why: Requirement) -> Asked:
    """The floor block that binds, or of the others the one that asks for most at its weight."""
    binds = [each for each in why.blocks if each.block == why.binds]
    return binds[0] if binds else max(why.blocks, key=lambda each: (each.part != "floor") * each.weight * each.loss)


def _dated(asked: Asked, rules: Rules) -> str:
    """Its worst scenario, with all its days: a label that is a day is that on which a window ended."""
    label, steps = asked.scenario, rules.model.horizon_steps
    is_day = label.replace("-", "").isdigit()
    return f"the {steps} days to {label}" if is_day and steps > 1 else label


def _notes(book: Book, rules: Rules, drawn: Drawn, known: list[str]) -> tuple[str, ...]:
    """What the answer rests on, and what it leaves out."""
    past = drawn.past
    names = [factor.name for factor in past.factors]
    notes = [f"history: {', '.join(names)}; {past.day(0)} to {past.day(len(past) - 1)}, {len(past):,} rows"]
    years = float(past.times_ns[-1] - past.times_ns[0]) / DAY_NS / CALENDAR_YEAR_DAYS
    if years < rules.model.years:
        notes.append(
            f"it is {years:.1f} years long, where the rules look back {rules.model.years:g}: all of it is used"
        )
    for name, missing in unmoved(book, names).items():
        wanted = ", ".join(f"'{each}'" for each in missing)
        notes.append(f"{name}: not covered for want of a series such as {wanted}: these stay as they are")
    runs, _ = carried(book, rules, known)
    by_weight = [each.asset for each in book.collateral if each.asset not in runs]
    if by_weight:
        notes.append(f"collateral by its weight, not by scenarios: {', '.join(by_weight)}")
    return tuple(notes)
