"""The rules as people read them: rulebook and risk sheet in force, those to come, and limits with what they count."""

from typing import Any, Literal

import msgspec

from novate.core.book import Book
from novate.core.registers import ScheduledRulebook
from novate.core.sheet_terms import RiskSheet
from novate.core.terms import Rulebook
from novate.tape import decimals
from novate.tape.rules_text import rulebook_fields


class Rules(msgspec.Struct, frozen=True):
    """A rulebook or a risk sheet.

    ``terms`` are the fields of the tape's ``adopt_rulebook``; of a risk sheet its numeraire, its unit, how many
    scenarios it has, and the symbols of its rows. ``effective_ns`` is when it is to come into force; None for what is.
    """

    name: str
    terms: dict[str, Any]
    effective_ns: int | None = None
    kind: Literal["rulebook", "risk_sheet"] = "rulebook"


class Limit(msgspec.Struct, frozen=True):
    """A limit, whose accounts it counts, and what they hold now.

    ``members`` stand for all of their accounts. Without members and accounts it is an open interest limit.
    """

    name: str
    contract: str
    measure: str
    lots: int
    members: tuple[str, ...]
    accounts: tuple[str, ...]
    net_lots: int
    long_lots: int
    short_lots: int

    @property
    def used_lots(self) -> int:
        """What counts against the limit."""
        return abs(self.net_lots) if self.measure == "net" else max(self.long_lots, self.short_lots)


def rulebook(book: Book) -> Rules | None:
    """The rulebook in force, or None before the first."""
    found = book.registers.rulebook
    return None if found is None else _rules(book, found, None)


def risk_sheet(book: Book) -> Rules | None:
    """The risk sheet in force, or None before the first."""
    found = book.registers.sheet
    return None if found is None else _sheet(book, found, None)


def scheduled(book: Book) -> list[Rules]:
    """The rulebooks and risk sheets to come, in the order in which they take force."""
    found = sorted(book.registers.scheduled, key=lambda each: each.effective_ns)
    return [
        _rules(book, each.rulebook, each.effective_ns)
        if isinstance(each, ScheduledRulebook)
        else _sheet(book, each.sheet, each.effective_ns)
        for each in found
    ]


def _rules(book: Book, found: Rulebook, effective_ns: int | None) -> Rules:
    return Rules(found.name, rulebook_fields(found, book.registers), effective_ns)


def _sheet(book: Book, found: RiskSheet, effective_ns: int | None) -> Rules:
    numeraire = next(asset for asset in book.registers.assets if asset.symbol == found.numeraire)
    terms = {
        "numeraire": found.numeraire,
        "unit": decimals.text(found.unit_fine, numeraire.fine_decimals),
        "scenarios": found.scenario_count,
        "contracts": [row.symbol for row in found.contracts],
        "collateral": [row.symbol for row in found.collateral],
    }
    return Rules(found.name, terms, effective_ns, "risk_sheet")


def limits(book: Book) -> list[Limit]:
    """All limits, in the order in which they were set."""
    registers = book.registers
    found = []
    for row, terms in zip(book.limits, registers.limits.values(), strict=True):
        open_lots = int(book.contracts[terms.contract]["open_lots"])
        found.append(
            Limit(
                name=terms.name,
                contract=registers.contracts[terms.contract].symbol,
                measure=terms.measure,
                lots=terms.lots,
                members=tuple(registers.members[member].name for member in terms.members),
                accounts=tuple(registers.accounts[account].name for account in terms.accounts),
                net_lots=int(row["net_lots"]),
                long_lots=open_lots if terms.everyone else int(row["long_lots"]),
                short_lots=open_lots if terms.everyone else int(row["short_lots"]),
            )
        )
    return found


def block_name(sheet: RiskSheet | None, block: int) -> str:
    """The name of a block of scenarios in the sheet in force, or its number where a later sheet has fewer."""
    return sheet.blocks[block].name if sheet is not None and block < len(sheet.blocks) else f"block {block + 1}"
