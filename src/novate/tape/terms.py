"""The two commands with many fields: a contract's terms and a rulebook, from the tape to the core."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar

from novate.core import terms
from novate.core.money import PPM
from novate.core.reasons import Reason
from novate.tape import decimals, wire
from novate.tape.decimals import TooFine, Unfit, shown
from novate.tape.names import Names, lots, ticks
from novate.tape.read import convert
from novate.tape.refusal import refuse

T = TypeVar("T")


def guarded(read: Callable[[str | int], T], value: str | int, path: str, reason: Reason = Reason.MALFORMED) -> T:
    """``read(value)``, its errors as ``Refused`` at the path."""
    try:
        return read(value)
    except TooFine as error:
        raise refuse(Reason.AMOUNT_TOO_FINE if reason is Reason.MALFORMED else reason, path, str(error)) from None
    except Unfit as error:
        raise refuse(reason, path, str(error)) from None


def moment(value: str | int | None, path: str) -> int | None:
    """A time in nanoseconds since 1970; None where none is given."""
    return None if value is None else guarded(decimals.time_ns, value, path)


def ppm(value: str | int, path: str) -> int:
    """A rate as ppm."""
    return guarded(lambda written: decimals.rate(written, PPM, "ppm"), value, path, Reason.TERMS_INVALID)


def contract_of(command: wire.ListContract) -> terms.Contract:
    """The contract's terms: price limits in ticks, position limit in lots, times in nanoseconds, fee in ppm."""
    tick = _step(command.tick_size, "$.tick_size")
    lot = _step(command.lot_size, "$.lot_size")
    strike = command.strike
    if strike is not None:
        guarded(decimals.fraction, strike, "$.strike", Reason.TERMS_INVALID)
    return terms.Contract(
        symbol=command.symbol,
        kind=terms.Kind(command.kind),
        settlement=command.settlement,
        tick_size=str(command.tick_size),
        lot_size=str(command.lot_size),
        price_min_ticks=ticks(command.price_min, tick, "$.price_min"),
        price_max_ticks=ticks(command.price_max, tick, "$.price_max"),
        position_limit_lots=lots(command.position_limit, lot, "$.position_limit"),
        margin_class=command.margin_class,
        stale_after_ns=guarded(decimals.duration_ns, command.stale_after, "$.stale_after"),
        inverse=command.inverse,
        underlying=command.underlying,
        strike=None if strike is None else str(strike),
        expiry_ns=moment(command.expiry, "$.expiry"),
        fee_ppm=ppm(command.fee, "$.fee"),
        margin_floor_ticks=ticks(command.margin_floor, tick, "$.margin_floor"),
        futures_style=command.futures_style,
        capped=command.capped,
        collateralised=command.collateralised,
        resolvable=command.resolvable,
    )


def _step(value: str | int, path: str) -> Fraction:
    size = guarded(decimals.fraction, value, path, Reason.TERMS_INVALID)
    if size <= 0:
        raise refuse(Reason.TERMS_INVALID, path, f"{value} is not a size: give a decimal above zero")
    return size


def rulebook_of(command: wire.AdoptRulebook, names: Names) -> terms.Rulebook:
    """The rulebook: rates in ppm, amounts in fine units of the numeraire (or of the class's own asset)."""
    numeraire = names.terms.assets[names.asset(command.numeraire, "$.numeraire")]
    collateral = {
        symbol: ppm(convert(haircut, NUMBER, f"$.collateral.{symbol}"), f"$.collateral.{symbol}")
        for symbol, haircut in command.collateral.items()
    }
    classes = {
        name: _class(content, numeraire, names, f"$.margin_classes.{name}")
        for name, content in command.margin_classes.items()
    }
    return terms.Rulebook(
        name=command.name,
        numeraire=command.numeraire,
        form=command.form,
        collateral=collateral,
        margin_classes={name: tiers for name, (tiers, _, _) in classes.items()},
        settlement_interval_ns=guarded(decimals.duration_ns, command.settlement_interval, "$.settlement_interval"),
        call_due_ns=guarded(decimals.duration_ns, command.call_due, "$.call_due"),
        waterfall=tuple(terms.Layer(layer) for layer in command.waterfall),
        gains_ppm=ppm(command.gains, "$.gains"),
        long_option_ppm=ppm(command.long_option, "$.long_option"),
        call_minimum_fine=names.fine(command.call_minimum, numeraire, "$.call_minimum"),
        slice_ppm=ppm(command.slice, "$.slice"),
        slippage_ppm=ppm(command.slippage, "$.slippage"),
        slice_expiry_ns=guarded(decimals.duration_ns, command.slice_expiry, "$.slice_expiry"),
        slices_max=_small(command.slices_max, "$.slices_max"),
        price_bands={
            name: ppm(convert(band, NUMBER, f"$.price_bands.{name}"), f"$.price_bands.{name}")
            for name, band in command.price_bands.items()
        },
        whole_initial=tuple(name for name, (_, whole, _) in classes.items() if whole),
        open_interest={name: caps for name, (_, _, caps) in classes.items() if caps is not None},
        warning_ppm=ppm(command.warning, "$.warning"),
        call_trigger_ppm=ppm(command.call_trigger, "$.call_trigger"),
        call_target_ppm=ppm(command.call_target, "$.call_target"),
        call_recovery=command.call_recovery,
        missed_client_calls=command.missed_client_calls,
        reduce_only_ppm=ppm(command.reduce_only, "$.reduce_only"),
        release_ppm=ppm(command.release, "$.release"),
        reserved_trades=command.reserved_trades,
        deposit_final_after_ns=guarded(decimals.duration_ns, command.deposit_final_after, "$.deposit_final_after"),
        collateral_caps=_by_asset(command.collateral_caps, _cap, names, "$.collateral_caps"),
        withdrawal_gates=_by_asset(command.withdrawal_gates, _amount, names, "$.withdrawal_gates"),
        client_transfers=command.client_transfers,
        kept_trades_max=_small(command.kept_trades_max, "$.kept_trades_max", 10**8),
        late_bust=command.late_bust,
        give_up_due_ns=guarded(decimals.duration_ns, command.give_up_due, "$.give_up_due"),
        transfer_causes=tuple(command.transfer_causes),
        porting_due_ns=guarded(decimals.duration_ns, command.porting_due, "$.porting_due"),
        overdrafts=_by_asset(command.overdrafts, _overdraft, names, "$.overdrafts"),
        conversion=command.conversion,
        conversion_due_ns=guarded(decimals.duration_ns, command.conversion_due, "$.conversion_due"),
        recalibration_rise_ppm=ppm(command.recalibration_rise, "$.recalibration_rise"),
        recalibration_fall_ppm=ppm(command.recalibration_fall, "$.recalibration_fall"),
        recalibration_every_ns=guarded(decimals.duration_ns, command.recalibration_every, "$.recalibration_every"),
    )


