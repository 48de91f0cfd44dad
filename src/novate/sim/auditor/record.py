"""The trades of the open cycle, as they were made."""

from fractions import Fraction

import numpy as np

from novate.core.facts import Fact, TradesNovated
from novate.core.lifecycle_facts import TradesForgotten
from novate.core.reasons import Reason
from novate.core.rows import NOVATED
from novate.sim.auditor.house import House, Made, Reference
from novate.sim.auditor.numbering import demand, unpacked
from novate.sim.auditor.rounding import E12, nearest

TRADE = "$.trade_number"


def keep(house: House, fact: TradesNovated) -> None:
    """Trades go on record as they were made."""
    rows = unpacked(fact.rows, NOVATED)
    numbers = np.frombuffer(fact.numbers, "<i8").tolist() or [fact.first_number + row[-1] for row in rows]
    for number, (lots, value, buyer_fee, seller_fee, contract, buyer, seller, _) in zip(numbers, rows, strict=True):
        of = house.instruments[contract]
        sides, fees = {"buyer": buyer, "seller": seller}, {"buyer": buyer_fee, "seller": seller_fee}
        trade, index = (fact.source, number), nearest(Fraction(of.index_e12, E12))
        house.trades.append(Made(trade, contract, lots, value, index, of.index, sides, fees))


def forgotten(house: House, new: int) -> list[Fact]:
    """Where more would be on record than may be kept, the oldest go, and an eighth more than must."""
    kept, most = len(house.trades) + new, house.rules.kept_trades_max
    return [TradesForgotten(min(kept, kept - most + most // 8))] if kept > most else []


def apply_forgotten(house: House, fact: TradesForgotten) -> None:
    """The oldest are gone."""
    del house.trades[: fact.count]


def parts_of(house: House, trade: Reference) -> list[Made]:
    """A trade that stands, with every part that was given up."""
    parts = [made for made in house.trades if made.trade == trade and not made.busted]
    if not parts:
        demand(trade not in house.undone, Reason.TRADE_ALREADY_BUSTED, TRADE)
        demand(not is_past(house, trade), Reason.OUTSIDE_BUST_WINDOW, TRADE)
        demand(False, Reason.TRADE_UNKNOWN, TRADE)
    return parts


def is_past(house: House, trade: Reference) -> bool:
    """Whether its number was used before those on record."""
    source, number = trade
    on_record = [made.trade[1] for made in house.trades if made.trade[0] == source]
    return number <= house.sources.get(source, -1) and (not on_record or number < min(on_record))
