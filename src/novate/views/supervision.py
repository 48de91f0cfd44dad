"""Facts about rules to come, limits, halts and levels of equity, as plain rows."""

from typing import Any, Protocol

from novate.core import supervision as core
from novate.core.facts import Fact
from novate.tape.decimals import time_text

Row = dict[str, Any]


class Names(Protocol):
    """What turns indices and units into names and decimals."""

    def account(self, index: int) -> str: ...
    def member(self, index: int) -> str: ...
    def contract(self, index: int) -> Any: ...
    def fine(self, amount: int, contract: int) -> Any: ...
    def numeraire(self, amount: int) -> Any: ...


def supervision_rows(fact: Fact, named: Names) -> list[Row]:
    """The rows of one fact, without its name; none for a fact of another kind."""
    match fact:
        case core.RulebookScheduled():
            return [{"rulebook": fact.rulebook.name, "effective": time_text(fact.effective_ns)}]
        case core.RulebookCancelled():
            return [{"rulebook": fact.name}]
        case core.RulebookLapsed():
            return [{"rulebook": fact.name, "reason": fact.reason.text, "path": fact.path, "message": fact.message}]
        case core.RiskSheetScheduled():
            effective = time_text(fact.effective_ns)
            return [{"sheet": fact.sheet.name, "effective": effective, "digest": fact.digest}]
        case core.RiskSheetTookForce():
            return [{"sheet": fact.name, "digest": fact.digest}]
        case core.RiskSheetCancelled():
            return [{"sheet": fact.name}]
        case core.RiskSheetLapsed():
            return [{"sheet": fact.name, "reason": fact.reason.text, "path": fact.path, "message": fact.message}]
        case core.LimitSet(limit=limit):
            members = [named.member(member) for member in limit.members]
            group = [*members, *(named.account(account) for account in limit.accounts)] or ["everyone"]
            contract = named.contract(limit.contract).symbol
            return [
                {"limit": limit.name, "contract": contract, "measure": limit.measure, "lots": limit.lots, "of": group}
            ]
        case core.LimitRemoved():
            return [{"limit": fact.name}]
        case core.TradingHalted():
            return [{"contract": named.contract(fact.contract).symbol, "cause": fact.cause}]
        case core.TradingResumed():
            return [{"contract": named.contract(fact.contract).symbol}]
        case core.InitialScaled():
            value = named.fine(fact.open_interest_fine, fact.contract)
            return [{"contract": named.contract(fact.contract).symbol, "open_interest": value}]
        case core.CallPaid():
            paid, still = named.numeraire(fact.paid_fine), named.numeraire(fact.open_fine)
            return [{"account": named.account(fact.bucket), "paid": paid, "open": still}]
        case core.AccountRestricted():
            equity, maintenance = named.numeraire(fact.equity_fine), named.numeraire(fact.maintenance_fine)
            return [{"account": named.account(fact.bucket), "equity": equity, "maintenance": maintenance}]
        case core.AccountReleased() | core.ReliefEnded():
            return [{"account": named.account(fact.bucket)}]
        case core.MaintenanceRelieved():
            relief, credit = named.numeraire(fact.relief_fine), named.numeraire(fact.credit_fine)
            return [{"account": named.account(fact.bucket), "relief": relief, "of_equity": credit}]
    return []