def _by_asset(
    given: dict[str, Any], read: Callable[[Any, str, Names, str], T], names: Names, path: str
) -> dict[str, T]:
    return {symbol: read(content, symbol, names, f"{path}.{symbol}") for symbol, content in given.items()}


def _overdraft(content: Any, symbol: str, names: Names, path: str) -> terms.Overdraft:
    rule = convert(content, wire.Overdraft, path)
    amount = _amount(rule.amount, symbol, names, f"{path}.amount")
    return terms.Overdraft(amount, guarded(decimals.duration_ns, rule.time, f"{path}.time"))


def _cap(content: Any, symbol: str, names: Names, path: str) -> terms.Cap:
    cap = convert(content, wire.Cap, path)
    given = {"account": cap.account, "member": cap.member, "house": cap.house, "counted": cap.counted}
    amounts = {
        f"{name}_minor": _amount(value, symbol, names, f"{path}.{name}")
        for name, value in given.items()
        if value is not None
    }
    return terms.Cap(**amounts)


def _amount(content: Any, symbol: str, names: Names, path: str) -> int:
    return names.amount(convert(content, NUMBER, path), names.asset(symbol, path), path)


def _class(
    content: Any, numeraire: terms.Asset, names: Names, path: str
) -> tuple[tuple[terms.Tier, ...], bool, terms.OpenInterest | None]:
    """A margin class: its tiers, whether initial rates are on the whole, and how open interest scales them."""
    if not isinstance(content, dict):
        return _tiers(content, numeraire, names, path), False, None
    given = convert(content, wire.MarginClass, path)
    asset = numeraire if given.asset is None else names.terms.assets[names.asset(given.asset, f"{path}.asset")]
    scaled, place = given.open_interest, f"{path}.open_interest"
    caps = scaled and terms.OpenInterest(
        names.fine(scaled.lower, asset, f"{place}.lower"), names.fine(scaled.upper, asset, f"{place}.upper")
    )
    return _tiers(given.tiers, asset, names, f"{path}.tiers"), given.whole_initial, caps


def _tiers(rows: Any, asset: terms.Asset, names: Names, path: str) -> tuple[terms.Tier, ...]:
    if not isinstance(rows, list):
        message = f'expected a list of tiers, got {shown(rows)}: write [{{"above": "0", "initial": …}}, …]'
        raise refuse(Reason.MALFORMED, path, message)
    return tuple(_tier(row, asset, names, f"{path}[{index}]") for index, row in enumerate(rows))


def _tier(row: Any, asset: terms.Asset, names: Names, path: str) -> terms.Tier:
    tier = convert(row, wire.Tier, path)
    return terms.Tier(
        floor_fine=names.fine(tier.above, asset, f"{path}.above"),
        initial_ppm=ppm(tier.initial, f"{path}.initial"),
        maintenance_ppm=ppm(tier.maintenance, f"{path}.maintenance"),
        initial_least_ppm=ppm(tier.initial_least, f"{path}.initial_least"),
        maintenance_least_ppm=ppm(tier.maintenance_least, f"{path}.maintenance_least"),
    )


def _small(value: int, path: str, most: int = 1_000_000) -> int:
    if not 0 <= value <= most:
        raise refuse(Reason.RULEBOOK_INVALID, path, f"{shown(value)} is out of range: give 0 to {most}")
    return value


NUMBER: Any = str | int
