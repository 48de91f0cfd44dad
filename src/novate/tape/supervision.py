"""Limits, halts and rules to come: from the tape to the core and back."""

from typing import Any

from novate.core import commands as core
from novate.core.commands import AnyCommand
from novate.core.terms import Limit
from novate.tape import supervision_wire as wire
from novate.tape.fields import at, size
from novate.tape.names import Names, Terms


def supervision_of(command: wire.SupervisionWire, names: Names) -> AnyCommand:
    """The command of the core. Members, accounts and contracts must be on record; names of limits are the core's."""
    match command:
        case wire.CancelRulebook():
            return core.CancelRulebook(command.name)
        case wire.SetLimit():
            contract = names.contract(command.contract, "$.contract")
            members = tuple(names.member(name, f"$.members[{at}]") for at, name in enumerate(command.members))
            accounts = tuple(names.account(name, f"$.accounts[{at}]") for at, name in enumerate(command.accounts))
            lots = size(command.lots, command.quantity, contract, names, "$")
            return core.SetLimit(Limit(command.name, contract, command.measure, lots, members, accounts))
        case wire.RemoveLimit():
            return core.RemoveLimit(command.name)
        case wire.Halt():
            return core.HaltContract(names.contract(command.contract, "$.contract"), command.cause)
        case wire.Resume():
            return core.ResumeContract(names.contract(command.contract, "$.contract"))
    raise TypeError(f"no command of supervision: {type(command).__name__}")


def supervision_fields(command: AnyCommand, terms: Terms) -> dict[str, Any]:
    """The command as a tape object. Raises ``LookupError`` for what a tape cannot say."""
    match command:
        case core.CancelRulebook():
            return {"command": "cancel_rulebook", "name": command.name}
        case core.SetLimit(limit=limit):
            return {
                "command": "set_limit",
                "name": limit.name,
                "contract": at(terms.contracts, limit.contract, "contract").symbol,
                "measure": limit.measure,
                "lots": limit.lots,
                "members": [at(terms.members, member, "member").name for member in limit.members],
                "accounts": [at(terms.accounts, account, "account").name for account in limit.accounts],
            }
        case core.RemoveLimit():
            return {"command": "remove_limit", "name": command.name}
        case core.HaltContract():
            return {
                "command": "halt",
                "contract": at(terms.contracts, command.contract, "contract").symbol,
                "cause": command.cause,
            }
        case core.ResumeContract():
            return {"command": "resume", "contract": at(terms.contracts, command.contract, "contract").symbol}
    raise TypeError(f"no tape command for {type(command).__name__}")
