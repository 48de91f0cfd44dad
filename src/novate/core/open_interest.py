"""Initial rates that rise with open interest: what all hold of a contract, at its mark, moves what one must have.

A contract of such a margin class has rows of tiers of its own. They are laid out afresh with its marks, where its open
positions are worth so much more or less that a rate moves; between marks they stand, whatever is traded. Maintenance
rates never move, so that nobody is liquidated for what others hold.
"""

from collections.abc import Iterable

import numpy as np

from novate.core import layout
from novate.core.book import Book
from novate.core.kernels.lots import set_lot
from novate.core.supervision import InitialScaled
from novate.core.terms import Rulebook
from novate.core.tiers import accumulate_tiers, risen_rates, scale_tiers


def scaled_with(book: Book, marked: np.ndarray) -> list[InitialScaled]:
    """What marks (rows of ``MARKED``) do to the initial rates of the contracts that they value."""
    rulebook = book.registers.rulebook
    if rulebook is None or not rulebook.open_interest:
        return []
    values = zip(marked["contract"].tolist(), marked["reference_fine"].tolist(), strict=True)
    return scalings(book, rulebook, book.registers.open_interest, values)


def scaled_under(book: Book, rulebook: Rulebook) -> list[InitialScaled]:
    """The same where a rulebook takes force, at the marks as they stand: it begins with the rates in its tiers."""
    live = np.flatnonzero(book.contracts["state"][: book.contract_count] == layout.LIVE).tolist()
    values = [(contract, int(book.contracts[contract]["reference_fine"])) for contract in live]
    return scalings(book, rulebook, {}, values)


def scalings(
    book: Book, rulebook: Rulebook, standing: dict[int, int], values: Iterable[tuple[int, int]]
) -> list[InitialScaled]:
    """Facts for those of contracts, each with the reference value of one lot, of which a rate is no more what it was.

    ``standing`` is the open interest by which the rates of a contract stand; 0 where it has none.
    """
    facts: list[InitialScaled] = []
    open_lots = book.contracts["open_lots"]
    for contract, reference_fine in values:
        name = book.registers.contracts[contract].margin_class
        caps = rulebook.open_interest.get(name)
        if caps is None:
            continue
        open_interest = min(int(open_lots[contract]) * reference_fine, caps.upper_fine)
        stands = standing.get(contract, 0)
        if max(open_interest, stands) <= caps.lower_fine:
            continue
        tiers = rulebook.margin_classes[name]
        if risen_rates(tiers, caps, open_interest) != risen_rates(tiers, caps, stands):
            facts.append(InitialScaled(contract, open_interest))
    return facts


def rows_at(book: Book, contract: int, open_interest_fine: int) -> np.ndarray:
    """The tiers of a contract, of a class that is scaled, at an open interest, as rows of ``layout.TIER``."""
    name, rules = book.registers.contracts[contract].margin_class, book.rulebook
    tiers = scale_tiers(rules.margin_classes[name], rules.open_interest[name], open_interest_fine)
    return np.array(accumulate_tiers(tiers, whole_initial=name in rules.whole_initial), layout.TIER)


def rows_of(book: Book, contract: int) -> slice:
    """Where a contract's tiers stand."""
    start, count = (int(book.contracts[contract][field]) for field in ("tier_start", "tier_count"))
    return slice(start, start + count)


def fold_initial_scaled(book: Book, fact: InitialScaled) -> None:
    """Lay the contract's own tiers out at its open interest."""
    book.registers.open_interest[fact.contract] = fact.open_interest_fine
    book.tiers[rows_of(book, fact.contract)] = rows_at(book, fact.contract, fact.open_interest_fine)
    set_lot(fact.contract, book.contracts, book.tiers, book.lot_terms)
