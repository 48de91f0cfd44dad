"""Realised and unrealised results and average entry prices: a report over the journal, never state of the house.

The house itself knows a position as lots and a cost, and settlement sets that cost to the mark. People ask what they
paid and what they made: this report folds the journal's records and keeps, per account and contract, the cost since
the position was opened. A trade that reduces removes cost pro rata, rounded against the account; the rest is realised.

    realised + unrealised = lots x value - every cost since the first trade, to the last fine unit

Funding of a perpetual is part of the results, since it is part of the value per lot; fees stand beside them. Premiums
are an option's cost. What the waterfall takes (a gains haircut, a shortfall) is no result of a trade and is not here.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

import msgspec
import numpy as np

from novate.core import commands, facts, lifecycle_facts
from novate.core.commands import AnyCommand
from novate.core.facts import Fact
from novate.core.money import ceil_div, round_half_even
from novate.core.omnibus import name_of_sub
from novate.core.rows import FUNDED, LEG, MARKED, NOVATED, TRADE
from novate.core.terms import Contract
from novate.core.withdrawals import TRANSIT
from novate.tape.decimals import decimal, text_of

PRICE_PLACES = 6
"""Places that an average entry price has beyond those of the tick."""


class Recorded(Protocol):
    """One record of the house, as ``ClearingHouse.records`` gives them."""

    @property
    def command(self) -> AnyCommand: ...
    @property
    def facts(self) -> tuple[Fact, ...]: ...


class Holding(msgspec.Struct):
    """What one account has in one contract, in fine units of its settlement asset.

    ``cost_fine`` is what the open lots cost, funding index included; ``entry_fine`` the same at bare prices.
    """

    lots: int = 0
    cost_fine: int = 0
    entry_fine: int = 0
    realised_fine: int = 0
    fees_fine: int = 0


class Listed(msgspec.Struct):
    """A contract and the value of one lot now."""

    terms: Contract
    factor_fine: int
    fine_decimals: int
    value_fine: int = 0

    def bare_value_fine(self, price_ticks: int) -> int:
        """Value of one lot at a price, without funding; inverse values are rounded half to even, as the house does."""
        if self.terms.inverse and not self.terms.is_option:
            return -round_half_even(self.factor_fine, price_ticks)
        return price_ticks * self.factor_fine


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report, amounts in the contract's settlement asset.

    ``average_entry_price`` is None for a flat position; a long's is rounded up and a short's down. ``funding`` is not
    told apart: it is in ``realised`` and ``unrealised``.
    """

    account: str
    contract: str
    lots: int
    average_entry_price: Decimal | None
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    asset: str


