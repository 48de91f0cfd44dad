"""From names to indices, and from decimals to ticks, lots and units of the committed terms."""

import difflib
from collections.abc import Iterable
from fractions import Fraction
from typing import Protocol, TypeVar

from novate.core.reasons import Reason
from novate.core.terms import Account, Asset, Contract, Member, Rulebook
from novate.tape import decimals
from novate.tape.decimals import TooFine, TooLarge, Unfit, shown
from novate.tape.refusal import refuse

T = TypeVar("T")


class Terms(Protocol):
    """The registers that decoding reads: ``Book.registers`` has them."""

    @property
    def assets(self) -> list[Asset]: ...
    @property
    def contracts(self) -> list[Contract]: ...
    @property
    def members(self) -> list[Member]: ...
    @property
    def accounts(self) -> list[Account]: ...
    @property
    def rulebook(self) -> Rulebook | None: ...


def fresh(register: list[T], known: int) -> Iterable[tuple[int, T]]:
    """The entries after the first ``known``, each with its index; reading one twice does no harm."""
    return enumerate(register[known:], known)


class Names:
    """Looks names up in registers that only ever grow, so that each entry is read once. Threads may share one.

    Every method takes the path of the field it converts and raises ``Refused`` with the reason that fits it.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._assets: dict[str, int] = {}
        self._contracts: dict[str, int] = {}
        self._members: dict[str, int] = {}
        self._accounts: dict[str, int] = {}
        self._ticks: dict[int, Fraction] = {}
        self._lots: dict[int, Fraction] = {}

    # --- indices ------------------------------------------------------------------------------------------------

    def asset(self, symbol: str, path: str) -> int:
        """Index of an asset."""
        for at, asset in fresh(self.terms.assets, len(self._assets)):
            self._assets[asset.symbol] = at
        index = self._assets.get(symbol)
        if index is None:
            raise refuse(Reason.ASSET_UNKNOWN, path, f"no asset is called {shown(symbol)}{near(symbol, self._assets)}")
        return index

    def find_contract(self, symbol: str) -> int | None:
        """Index of a contract or index, or None."""
        self._read_contracts()
        return self._contracts.get(symbol)

    def _read_contracts(self) -> None:
        for at, contract in fresh(self.terms.contracts, len(self._contracts)):
            self._ticks[at] = Fraction(contract.tick_size)
            self._lots[at] = Fraction(contract.lot_size)
            self._contracts[contract.symbol] = at

    def contract(self, symbol: str, path: str) -> int:
        """Index of a contract or index."""
        index = self.find_contract(symbol)
        if index is None:
            message = f"no contract is called {shown(symbol)}{near(symbol, self._contracts)}"
            raise refuse(Reason.CONTRACT_UNKNOWN, path, message)
        return index

    def member(self, name: str, path: str) -> int:
        """Index of a member."""
        for at, member in fresh(self.terms.members, len(self._members)):
            self._members[member.name] = at
        index = self._members.get(name)
        if index is None:
            raise refuse(Reason.MEMBER_UNKNOWN, path, f"no member is called {shown(name)}{near(name, self._members)}")
        return index

    def account(self, name: str, path: str) -> int:
        """Index of an account."""
        for at, account in fresh(self.terms.accounts, len(self._accounts)):
            self._accounts[account.name] = at
        index = self._accounts.get(name)
        if index is None:
            message = f"no account is called {shown(name)}{near(name, self._accounts)}"
            raise refuse(Reason.ACCOUNT_UNKNOWN, path, message)
        return index

    # --- numbers ------------------------------------------------------------------------------------------------

    def ticks(self, value: str | int, contract: int, path: str) -> int:
        """A price as ticks of the contract."""
        self._read_contracts()
        return ticks(value, self._ticks[contract], path)

    def lots(self, value: str | int, contract: int, path: str) -> int:
        """A quantity (of the underlying; of the quote currency for an inverse contract) as lots."""
        self._read_contracts()
        return lots(value, self._lots[contract], path)

    def amount(self, value: str | int, asset: int, path: str) -> int:
        """An amount of money as minor units."""
        terms = self.terms.assets[asset]
        return money(value, terms.decimals, terms.symbol, path)

    def fine(self, value: str | int, asset: Asset, path: str) -> int:
        """An amount of money or a price in an asset as its fine units."""
        return money(value, asset.fine_decimals, asset.symbol, path)


def ticks(value: str | int, tick: Fraction, path: str) -> int:
    """A price as a whole number of ticks."""
    return _steps(value, tick, "tick", Reason.PRICE_OFF_TICK, Reason.PRICE_OUT_OF_LIMITS, path)


def lots(value: str | int, lot: Fraction, path: str) -> int:
    """A quantity as a whole number of lots."""
    return _steps(value, lot, "lot", Reason.QUANTITY_OFF_LOT, Reason.POSITION_LIMIT_EXCEEDED, path)


def _steps(value: str | int, step: Fraction, word: str, between: Reason, beyond: Reason, path: str) -> int:
    """A value as a whole number of steps; where it is none the nearest are named."""
    try:
        count = decimals.fraction(value) / step
        if count.denominator != 1:
            below, above = (decimals.text_of(step * (count.__floor__() + up)) for up in (0, 1))
            size = decimals.text_of(step)
            message = f"{value} is not a multiple of the {word} {size}: nearest are {below} and {above}"
            raise refuse(between, path, message)
        return decimals.whole(count, f"{word}s", value)
    except TooLarge as error:
        raise refuse(beyond, path, str(error)) from None
    except Unfit as error:
        raise refuse(Reason.MALFORMED, path, str(error)) from None


def money(value: str | int, places: int, symbol: str, path: str) -> int:
    """An amount as units of ``10^-places`` of the asset."""
    try:
        return decimals.scaled(value, places, symbol)
    except TooFine as error:
        raise refuse(Reason.AMOUNT_TOO_FINE, path, str(error)) from None
    except TooLarge as error:
        raise refuse(Reason.MONEY_LIMIT_EXCEEDED, path, str(error)) from None
    except Unfit as error:
        raise refuse(Reason.MALFORMED, path, str(error)) from None


def near(name: str, choices: dict[str, int]) -> str:
    """The nearest known name as a cure, or how to make one."""
    if len(choices) <= 200 and (close := difflib.get_close_matches(name[:60], choices, 1)):
        return f': did you mean "{close[0]}"?'
    return ": put it on record first"
