"""Risk sheets from the tape to the core and back: lists of integers, exact in either direction."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from novate.core.commands import AdoptRiskSheet, CancelRiskSheet, SetMarginMode
from novate.core.money import PPM
from novate.core.reasons import Reason
from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from novate.core.terms import Account, Asset, MarginMode
from novate.tape import decimals, fields
from novate.tape import sheet_wire as wire
from novate.tape.decimals import INT64_MAX, shown
from novate.tape.names import Names
from novate.tape.read import convert
from novate.tape.refusal import refuse
from novate.tape.terms import guarded, moment, ppm


class Named(Protocol):
    """The registers that sheets and modes are written by."""

    @property
    def assets(self) -> Sequence[Asset]: ...
    @property
    def accounts(self) -> Sequence[Account]: ...


def sheet_command(command: wire.SheetWire, names: Names) -> AdoptRiskSheet | CancelRiskSheet | SetMarginMode:
    """The command of the core. Accounts must be on record."""
    match command:
        case wire.AdoptRiskSheet():
            return AdoptRiskSheet(sheet_of(command, names), moment(command.effective, "$.effective"))
        case wire.CancelRiskSheet():
            return CancelRiskSheet(command.name)
    return SetMarginMode(names.account(command.account, "$.account"), MarginMode(command.mode))


def sheet_of(command: wire.AdoptRiskSheet, names: Names) -> RiskSheet:
    """The sheet: the unit in fine units of the numeraire, weights in ppm, results packed."""
    numeraire = names.terms.assets[names.asset(command.numeraire, "$.numeraire")]
    contracts = []
    for symbol, content in command.contracts.items():
        path = f"$.contracts.{symbol}"
        row = convert(content, wire.SheetRow, path)
        contracts.append(ContractRow(symbol, row.netting_set, _packed(row, path), _add_ons(row, path)))
    return RiskSheet(
        name=command.name,
        numeraire=command.numeraire,
        unit_fine=names.fine(command.unit, numeraire, "$.unit"),
        blocks=tuple(_block(block, f"$.blocks[{at}]") for at, block in enumerate(command.blocks)),
        contracts=tuple(contracts),
        collateral=tuple(_collateral(symbol, content, names) for symbol, content in command.collateral.items()),
        offset_cap_ppm=ppm(command.offset_cap, "$.offset_cap"),
        maintenance_ppm=ppm(command.maintenance, "$.maintenance"),
    )


def _collateral(symbol: str, content: Any, names: Names) -> CollateralRow:
    path = f"$.collateral.{symbol}"
    row = convert(content, wire.SheetCollateral, path)
    lot = names.amount(row.lot, names.asset(symbol, path), f"{path}.lot")
    lots_max = _whole(row.lots_max, f"{path}.lots_max")
    packed, add_ons = _packed(row, path), _add_ons(row, path)
    return CollateralRow(symbol, row.netting_set, packed, lot, lots_max, add_ons)


def _block(block: wire.SheetBlock, path: str) -> ScenarioBlock:
    numerator, denominator = block.tail
    return ScenarioBlock(
        name=block.name,
        part=block.part,
        scenarios=_whole(block.scenarios, f"{path}.scenarios"),
        measure=block.measure,
        weight_ppm=ppm(block.weight, f"{path}.weight"),
        rank=_whole(block.rank, f"{path}.rank"),
        tail_numerator=_whole(numerator, f"{path}.tail[0]"),
        tail_denominator=_whole(denominator, f"{path}.tail[1]"),
    )


def _packed(row: wire.SheetRow, path: str) -> bytes:
    for at, value in enumerate(row.results):
        _whole(value, f"{path}.results[{at}]")
    return np.array(row.results, "<i8").tobytes()


def _add_ons(row: wire.SheetRow, path: str) -> tuple[AddOn, ...]:
    def per_lot(written: str | int) -> int:
        return decimals.rate(written, PPM, "millionths of a unit")

    return tuple(
        AddOn(
            _whole(piece.above, f"{path}.add_ons[{at}].above"),
            guarded(per_lot, piece.per_lot, f"{path}.add_ons[{at}].per_lot", Reason.SHEET_INVALID),
        )
        for at, piece in enumerate(row.add_ons)
    )


def _whole(value: int, path: str) -> int:
    if not -INT64_MAX <= value <= INT64_MAX:
        raise refuse(Reason.SHEET_INVALID, path, f"{shown(value)} is beyond the range of the house (2^63 - 1)")
    return value


def encode_sheet(command: AdoptRiskSheet | CancelRiskSheet | SetMarginMode, registers: Named) -> dict[str, Any]:
    """The tape's form of a command about sheets. Raises ``LookupError`` for what is not on record."""
    if isinstance(command, AdoptRiskSheet):
        later = fields.effective(command.effective_ns)
        return {"command": "adopt_risk_sheet", **sheet_fields(command.sheet, registers), **later}
    if isinstance(command, CancelRiskSheet):
        return {"command": "cancel_risk_sheet", "name": command.name}
    account = fields.at(registers.accounts, command.account, "account").name
    return {"command": "set_margin_mode", "account": account, "mode": command.mode.value}


def sheet_fields(sheet: RiskSheet, registers: Named) -> dict[str, Any]:
    """The fields of ``adopt_risk_sheet``. Raises ``LookupError`` for assets that are not on record."""
    assets = {asset.symbol: asset for asset in registers.assets}
    contracts = {row.symbol: _row_fields(row) for row in sheet.contracts}
    collateral = {
        row.symbol: {
            **_row_fields(row),
            "lot": decimals.text(row.lot_minor, assets[row.symbol].decimals),
            "lots_max": row.lots_max,
        }
        for row in sheet.collateral
    }
    if len(contracts) < len(sheet.contracts) or len(collateral) < len(sheet.collateral):
        raise LookupError("a symbol has two rows in one sheet, so it cannot be written as a tape")
    return {
        "name": sheet.name,
        "numeraire": sheet.numeraire,
        "unit": decimals.text(sheet.unit_fine, assets[sheet.numeraire].fine_decimals),
        "blocks": [
            {
                "name": block.name,
                "part": block.part,
                "scenarios": block.scenarios,
                "measure": block.measure,
                "weight": decimals.rate_text(block.weight_ppm, PPM),
                "rank": block.rank,
                "tail": [block.tail_numerator, block.tail_denominator],
            }
            for block in sheet.blocks
        ],
        "contracts": contracts,
        "collateral": collateral,
        "offset_cap": decimals.rate_text(sheet.offset_cap_ppm, PPM),
        "maintenance": decimals.rate_text(sheet.maintenance_ppm, PPM),
    }


def _row_fields(row: ContractRow | CollateralRow) -> dict[str, Any]:
    add_ons = [{"above": piece.floor_lots, "per_lot": decimals.rate_text(piece.rate_ppm, PPM)} for piece in row.add_ons]
    results = np.frombuffer(row.results, "<i8").tolist()
    return {"netting_set": row.netting_set, "results": results, "add_ons": add_ons}