class Results:
    """Folds records one by one; ``lines()`` is the report after those folded so far."""

    def __init__(self) -> None:
        self.holdings: dict[tuple[int, int], Holding] = {}
        self.contracts: list[Listed] = []
        self.fine_decimals: list[int] = []
        self.names: list[str] = ["house:fees", "house:rounding", "house:treasury", "house:skin", "house:insurance"]
        self.orders: dict[int, tuple[int, int]] = {}
        self.give_ups: dict[int, lifecycle_facts.GiveUpProposed] = {}

    def fold(self, record: Recorded) -> None:
        """Take one record in. Records must come in order, from the first."""
        for fact in record.facts:
            self._fold_terms(fact)
            self._fold_position(fact, record.command)

    def lines(self) -> list[Result]:
        """Every account that ever traded a contract, by account and contract."""
        return [
            self._line(account, contract, holding) for (account, contract), holding in sorted(self.holdings.items())
        ]

    # --- facts --------------------------------------------------------------------------------------------------

    def _fold_terms(self, fact: Fact) -> None:
        match fact:
            case facts.AssetAdded():
                self.fine_decimals.append(fact.asset.fine_decimals)
            case facts.ContractListed():
                self.contracts.append(Listed(fact.contract, fact.factor_fine, self.fine_decimals[fact.asset]))
            case facts.MemberAdded():
                self.names += [fact.name, f"{fact.name}:fund"]
            case facts.AccountOpened():
                self.names.append(fact.name)
            case facts.BucketOpened():
                owner, symbol = self.names[fact.account], self.contracts[fact.contract].terms.symbol
                self.names.append(f"isolated:{owner}:{symbol}")
            case facts.SubAccountOpened():
                self.names.append(name_of_sub(self.names[fact.account], fact.reference))
            case facts.WithdrawalsRequested() if TRANSIT not in self.names:
                self.names.append(TRANSIT)
            case facts.LiquidationOrdered():
                self.orders[fact.order] = (fact.bucket, fact.contract)
            case facts.MarksPublished():
                self._set_values(np.frombuffer(fact.rows, MARKED))
            case facts.FundingPublished():
                self._set_values(np.frombuffer(fact.rows, FUNDED))

    def _set_values(self, rows: np.ndarray) -> None:
        for row in rows:
            self.contracts[int(row["contract"])].value_fine = int(row["value_fine"])

    def _fold_position(self, fact: Fact, command: AnyCommand) -> None:
        match fact:
            case facts.TradesNovated() if isinstance(command, commands.SubmitTrades):
                self._fold_trades(np.frombuffer(fact.rows, NOVATED), command)
            case facts.LiquidationExecuted() if isinstance(command, commands.ExecuteLiquidation):
                bucket, contract = self.orders[fact.order]
                entry = self.contracts[contract].bare_value_fine(command.price_ticks)
                for account, lots in ((bucket, fact.lots), (fact.counterparty, -fact.lots)):
                    self._move(account, contract, lots, lots * fact.value_fine, lots * entry)
            case facts.TakenOver():
                taken_by = len(self.names)
                self.names.append(f"liquidation:{taken_by}")
                for row in np.frombuffer(fact.rows, LEG):
                    lots, cost, contract = int(row["lots"]), int(row["cost_fine"]), int(row["contract"])
                    self._move(int(row["giver"]), contract, -lots, -cost, -cost)
                    self._move(taken_by, contract, lots, cost, cost)
            case facts.ContractExpired():
                # A bust after this takes final results back; by then nothing of the contract is held.
                self.contracts[fact.contract].value_fine = fact.value_fine
                for (account, contract), holding in self.holdings.items():
                    if contract == fact.contract:
                        paid = -holding.lots * fact.value_fine
                        self._move(account, contract, -holding.lots, paid, paid)

            case _:
                self._fold_lifecycle(fact)

    def _fold_lifecycle(self, fact: Fact) -> None:
        """Legs after the trade. What is undone counts as traded back at its cost, so that the totals stay exact."""
        match fact:
            case lifecycle_facts.TradeBusted() | lifecycle_facts.PositionsCompressed():
                for leg in fact.legs:
                    self._move(leg.bucket, fact.contract, leg.lots, leg.cost_fine, leg.cost_fine)
                    holding = self.holdings.setdefault((leg.bucket, fact.contract), Holding())
                    if leg.lots:
                        holding.fees_fine -= leg.carry_fine
                    else:  # it expired: the final result is taken back, with the fee
                        holding.realised_fine += leg.carry_fine
            case lifecycle_facts.TradeCorrected():
                entry = fact.value_fine + fact.index_fine
                fees = ((fact.buyer, 1, fact.buyer_fee_fine), (fact.seller, -1, fact.seller_fee_fine))
                for account, sign, fee in fees:
                    lots = sign * fact.lots
                    self._move(account, fact.contract, lots, lots * fact.value_fine, lots * entry)
                    self.holdings[account, fact.contract].fees_fine += fee
            case lifecycle_facts.TradeOffset():
                cost = fact.lots * fact.value_fine
                self._move(fact.buyer, fact.contract, -fact.lots, -cost, -cost)
                self._move(fact.seller, fact.contract, fact.lots, cost, cost)
            case lifecycle_facts.PositionTransferred():
                self._move(fact.giver, fact.contract, -fact.lots, -fact.cost_fine, -fact.cost_fine)
                self._move(fact.receiver, fact.contract, fact.lots, fact.cost_fine, fact.cost_fine)
            case lifecycle_facts.GiveUpProposed():
                self.give_ups[fact.give_up] = fact
            case lifecycle_facts.GiveUpAccepted():
                asked = self.give_ups[fact.give_up]
                for account, sign in ((fact.giver, -1), (fact.receiver, 1)):
                    cost = sign * fact.cost_fine
                    self._move(account, asked.contract, sign * asked.lots, cost, cost)
                    self.holdings[account, asked.contract].fees_fine += sign * fact.fee_fine

    def _fold_trades(self, rows: np.ndarray, command: commands.SubmitTrades) -> None:
        prices = np.frombuffer(command.rows, TRADE)["price_ticks"]
        for row in rows:
            contract, lots, value = int(row["contract"]), int(row["lots"]), int(row["value_fine"])
            entry = self.contracts[contract].bare_value_fine(int(prices[row["row"]]))
            for side, sign in (("buyer", 1), ("seller", -1)):
                account = int(row[side])
                self._move(account, contract, sign * lots, sign * lots * value, sign * lots * entry)
                self.holdings[account, contract].fees_fine += int(row[f"{side}_fee_fine"])

    def _move(self, account: int, contract: int, lots: int, cost_fine: int, entry_fine: int) -> None:
        """Add lots at a cost. The part that reduces is realised against cost removed pro rata, rounded up."""
        holding = self.holdings.setdefault((account, contract), Holding())
        if not lots:
            return
        if holding.lots * lots < 0:
            closed = min(abs(lots), abs(holding.lots))
            removed = ceil_div(holding.cost_fine * closed, abs(holding.lots))
            proceeds = -(cost_fine * closed // abs(lots))  # exact: the cost is lots x value, or all of it closes
            holding.realised_fine += proceeds - removed
            holding.cost_fine -= removed
            holding.entry_fine -= ceil_div(holding.entry_fine * closed, abs(holding.lots))
            opened = abs(lots) - closed
            cost_fine, entry_fine = cost_fine + proceeds, entry_fine * opened // abs(lots)
        holding.lots += lots
        holding.cost_fine += cost_fine
        holding.entry_fine += entry_fine

    # --- lines --------------------------------------------------------------------------------------------------

    def _line(self, account: int, contract: int, holding: Holding) -> Result:
        listed = self.contracts[contract]
        places = listed.fine_decimals
        unrealised_fine = holding.lots * listed.value_fine - holding.cost_fine
        return Result(
            account=self.names[account],
            contract=listed.terms.symbol,
            lots=holding.lots,
            average_entry_price=average_entry_price(listed, holding.lots, holding.entry_fine),
            realised=decimal(holding.realised_fine, places),
            unrealised=decimal(unrealised_fine, places),
            fees=decimal(holding.fees_fine, places),
            asset=listed.terms.settlement,
        )


def average_entry_price(listed: Listed, lots: int, entry_fine: int) -> Decimal | None:
    """The price at which the open lots cost what they cost; a long's rounded up, a short's down. None when flat.

    For an inverse contract it is the harmonic mean. A position taken over for nothing, or for less, has no price.
    """
    if not lots or not entry_fine:
        return None
    ratio = Fraction(entry_fine, lots * listed.factor_fine)
    if listed.terms.inverse and not listed.terms.is_option:
        if ratio >= 0:
            return None
        ratio = -1 / ratio
    price = ratio * listed.terms.tick
    _, _, tail = text_of(listed.terms.tick).partition(".")
    places = len(tail) + PRICE_PLACES
    scaled = price * 10**places
    up = lots > 0
    return decimal(ceil_div(scaled.numerator, scaled.denominator) if up else scaled.__floor__(), places)


def results(records: Iterable[Recorded]) -> list[Result]:
    """The report over the records of a house, from the first on: ``results(house.records())``."""
    folded = Results()
    for record in records:
        folded.fold(record)
    return folded.lines()


def totals(lines: Sequence[Result]) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """``(realised, unrealised, fees)`` summed per settlement asset; the first two sum to zero but for rounding."""
    found: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
    for line in lines:
        realised, unrealised, fees = found.get(line.asset, (Decimal(0), Decimal(0), Decimal(0)))
        found[line.asset] = (realised + line.realised, unrealised + line.unrealised, fees + line.fees)
    return found
