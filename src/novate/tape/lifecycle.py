"""Commands about trades and positions after they were made: from the tape to the core and back."""

from typing import Any, Protocol

from novate.core import lifecycle_commands as core
from novate.core.commands import AnyCommand
from novate.core.terms import Account, Contract, Member
from novate.tape import lifecycle_wire as wire
from novate.tape.fields import at, named, number, price_text, size
from novate.tape.names import Names
from novate.tape.read import convert


class Registers(Protocol):
    """The registers that encoding reads."""

    @property
    def contracts(self) -> list[Contract]: ...
    @property
    def members(self) -> list[Member]: ...
    @property
    def accounts(self) -> list[Account]: ...


# --- decoding ---------------------------------------------------------------------------------------------------


def decode_lifecycle(command: wire.LifecycleWire, names: Names) -> core.LifecycleCommand:
    """A command whose names and decimals convert. Raises ``Refused``."""
    by = named(command.source, "$.source"), number(command.number, "$.number")
    match command:
        case wire.BustTrade():
            return core.BustTrade(*by, *_trade(command))
        case wire.CorrectTrade() | wire.OffsetTrade():
            kind = core.CorrectTrade if isinstance(command, wire.CorrectTrade) else core.OffsetTrade
            contract = names.contract(command.contract, "$.contract")
            return kind(
                *by,
                *_trade(command),
                contract,
                names.account(command.buyer, "$.buyer"),
                names.account(command.seller, "$.seller"),
                size(command.lots, command.quantity, contract, names, "$"),
                names.ticks(command.price, contract, "$.price"),
            )
        case wire.GiveUp():
            account = names.account(command.account, "$.account")
            receiver = names.account(command.receiver, "$.receiver")
            return core.GiveUp(*by, *_trade(command), account, receiver, number(command.lots, "$.lots"))
        case wire.AnswerGiveUp():
            give_up, member = number(command.give_up, "$.give_up"), names.member(command.member, "$.member")
            return core.AnswerGiveUp(*by, give_up, member, command.accept)
        case wire.TransferPosition():
            contract = names.contract(command.contract, "$.contract")
            return core.TransferPosition(
                *by,
                names.account(command.giver, "$.giver"),
                names.account(command.receiver, "$.receiver"),
                contract,
                size(command.lots, command.quantity, contract, names, "$"),
                command.cause,
            )
        case wire.CompressPositions():
            contract = names.contract(command.contract, "$.contract")
            legs = (_reduction(leg, names, f"$.legs[{index}]") for index, leg in enumerate(command.legs))
            return core.CompressPositions(*by, contract, tuple(legs))
    account, member = names.account(command.account, "$.account"), names.member(command.member, "$.member")
    if isinstance(command, wire.PortAccount):
        return core.PortAccount(*by, account, member)
    return core.AnswerPorting(*by, account, member, command.accept)


def _trade(command: wire.BustTrade | wire.CorrectTrade | wire.OffsetTrade | wire.GiveUp) -> tuple[str, int]:
    return named(command.trade_source, "$.trade_source"), number(command.trade_number, "$.trade_number")


def _reduction(leg: Any, names: Names, place: str) -> core.Reduction:
    row = convert(leg, wire.ReductionRow, place)
    return core.Reduction(names.account(row.account, f"{place}.account"), number(row.lots, f"{place}.lots"))


# --- encoding ---------------------------------------------------------------------------------------------------


def encode_lifecycle(command: AnyCommand, registers: Registers) -> dict[str, Any]:
    """The tape's fields of a command. Raises ``LookupError`` for what a tape cannot say."""

    def account(index: int) -> str:
        return at(registers.accounts, index, "account").name

    def member(index: int) -> str:
        return at(registers.members, index, "member").name

    match command:
        case core.BustTrade():
            return {"command": "bust_trade", **_by(command), **_of(command)}
        case core.CorrectTrade() | core.OffsetTrade():
            terms = at(registers.contracts, command.contract, "contract")
            return {
                "command": "correct_trade" if isinstance(command, core.CorrectTrade) else "offset_trade",
                **_by(command),
                **_of(command),
                "contract": terms.symbol,
                "buyer": account(command.buyer),
                "seller": account(command.seller),
                "lots": command.lots,
                "price": price_text(command.price_ticks, terms),
            }
        case core.GiveUp():
            parties = {"account": account(command.account), "receiver": account(command.receiver)}
            return {"command": "give_up", **_by(command), **_of(command), **parties, "lots": command.lots}
        case core.AnswerGiveUp():
            answer = {"give_up": command.give_up, "member": member(command.member), "accept": command.accept}
            return {"command": "answer_give_up", **_by(command), **answer}
        case core.TransferPosition():
            parties = {"giver": account(command.giver), "receiver": account(command.receiver)}
            contract = at(registers.contracts, command.contract, "contract").symbol
            moved = {"contract": contract, "lots": command.lots, "cause": command.cause}
            return {"command": "transfer_position", **_by(command), **parties, **moved}
        case core.PortAccount() | core.AnswerPorting():
            parties = {"account": account(command.account), "member": member(command.member)}
            if isinstance(command, core.PortAccount):
                return {"command": "port_account", **_by(command), **parties}
            return {"command": "answer_porting", **_by(command), **parties, "accept": command.accept}
        case core.CompressPositions():
            contract = at(registers.contracts, command.contract, "contract").symbol
            legs = [{"account": account(leg.account), "lots": leg.lots} for leg in command.legs]
            return {"command": "compress_positions", **_by(command), "contract": contract, "legs": legs}
    raise TypeError(f"no tape command for {type(command).__name__}")


def _by(command: core.LifecycleCommand) -> dict[str, Any]:
    return {"source": command.source, "number": command.number}


def _of(command: core.BustTrade | core.CorrectTrade | core.OffsetTrade | core.GiveUp) -> dict[str, Any]:
    return {"trade_source": command.trade_source, "trade_number": command.trade_number}
