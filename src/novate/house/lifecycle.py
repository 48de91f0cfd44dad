"""The methods of a house about trades and positions after they were made."""

from collections.abc import Mapping

from novate.core.terms import TransferCause
from novate.house.asking import SOURCE, Asking
from novate.house.outcome import Outcome
from novate.house.plain import Number, Time


class LifecycleCommands(Asking):
    """Busts, corrections, give-ups, transfers and porting. A trade is named by its source and that source's number."""

    def bust_trade(
        self,
        trade_source: str,
        trade_number: int,
        *,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Undo a trade of the open cycle at its original value, fees refunded."""
        return self._ask("bust_trade", locals())

    def correct_trade(
        self,
        trade_source: str,
        trade_number: int,
        *,
        contract: str,
        buyer: str,
        seller: str,
        price: Number,
        lots: int | None = None,
        quantity: Number | None = None,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Undo a trade of the open cycle and book what it should have been, or neither."""
        return self._ask("correct_trade", locals())

    def offset_trade(
        self,
        trade_source: str,
        trade_number: int,
        *,
        contract: str,
        buyer: str,
        seller: str,
        price: Number,
        lots: int | None = None,
        quantity: Number | None = None,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Undo a settled trade by its opposite at the original price, where the rulebook's ``late_bust`` allows it."""
        return self._ask("offset_trade", locals())

    def give_up(
        self,
        trade_source: str,
        trade_number: int,
        *,
        account: str,
        receiver: str,
        lots: int,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Propose that an account's side of a trade becomes ``receiver``'s, at the original price."""
        return self._ask("give_up", locals())

    def answer_give_up(
        self,
        give_up: int,
        *,
        member: str,
        accept: bool,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """The receiving member accepts or declines a give-up, by the number in its fact."""
        return self._ask("answer_give_up", locals())

    def transfer_position(
        self,
        giver: str,
        receiver: str,
        contract: str,
        *,
        cause: TransferCause,
        lots: int | None = None,
        quantity: Number | None = None,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Move lots of a position to another account at the last mark; the size is positive for shorts too."""
        return self._ask("transfer_position", locals())

    def compress_positions(
        self,
        contract: str,
        legs: Mapping[str, int],
        *,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Tear up longs against shorts of accounts that agreed, at the last mark: lots by account, summing to zero."""
        fields = locals()
        rows = [{"account": account, "lots": lots} for account, lots in legs.items()]
        return self._ask("compress_positions", {**fields, "legs": rows})

    def port_account(
        self,
        account: str,
        member: str,
        *,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Propose a client of a member in default to another member."""
        return self._ask("port_account", locals())

    def answer_porting(
        self,
        account: str,
        member: str,
        *,
        accept: bool,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """The proposed member takes the client over, with all it has, or declines."""
        return self._ask("answer_porting", locals())
