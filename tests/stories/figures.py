"""Names and figures of one book in words.

Money is written in its asset with all its minor digits and no thousands separators (``270.00 USD``; finer where the
figure is finer), times as ``day 1 11:00``, lots with a sign where the side matters.
"""

from collections.abc import Iterable

from novate.core.book import Book
from novate.tape.decimals import SECOND_NS, text, time_ns
from tests.stories.world import DAY_NS, DAY_ONE


class Figures:
    """Names and decimals of one book."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.registers = book.registers

    def fine(self, amount_fine: int, asset: int) -> str:
        """Fine units as a decimal of the asset, with at least its minor digits."""
        terms = self.registers.assets[asset]
        head, _, tail = text(amount_fine, terms.fine_decimals).partition(".")
        return f"{head}.{tail.ljust(terms.decimals, '0')}" if terms.decimals or tail else head

    def money(self, amount_minor: int, asset: int) -> str:
        """Minor units with their asset: ``270.00 USD``."""
        return f"{self.fine(amount_minor * self.unit(asset), asset)} {self.registers.assets[asset].symbol}"

    def fine_money(self, amount_fine: int, asset: int) -> str:
        """Fine units with their asset."""
        return f"{self.fine(amount_fine, asset)} {self.registers.assets[asset].symbol}"

    def unit(self, asset: int) -> int:
        """Fine units of one minor unit."""
        return self.registers.assets[asset].unit_fine

    def numeraire(self) -> int:
        """The asset that buckets are judged in."""
        index = self.book.asset_index(self.book.rulebook.numeraire)
        assert index is not None
        return index

    def judged(self, amount_fine: int) -> str:
        """An amount of the numeraire."""
        return self.fine_money(amount_fine, self.numeraire())

    def price(self, ticks: int, contract: int) -> str:
        """A price with the digits of its tick."""
        tick = self.registers.contracts[contract].tick_size
        places = len(tick.partition(".")[2])
        head, _, tail = text(ticks * int(tick.replace(".", "")), places).partition(".")
        return f"{head}.{tail.ljust(places, '0')}" if places else head

    def account(self, index: int) -> str:
        """An account's name."""
        return self.registers.accounts[index].name

    def contract(self, index: int) -> str:
        """A contract's symbol."""
        return self.registers.contracts[index].symbol

    def asset_of(self, contract: int) -> int:
        """The settlement asset of a contract."""
        return int(self.book.contracts[contract]["asset"])


def listed(parts: Iterable[str]) -> str:
    """Parts of a row, in order."""
    return ", ".join(parts)


def spaced(name: str) -> str:
    """``below_maintenance`` as people write it."""
    return name.replace("_", " ")


def moment(at_ns: int) -> str:
    """A time as ``day 1 11:00``."""
    days, rest_ns = divmod(at_ns - time_ns(DAY_ONE), DAY_NS)
    seconds = rest_ns // SECOND_NS
    tail = f":{seconds % 60:02d}" if seconds % 60 else ""
    return f"day {days + 1} {seconds // 3600:02d}:{seconds // 60 % 60:02d}{tail}"
