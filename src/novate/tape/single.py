"""Single commands of the tape, those without rows, into commands of the core."""

from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeVar

import msgspec

from novate.core import commands as core
from novate.core.commands import AnyCommand
from novate.core.reasons import Reason
from novate.core.registers import Conversion
from novate.core.terms import Limit
from novate.tape import decimals, wire
from novate.tape.fields import named, number, size
from novate.tape.lifecycle import decode_lifecycle
from novate.tape.lifecycle_wire import LifecycleWire
from novate.tape.names import Names, Terms
from novate.tape.read import convert
from novate.tape.refusal import refuse
from novate.tape.sheet import sheet_command
from novate.tape.sheet_wire import SheetWire
from novate.tape.supervision import supervision_of
from novate.tape.supervision_wire import SupervisionWire
from novate.tape.terms import contract_of, guarded, moment, ppm, rulebook_of

PLACES_MAX: Final = 18
NUMBER: Any = str | int
T = TypeVar("T")


class Registers(Terms, Protocol):
    """The registers that decoding reads; those of a book are."""

    @property
    def orders(self) -> dict[int, Any]: ...
    @property
    def next_order(self) -> int: ...
    @property
    def conversions(self) -> dict[int, Conversion]: ...
    @property
    def next_conversion(self) -> int: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def limits(self) -> dict[int, Limit]: ...


DEPOSIT_STEPS: Final = {
    wire.FinaliseDeposit: core.FinaliseDeposit,
    wire.CancelDeposit: core.CancelDeposit,
    wire.ReverseDeposit: core.ReverseDeposit,
}
WITHDRAWAL_STEPS: Final = {
    wire.ReleaseWithdrawal: core.ReleaseWithdrawal,
    wire.ConfirmWithdrawal: core.ConfirmWithdrawal,
    wire.ReturnWithdrawal: core.ReturnWithdrawal,
}
"""What is done with one deposit or one withdrawal, by its number."""


def single(command: wire.AnyWire, registers: Registers, names: Names) -> AnyCommand:
    """The command of the core that a tape command without rows stands for. Raises ``Refused``."""
    match command:
        case wire.AddAsset() | wire.ListContract():
            return _listing(command, names)
        case wire.AdoptRulebook():
            return core.AdoptRulebook(rulebook_of(command, names), moment(command.effective, "$.effective"))
        case wire.AddMember():
            return core.AddMember(named(command.name, "$.name"))
        case wire.OpenAccount():
            member, name = names.member(command.member, "$.member"), named(command.name, "$.name")
            return core.OpenAccount(member, name, command.kind)
        case wire.OpenSubAccount():
            account = names.account(command.account, "$.account")
            return core.OpenSubAccount(account, named(command.reference, "$.reference"))
        case wire.Isolate() | wire.Rejoin() | wire.MoveCollateral():
            return _isolation(command, names)
        case wire.Contribute():
            return _contribution(command, names)
        case wire.FinaliseDeposit() | wire.CancelDeposit() | wire.ReverseDeposit():
            source, own = named(command.source, "$.source"), number(command.number, "$.number")
            return DEPOSIT_STEPS[type(command)](source, own, number(command.deposit, "$.deposit"))
        case wire.ReleaseWithdrawal() | wire.ConfirmWithdrawal() | wire.ReturnWithdrawal():
            source, own = named(command.source, "$.source"), number(command.number, "$.number")
            return WITHDRAWAL_STEPS[type(command)](source, own, number(command.withdrawal, "$.withdrawal"))
        case wire.Interest():
            return core.PublishInterest(names.asset(command.asset, "$.asset"), ppm(command.rate, "$.rate"))
        case wire.Execute():
            return _execute(command, registers, names)
        case wire.ExecuteConversion():
            return _execute_conversion(command, registers, names)
        case wire.Expire():
            contract = names.contract(command.contract, "$.contract")
            underlying = names.terms.contracts[contract].underlying
            option = names.terms.contracts[contract].is_option
            quoted = names.contract(underlying, "$.contract") if option and underlying is not None else contract
            return core.ExpireContract(contract, names.ticks(command.price, quoted, "$.price"))
        case wire.Resolve():
            contract = names.contract(command.contract, "$.contract")
            return core.ResolveContract(contract, names.ticks(command.price, contract, "$.price"), command.outcome)
        case wire.Clock():
            return core.Clock()
        case _ if isinstance(command, LifecycleWire):
            return decode_lifecycle(command, names)
        case _ if isinstance(command, SheetWire):
            return sheet_command(command, names)
        case _ if isinstance(command, SupervisionWire):
            return supervision_of(command, names)
    raise TypeError(f"no single command: {type(command).__name__}")


