"""A rulebook as a tape writes it: rates as decimals, times as durations, amounts in their assets."""

from typing import Any

from novate.core.money import PPM
from novate.core.terms import Asset, Cap, Overdraft, Rulebook, Tier
from novate.tape import decimals
from novate.tape.decode import Registers


def rulebook_fields(rulebook: Rulebook, registers: Registers) -> dict[str, Any]:
    """The rules as a tape writes them."""
    numeraire = next((asset for asset in registers.assets if asset.symbol == rulebook.numeraire), None)
    if numeraire is None:
        raise LookupError(f"there is no asset {rulebook.numeraire}: a rulebook's amounts are written in its numeraire")
    return {
        "name": rulebook.name,
        "numeraire": rulebook.numeraire,
        "form": rulebook.form,
        "collateral": {symbol: decimals.rate_text(haircut, PPM) for symbol, haircut in rulebook.collateral.items()},
        "margin_classes": {name: _class(rulebook, name, numeraire) for name in rulebook.margin_classes},
        "settlement_interval": decimals.duration_text(rulebook.settlement_interval_ns),
        "call_due": decimals.duration_text(rulebook.call_due_ns),
        "waterfall": [layer.value for layer in rulebook.waterfall],
        "gains": decimals.rate_text(rulebook.gains_ppm, PPM),
        "long_option": decimals.rate_text(rulebook.long_option_ppm, PPM),
        "call_minimum": decimals.text(rulebook.call_minimum_fine, numeraire.fine_decimals),
        "slice": decimals.rate_text(rulebook.slice_ppm, PPM),
        "slippage": decimals.rate_text(rulebook.slippage_ppm, PPM),
        "slice_expiry": decimals.duration_text(rulebook.slice_expiry_ns),
        "slices_max": rulebook.slices_max,
        "price_bands": {name: decimals.rate_text(band, PPM) for name, band in rulebook.price_bands.items()},
        "warning": decimals.rate_text(rulebook.warning_ppm, PPM),
        "call_trigger": decimals.rate_text(rulebook.call_trigger_ppm, PPM),
        "call_target": decimals.rate_text(rulebook.call_target_ppm, PPM),
        "call_recovery": rulebook.call_recovery,
        "missed_client_calls": rulebook.missed_client_calls,
        "reduce_only": decimals.rate_text(rulebook.reduce_only_ppm, PPM),
        "release": decimals.rate_text(rulebook.release_ppm, PPM),
        "reserved_trades": rulebook.reserved_trades,
        "deposit_final_after": decimals.duration_text(rulebook.deposit_final_after_ns),
        "collateral_caps": {symbol: _cap(cap, symbol, registers) for symbol, cap in rulebook.collateral_caps.items()},
        "withdrawal_gates": {
            symbol: _amount(dust, symbol, registers) for symbol, dust in rulebook.withdrawal_gates.items()
        },
        "client_transfers": rulebook.client_transfers,
        "kept_trades_max": rulebook.kept_trades_max,
        "late_bust": rulebook.late_bust,
        "give_up_due": decimals.duration_text(rulebook.give_up_due_ns),
        "transfer_causes": list(rulebook.transfer_causes),
        "porting_due": decimals.duration_text(rulebook.porting_due_ns),
        "overdrafts": {symbol: _overdraft(rule, symbol, registers) for symbol, rule in rulebook.overdrafts.items()},
        "conversion": rulebook.conversion,
        "conversion_due": decimals.duration_text(rulebook.conversion_due_ns),
        "recalibration_rise": decimals.rate_text(rulebook.recalibration_rise_ppm, PPM),
        "recalibration_fall": decimals.rate_text(rulebook.recalibration_fall_ppm, PPM),
        "recalibration_every": decimals.duration_text(rulebook.recalibration_every_ns),
    }


def _class(rulebook: Rulebook, name: str, numeraire: Asset) -> Any:
    tiers = [_tier(tier, numeraire) for tier in rulebook.margin_classes[name]]
    caps, said = rulebook.open_interest.get(name), dict[str, Any]()
    if name in rulebook.whole_initial:
        said["whole_initial"] = True
    if caps is not None:
        values = {"lower": caps.lower_fine, "upper": caps.upper_fine}
        said["open_interest"] = {end: decimals.text(fine, numeraire.fine_decimals) for end, fine in values.items()}
    return {"tiers": tiers, **said} if said else tiers


def _tier(tier: Tier, numeraire: Asset) -> dict[str, str]:
    return {
        "above": decimals.text(tier.floor_fine, numeraire.fine_decimals),
        "initial": decimals.rate_text(tier.initial_ppm, PPM),
        "maintenance": decimals.rate_text(tier.maintenance_ppm, PPM),
        "initial_least": decimals.rate_text(tier.initial_least_ppm, PPM),
        "maintenance_least": decimals.rate_text(tier.maintenance_least_ppm, PPM),
    }


def _cap(cap: Cap, symbol: str, registers: Registers) -> dict[str, str]:
    limits = {"account": cap.account_minor, "member": cap.member_minor, "house": cap.house_minor}
    limits["counted"] = cap.counted_minor
    return {name: _amount(limit, symbol, registers) for name, limit in limits.items() if limit is not None}


def _overdraft(rule: Overdraft, symbol: str, registers: Registers) -> dict[str, str]:
    return {
        "amount": _amount(rule.amount_minor, symbol, registers),
        "time": decimals.duration_text(rule.time_ns),
    }


def _amount(amount_minor: int, symbol: str, registers: Registers) -> str:
    asset = next((asset for asset in registers.assets if asset.symbol == symbol), None)
    if asset is None:
        raise LookupError(f"there is no asset {symbol}: an amount of it cannot be written")
    return decimals.text(amount_minor, asset.decimals)
