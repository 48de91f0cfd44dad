"""Facts of money on its way in, on its way out and between accounts, as plain rows."""

from typing import TYPE_CHECKING, Any

import numpy as np

from novate.core import money_facts as core
from novate.core.facts import Fact
from novate.core.reasons import Reason
from novate.core.rows import CASH, MOVED, POSTED
from novate.tape.decimals import time_text

if TYPE_CHECKING:
    from novate.views.facts import Named

Row = dict[str, Any]


def transit_rows(fact: Fact, named: "Named") -> list[Row]:
    """The rows of one fact, without its name; none for a fact of another kind."""
    match fact:
        case core.DepositsAnnounced() | core.DepositsReversible():
            until = {"final_at": time_text(fact.final_at_ns)} if isinstance(fact, core.DepositsReversible) else {}
            return [
                {
                    "source": fact.source,
                    "deposit": int(row["number"]),
                    "account": named.account(row["account"]),
                    **named.minor(row["amount_minor"], row["asset"]),
                    **until,
                }
                for row in np.frombuffer(fact.rows, CASH)
            ]
        case core.DepositClosed():
            return [{"source": fact.source, "deposit": fact.deposit, "cause": fact.cause}]
        case core.DepositsFinal():
            return [{"source": fact.source, "deposits": list(fact.deposits)}]
        case core.DepositReversed():
            owed = named.minor(fact.owed_minor, fact.asset)["amount"]
            amount = named.minor(fact.amount_minor, fact.asset)
            who = {"source": fact.source, "deposit": fact.deposit, "account": named.account(fact.account)}
            return [{**who, **amount, "owed": owed}]
        case core.CollateralTransferred():
            return [
                {
                    "payer": named.account(row["payer"]),
                    "payee": named.account(row["payee"]),
                    **named.minor(row["amount_minor"], row["asset"]),
                }
                for row in np.frombuffer(fact.rows, MOVED)
            ]
        case core.GateClosed():
            amounts = {"deficit": fact.deficit_minor, "available": fact.available_minor}
            shown = {name: named.minor(amount, fact.asset)["amount"] for name, amount in amounts.items()}
            return [{"asset": named.asset(fact.asset).symbol, "cause": fact.cause, **shown}]
        case core.GateOpened():
            return [{"asset": named.asset(fact.asset).symbol}]
    return _withdrawal_rows(fact, named)


def _withdrawal_rows(fact: Fact, named: "Named") -> list[Row]:
    match fact:
        case core.WithdrawalsRequested():
            return [
                {
                    "withdrawal": fact.first + at,
                    "account": named.account(row["account"]),
                    **named.minor(row["amount_minor"], row["asset"]),
                }
                for at, row in enumerate(np.frombuffer(fact.rows, POSTED))
            ]
        case core.WithdrawalWaits() | core.WithdrawalReleased():
            return [{"withdrawal": fact.withdrawal}]
        case core.WithdrawalConfirmed():
            amount = named.minor(fact.amount_minor, fact.asset)
            return [{"withdrawal": fact.withdrawal, "account": named.account(fact.account), **amount}]
        case core.WithdrawalReturned():
            amount = named.minor(fact.amount_minor, fact.asset)
            why = {"cause": fact.cause} | ({} if fact.reason is Reason.ACCEPTED else {"reason": fact.reason.text})
            return [{"withdrawal": fact.withdrawal, "account": named.account(fact.account), **amount, **why}]
    return []