def _isolation(command: wire.Isolate | wire.Rejoin | wire.MoveCollateral, names: Names) -> AnyCommand:
    account = names.account(command.account, "$.account")
    contract = names.contract(command.contract, "$.contract")
    if isinstance(command, wire.Rejoin):
        return core.RejoinPosition(account, contract)
    if isinstance(command, wire.MoveCollateral):
        asset = names.asset(command.asset, "$.asset")
        return core.MoveCollateral(
            source=named(command.source, "$.source"),
            number=number(command.number, "$.number"),
            account=account,
            contract=contract,
            asset=asset,
            amount_minor=names.amount(command.amount, asset, "$.amount"),
        )
    collateral = []
    for symbol, amount in command.collateral.items():
        path = f"$.collateral.{symbol}"
        asset = names.asset(symbol, path)
        collateral.append(core.Money(asset, names.amount(convert(amount, NUMBER, path), asset, path)))
    return core.IsolatePosition(account, contract, tuple(collateral))


def _contribution(command: wire.Contribute, names: Names) -> AnyCommand:
    asset = names.asset(command.asset, "$.asset")
    return core.Contribute(
        source=named(command.source, "$.source"),
        number=number(command.number, "$.number"),
        fund=command.fund,
        asset=asset,
        amount_minor=names.amount(command.amount, asset, "$.amount"),
        member=None if command.member is None else names.member(command.member, "$.member"),
    )


def _listing(command: wire.AddAsset | wire.ListContract, names: Names) -> AnyCommand:
    if isinstance(command, wire.ListContract):
        named(command.symbol, "$.symbol")
        return core.ListContract(contract_of(command))
    named(command.symbol, "$.symbol")
    small = {"decimals": command.decimals, "fine_decimals": command.fine_decimals}
    for field, value in small.items():
        if not 0 <= value <= PLACES_MAX:
            message = f"{decimals.shown(value)} is not a number of decimals: give 0 to {PLACES_MAX}"
            raise refuse(Reason.TERMS_INVALID, f"$.{field}", message)
    own = core.Asset(command.symbol, command.decimals, command.fine_decimals)
    quote = own
    if command.price_in is not None and command.price_in != command.symbol:
        quote = names.terms.assets[names.asset(command.price_in, "$.price_in")]
    elif command.price_in is None and names.terms.rulebook is not None:
        quote = names.terms.assets[names.asset(names.terms.rulebook.numeraire, "$.price_in")]
    elif command.price_in is None and names.terms.assets:
        quote = names.terms.assets[0]
    return core.AddAsset(
        msgspec.structs.replace(
            own,
            price_max_fine=names.fine(command.price_max, quote, "$.price_max"),
            stale_after_ns=guarded(decimals.duration_ns, command.stale_after, "$.stale_after"),
        )
    )


def _open(orders: Mapping[int, T], following: int, asked: int, kind: str, why_closed: str) -> T:
    """The open order of a kind that a fill names; numbers below the ``following`` one have been used."""
    if asked in orders:
        return orders[asked]
    if 0 <= asked < following:
        raise refuse(Reason.ORDER_NOT_OPEN, "$.order", f"{kind} {asked} is closed: {why_closed}")
    message = f"no {kind} has the number {decimals.shown(asked)}: use that of its fact"
    raise refuse(Reason.ORDER_UNKNOWN, "$.order", message)


def _execute(command: wire.Execute, registers: Registers, names: Names) -> AnyCommand:
    why = "it was filled, or it expired before this fill came"
    order = _open(registers.orders, registers.next_order, command.order, "liquidation order", why)
    return core.ExecuteLiquidation(
        source=named(command.source, "$.source"),
        number=number(command.number, "$.number"),
        order=command.order,
        lots=size(command.lots, command.quantity, order.contract, names, "$"),
        price_ticks=names.ticks(command.price, order.contract, "$.price"),
        counterparty=names.account(command.counterparty, "$.counterparty"),
    )


def _execute_conversion(command: wire.ExecuteConversion, registers: Registers, names: Names) -> AnyCommand:
    why = "it was filled, was due, or was taken back"
    order = _open(registers.conversions, registers.next_conversion, command.order, "conversion order", why)
    return core.ExecuteConversion(
        source=named(command.source, "$.source"),
        number=number(command.number, "$.number"),
        order=command.order,
        sold_minor=names.amount(command.sold, order.sold_asset, "$.sold"),
        received_minor=names.amount(command.received, order.bought_asset, "$.received"),
    )
