"""NautilusTrader's accounting of fills, timed. Runs in its own environment, which does not have novate.

    python nautilus_fills.py FILLS REPEATS

For every fill its own classes do what is nearest to one side of a novated trade, in the order of its execution engine:

    AccountsManager.update_balances    realised result and commission into the account's balance
    Position.apply                     netting
    AccountsManager.update_positions   maintenance margin of the position, then the account's free balance

Not timed, though its engine does it too: making the fill and its commission, orders, events, the message bus and its
index of open positions. Not done at all: a check that the account can afford the fill, the other side of the trade,
laws, a journal.
"""

import json
import random
import sys
import time
from collections.abc import Iterator
from decimal import Decimal

from nautilus_trader.accounting.accounts.margin import MarginAccount
from nautilus_trader.accounting.manager import AccountsManager
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import Logger, TestClock
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.currencies import BTC, USD
from nautilus_trader.model.enums import AccountType, LiquiditySide, OmsType, OrderSide, OrderType
from nautilus_trader.model.events import AccountState, OrderFilled
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    PositionId,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import AccountBalance, Money, Price, Quantity
from nautilus_trader.model.position import Position

ACCOUNTS = 1_000
POSITIONS = 10  # of each account
INSTRUMENTS = 200
TRADER, STRATEGY = TraderId("TRADER-001"), StrategyId("S-001")


class House:
    """A thousand margin accounts with ten positions each: fewer than novate's, which favours the peer."""

    def __init__(self) -> None:
        self.random = random.Random(0)
        self.instruments = [instrument(index) for index in range(INSTRUMENTS)]
        self.cache = Cache()
        for each in self.instruments:
            self.cache.add_instrument(each)
        self.accounts = [account(index) for index in range(ACCOUNTS)]
        for each in self.accounts:
            self.cache.add_account(each)
        self.manager = AccountsManager(self.cache, Logger("bench"), TestClock())
        self.filled = 0
        self.lots = {}
        self.positions = {}
        for at in range(ACCOUNTS * POSITIONS):
            key = at // POSITIONS, (at // POSITIONS * 7 + at % POSITIONS * 13) % INSTRUMENTS
            position = Position(self.instruments[key[1]], self.fill(key, 1 + at % 4))
            self.positions[key] = position
            self.cache.add_position(position, OmsType.NETTING)
        self.keys = list(self.positions)

    def fill(self, key: tuple[int, int], lots: int) -> OrderFilled:
        """A fill of signed lots (thousandths) near 50,000, its commission worked out."""
        self.filled += 1
        self.lots[key] = self.lots.get(key, 0) + lots
        number = str(self.filled)
        price = 50_000 + self.random.randint(-5, 5)
        return OrderFilled(
            trader_id=TRADER,
            strategy_id=STRATEGY,
            instrument_id=self.instruments[key[1]].id,
            client_order_id=ClientOrderId("O-" + number),
            venue_order_id=VenueOrderId(number),
            account_id=self.accounts[key[0]].id,
            trade_id=TradeId(number),
            position_id=PositionId(f"P-{key[0]}-{key[1]}"),
            order_side=OrderSide.BUY if lots > 0 else OrderSide.SELL,
            order_type=OrderType.MARKET,
            last_qty=Quantity(abs(lots) / 1000, 3),
            last_px=Price(price, 1),
            currency=USD,
            commission=Money(abs(lots) * price / 1000 * 0.0001, USD),
            liquidity_side=LiquiditySide.TAKER,
            event_id=UUID4(),
            ts_event=self.filled,
            ts_init=self.filled,
        )

    def fills(self, count: int) -> Iterator[tuple[MarginAccount, CryptoPerpetual, Position, OrderFilled]]:
        """Random fills with what they meet; none turns a position around, which its engine would split in two."""
        for _ in range(count):
            key = self.random.choice(self.keys)
            lots, held = self.random.choice((-4, -3, -2, -1, 1, 2, 3, 4)), self.lots[key]
            if held * (held + lots) < 0:
                lots = -held
            yield self.accounts[key[0]], self.instruments[key[1]], self.positions[key], self.fill(key, lots)

    def check(self) -> None:
        """Its positions are what was filled."""
        for key, position in self.positions.items():
            if round(position.signed_qty * 1000) != self.lots[key]:
                raise AssertionError(f"{key}: {position.signed_qty} is not {self.lots[key]} thousandths")


def instrument(index: int) -> CryptoPerpetual:
    """A linear perpetual with margin rates like those of novate's house."""
    return CryptoPerpetual(
        instrument_id=InstrumentId.from_str(f"C{index}.VENUE"),
        raw_symbol=InstrumentId.from_str(f"C{index}.VENUE").symbol,
        base_currency=BTC,
        quote_currency=USD,
        settlement_currency=USD,
        is_inverse=False,
        price_precision=1,
        size_precision=3,
        price_increment=Price.from_str("0.1"),
        size_increment=Quantity.from_str("0.001"),
        margin_init=Decimal("0.1"),
        margin_maint=Decimal("0.05"),
        maker_fee=Decimal("0.0001"),
        taker_fee=Decimal("0.0001"),
        ts_event=0,
        ts_init=0,
    )


def account(index: int) -> MarginAccount:
    """A margin account with cash enough for everything."""
    cash = Money(100_000_000, USD)
    state = AccountState(
        account_id=AccountId(f"VENUE-{index}"),
        account_type=AccountType.MARGIN,
        base_currency=USD,
        reported=True,
        balances=[AccountBalance(cash, Money(0, USD), cash)],
        margins=[],
        info={},
        event_id=UUID4(),
        ts_event=0,
        ts_init=0,
    )
    return MarginAccount(state, calculate_account_state=True)


def main(count: int, repeats: int) -> None:
    """Print the rates of all repetitions as JSON, after one to warm up."""
    house = House()
    update_balances, update_positions = house.manager.update_balances, house.manager.update_positions
    rates = []
    for _ in range(repeats + 1):
        fills = list(house.fills(count))
        start = time.perf_counter()
        for account, instrument, position, fill in fills:
            update_balances(account, instrument, fill)
            position.apply(fill)
            update_positions(account, instrument, [position], fill.ts_event)
        rates.append(count / (time.perf_counter() - start))
    house.check()
    print(json.dumps({"fills_per_second": rates[1:]}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
