"""The withdrawal gate: money of an asset stays while the losses in it are larger than the fund that stands for them."""

from novate.core.book import Book
from novate.core.facts import Fact
from novate.core.money_facts import GateClosed, GateOpened
from novate.core.registers import Gate
from novate.core.terms import INSURANCE, Asset, Layer, Rulebook

DEFICIT_LAYERS = (Layer.SKIN, Layer.INSURANCE, Layer.SURVIVORS_FUND, Layer.TREASURY, Layer.GAINS_HAIRCUT)
"""Who paid for a loss that is not its own: what a defaulter's fund or a client's own member paid is no deficit."""


def deficit_of(book: Book, asset: int) -> tuple[int, int]:
    """Unresolved deficits in minor units: ``(what others paid for open estates, reversed deposits still owed)``.

    What a closed estate still owes has been borne by those who paid for it and is a deficit no more.
    """
    losses = sum(
        claim.amount_minor
        for claims in book.registers.claims.values()
        for claim in claims
        if claim.asset == asset and claim.layer in DEFICIT_LAYERS
    )
    owed = sum(
        receipt.amount_minor
        for receipts in book.registers.reversals_owed.values()
        for receipt in receipts.values()
        if receipt.asset == asset
    )
    return losses, owed


def gate_facts(book: Book) -> list[Fact]:
    """Gates that close or open now, asset by asset."""
    rules = book.rulebook.withdrawal_gates if book.registers.rulebook else {}
    facts: list[Fact] = []
    for index, asset in enumerate(book.registers.assets):
        dust = rules.get(asset.symbol)
        shut = index in book.registers.gates
        if dust is None:
            if shut:
                facts.append(GateOpened(index))
            continue
        losses, owed = deficit_of(book, index)
        available = int(book.balances[INSURANCE, index]["balance_minor"])
        closed = losses + owed > available + dust
        if closed and not shut:
            facts.append(GateClosed(index, "reversals" if owed else "losses", losses + owed, available))
        elif shut and not closed:
            facts.append(GateOpened(index))
    return facts


def check_gates(rulebook: Rulebook, assets: dict[str, Asset]) -> list[tuple[str, str]]:
    """What is wrong with a rulebook's gates and caps, as ``(path, message)``."""
    wrong = [
        (f"{field}.{symbol}", f"{symbol!r} is not an asset on record")
        for field in ("withdrawal_gates", "collateral_caps")
        for symbol in getattr(rulebook, field)
        if symbol not in assets
    ]
    wrong += [
        (f"withdrawal_gates.{symbol}", f"a dust limit is not negative, got {dust}")
        for symbol, dust in rulebook.withdrawal_gates.items()
        if dust < 0
    ]
    for symbol, cap in rulebook.collateral_caps.items():
        limits = (cap.account_minor, cap.member_minor, cap.house_minor, cap.counted_minor)
        if any(limit is not None and limit < 0 for limit in limits):
            wrong.append((f"collateral_caps.{symbol}", "a cap is not negative"))
    return wrong


def fold_gate_closed(book: Book, fact: GateClosed) -> None:
    """Close a gate."""
    book.registers.gates[fact.asset] = Gate(fact.cause, book.registers.time_ns)


def fold_gate_opened(book: Book, fact: GateOpened) -> None:
    """Open a gate."""
    del book.registers.gates[fact.asset]
