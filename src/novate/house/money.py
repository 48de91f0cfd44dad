"""The commands that bring money in, take it out and move it."""

from novate.core.commands import Fund
from novate.house.asking import SOURCE, Asking
from novate.house.outcome import Outcome
from novate.house.plain import Number, Time


class MoneyCommands(Asking):
    """Everything that can be asked of money. What is true of all commands is said of ``Commands``."""

    def contribute(
        self,
        fund: Fund,
        asset: str,
        amount: Number,
        *,
        member: str | None = None,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Pay money into one of the house's funds; ``default_fund`` is the contribution of ``member``."""
        return self._ask("contribute", locals())

    def deposit(
        self,
        account: str,
        asset: str,
        amount: Number,
        *,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Bring collateral in."""
        return self._ask_row("deposit", locals())

    def withdraw(
        self,
        account: str,
        asset: str,
        amount: Number,
        *,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Take free collateral out."""
        return self._ask_row("withdraw", locals())

    def announce_deposit(
        self,
        account: str,
        asset: str,
        amount: Number,
        *,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Expect a deposit, which counts for nothing yet. Source and number name it from then on."""
        return self._ask_row("announce_deposit", locals())

    def finalise_deposit(
        self, deposit: int, *, source: str = SOURCE, number: int | None = None, time: Time | None = None
    ) -> Outcome:
        """An announced deposit has arrived; ``deposit`` is the number under which the same source announced it."""
        return self._ask("finalise_deposit", locals())

    def cancel_deposit(
        self, deposit: int, *, source: str = SOURCE, number: int | None = None, time: Time | None = None
    ) -> Outcome:
        """An announced deposit will not arrive."""
        return self._ask("cancel_deposit", locals())

    def reverse_deposit(
        self, deposit: int, *, source: str = SOURCE, number: int | None = None, time: Time | None = None
    ) -> Outcome:
        """A deposit that came in was taken back outside. The house pays at once and collects it as it does a loss."""
        return self._ask("reverse_deposit", locals())

    def request_withdrawal(
        self,
        account: str,
        asset: str,
        amount: Number,
        *,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Ask for free collateral. It is held until it is released; its fact has the number of the withdrawal."""
        return self._ask_row("request_withdrawal", locals())

    def release_withdrawal(
        self, withdrawal: int, *, source: str = SOURCE, number: int | None = None, time: Time | None = None
    ) -> Outcome:
        """Check a withdrawal again: it may be paid, waits for its gate, or comes back."""
        return self._ask("release_withdrawal", locals())

    def confirm_withdrawal(
        self, withdrawal: int, *, source: str = SOURCE, number: int | None = None, time: Time | None = None
    ) -> Outcome:
        """A released withdrawal has left."""
        return self._ask("confirm_withdrawal", locals())

    def return_withdrawal(
        self, withdrawal: int, *, source: str = SOURCE, number: int | None = None, time: Time | None = None
    ) -> Outcome:
        """A withdrawal is cancelled, or its transfer failed: the money is back in its account."""
        return self._ask("return_withdrawal", locals())

    def transfer(
        self,
        payer: str,
        payee: str,
        asset: str,
        amount: Number,
        *,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Move free collateral between accounts of one member; never from a client to its member."""
        return self._ask_row("transfer", locals())
