"""The cells of a story's table as fields of the tape."""

import re
from typing import Any

from novate.tape.decimals import duration_ns, time_ns
from tests.stories.world import DAY_NS, DAY_ONE

WHOLE = {"lots", "number", "order", "decimals", "fine_decimals", "slices_max", "deposit", "withdrawal"}
WHOLE |= {"kept_trades_max", "trade", "give_up"}
FLAGS = {"inverse", "accept", "futures_style", "capped", "collateralised", "resolvable"}


def plain(cell: str) -> str:
    """A number without its thousands separators; anything else as it is."""
    return cell.replace(",", "") if re.fullmatch(r"-?[\d,]+(?:\.\d+)?%?", cell) else cell


def fields_of(record: dict[str, str]) -> dict[str, Any]:
    """A table row as fields of the tape: ``price min`` is ``price_min``, ``1,000.00 USD`` an amount and its asset."""
    fields: dict[str, Any] = {}
    for column, cell in record.items():
        name = column.replace(" ", "_")
        if name in WHOLE and re.fullmatch(r"-?[\d,]+", cell):
            fields[name] = int(cell.replace(",", ""))
        elif name in FLAGS:
            fields[name] = cell == "yes"
        elif match := re.fullmatch(r"(-?[\d,.]+) ([A-Za-z]+)", cell) if name == "amount" else None:
            fields["amount"], fields["asset"] = plain(match[1]), match[2]
        elif match := re.fullmatch(r"day (\d+),? (\d\d:\d\d)", cell):
            hour, minute = match[2].split(":")
            fields[name] = time_ns(DAY_ONE) + (int(match[1]) - 1) * DAY_NS + duration_ns(f"{hour}h{minute}m")
        else:
            fields[name] = plain(cell)
    return fields
