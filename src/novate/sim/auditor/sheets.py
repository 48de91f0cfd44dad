"""A risk sheet is adopted whole or not at all; an account is margined by it, or contract by contract in tiers."""

import hashlib
from collections.abc import Iterator

import msgspec

from novate.core.commands import AdoptRiskSheet, SetMarginMode
from novate.core.facts import Fact, MarginModeSet, RiskSheetAdopted
from novate.core.reasons import Reason
from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from novate.core.supervision import RiskSheetCancelled, RiskSheetLapsed, RiskSheetScheduled, RiskSheetTookForce
from novate.core.terms import OWNED, Kind, MarginMode, Role
from novate.sim.auditor import recalibration
from novate.sim.auditor.house import House, Scheduled
from novate.sim.auditor.numbering import rejected
from novate.sim.auditor.reliefs import after_sheet
from novate.sim.auditor.rounding import PPM, VALUE_LARGEST
from novate.sim.auditor.scenarios import EXACT_BELOW, add_on, beyond_sheet, collateral_takes, results_of
from novate.sim.auditor.worth import judge

SCENARIOS, ROWS, SETS, BLOCKS, IN_TAIL = 2**14, 2**12, 60, 2**4, 2**10
"""As many there may be at most."""
WAITING = 8
NAME_LONGEST = 128
ADD_ON_LARGEST, ADD_ON_RATE_LARGEST, FLOOR_LARGEST = 2**50, 2**40, 2**62 - 1

Wrong = tuple[Reason, str]
INVALID = Reason.SHEET_INVALID

# ---- adoption -------------------------------------------------------------------------------------------------------


def decide_adopt(house: House, command: AdoptRiskSheet) -> list[Fact]:
    """A sheet at once, or on the schedule."""
    sheet, effective_ns = command.sheet, command.effective_ns
    if effective_ns is None or effective_ns == house.now_ns:
        if refused := refusal(house, sheet, house.now_ns) or left_out(house, sheet, house.now_ns):
            return [rejected(*refused)]
        return [RiskSheetAdopted(sheet, digest_of(sheet)), *after_sheet(house, sheet)]
    if effective_ns < house.now_ns:
        return [rejected(Reason.EFFECTIVE_TIME_PAST, "$.effective_ns")]
    waiting = [one for (kind, _), one in house.scheduled.items() if kind == "sheet"]
    if ("sheet", sheet.name) in house.scheduled:
        return [rejected(Reason.NAME_TAKEN, "$.sheet.name")]
    if len(waiting) == WAITING:
        return [rejected(INVALID, "$.effective_ns")]
    before = [one for one in waiting if one.effective_ns <= effective_ns]
    last_ns = max((one.effective_ns for one in before), default=None)
    last = [one.rules for one in before if one.effective_ns == last_ns][-1:]
    former = last[0] if last and isinstance(last[0], RiskSheet) else house.sheet_in_force
    since_ns = house.sheet_since_ns if last_ns is None else last_ns
    refused = next(wrong_with(house, sheet), None)
    if refused:
        return [rejected(refused[0], f"$.sheet.{refused[1]}")]
    if refused := left_out(house, sheet, effective_ns, former):
        return [rejected(*refused)]
    if former and (refused := recalibration.too_far(house, sheet, former, effective_ns - since_ns)):
        return [rejected(*refused)]
    return [RiskSheetScheduled(sheet, digest_of(sheet), effective_ns)]


def left_out(house: House, sheet: RiskSheet, at_ns: int, former: RiskSheet | None = None) -> Wrong | None:
    """A contract that lives and that one sheet knows and the next one does not: ``former`` and this one, or this one
    and the first to come after it."""
    coming = [one for (kind, _), one in house.scheduled.items() if kind == "sheet" and one.effective_ns > at_ns]
    nexts = [min(coming, key=lambda one: one.effective_ns).rules] if coming else []
    living = {of.terms.symbol for of in house.instruments if of.state != "expired"}
    for earlier, later in [(former, sheet)] * (former is not None) + [(sheet, one) for one in nexts]:
        assert isinstance(earlier, RiskSheet)
        assert isinstance(later, RiskSheet)
        known = [row.symbol for row in later.contracts]
        gone = [row.symbol for row in earlier.contracts if row.symbol in living and row.symbol not in known]
        if gone:
            return Reason.SHEET_ROW_MISSING, f"$.sheet.contracts.{gone[0]}"
    return None


def refusal(house: House, sheet: RiskSheet, at_ns: int) -> Wrong | None:
    """Why a sheet cannot take force now, as of a time: it must be sound in itself, not too far from the one before, and
    able to judge every portfolio bucket there is."""
    for reason, path in wrong_with(house, sheet):
        return reason, f"$.sheet.{path}"
    former, gone_ns = house.sheet_in_force, at_ns - house.sheet_since_ns
    if former and (far := recalibration.too_far(house, sheet, former, gone_ns)):
        return far
    for bucket in house.buckets.values():
        reason = beyond_sheet(house, sheet, bucket) if bucket.portfolio else None
        if reason:
            return reason, "$.sheet.contracts"
    return None


def digest_of(sheet: RiskSheet) -> str:
    """What a sheet is known by."""
    return hashlib.sha256(msgspec.msgpack.encode(sheet)).hexdigest()


def wrong_with(house: House, sheet: RiskSheet) -> Iterator[Wrong]:
    """Everything wrong with a sheet in itself, in order of precedence."""
    if not 1 <= len(sheet.name) <= NAME_LONGEST:
        yield INVALID, "name"
    if sheet.numeraire != house.rules.numeraire:
        yield INVALID, "numeraire"
    if not 1 <= sheet.unit_fine <= VALUE_LARGEST:
        yield INVALID, "unit_fine"
    if not 0 <= sheet.offset_cap_ppm <= PPM:
        yield INVALID, "offset_cap_ppm"
    if not 0 <= sheet.maintenance_ppm <= PPM:
        yield INVALID, "maintenance_ppm"
    yield from _wrong_with_blocks(sheet.blocks)
    if not sheet.contracts or len(sheet.contracts) + len(sheet.collateral) > ROWS or len(sheet.netting_sets) > SETS:
        yield INVALID, "contracts"
    scenarios = sum(block.scenarios for block in sheet.blocks)
    named: list[str] = []
    for of_contract in sheet.contracts:
        path = f"contracts.{of_contract.symbol}"
        if of_contract.symbol in named:
            yield INVALID, path
        named.append(of_contract.symbol)
        yield from _wrong_with_row(of_contract, scenarios, path)
        yield from _wrong_with_contract(house, of_contract, path)
    named = []
    for of_asset in sheet.collateral:
        path = f"collateral.{of_asset.symbol}"
        if of_asset.symbol in named:
            yield INVALID, path
        named.append(of_asset.symbol)
        yield from _wrong_with_row(of_asset, scenarios, path)
        yield from _wrong_with_asset(house, of_asset, path)
    if collateral_takes(sheet) > EXACT_BELOW // 2:
        yield Reason.SHEET_BOUND_EXCEEDED, "collateral"


def _wrong_with_blocks(blocks: tuple[ScenarioBlock, ...]) -> Iterator[Wrong]:
    names, sizes = [block.name for block in blocks], [block.scenarios for block in blocks]
    if not 1 <= len(blocks) <= BLOCKS or any(names.count(name) > 1 for name in names):
        yield INVALID, "blocks"
    if min(sizes, default=1) < 1 or sum(sizes) > SCENARIOS:
        yield INVALID, "blocks"
    if sum(block.weight_ppm for block in blocks if block.part in ("current", "stressed")) != PPM:
        yield INVALID, "blocks"
    for at, block in enumerate(blocks):
        if not 1 <= block.weight_ppm <= PPM:
            yield INVALID, f"blocks[{at}].weight_ppm"
        if not _can_be_measured(block):
            yield INVALID, f"blocks[{at}].measure"


def _can_be_measured(block: ScenarioBlock) -> bool:
    """A rank that the block has; a tail that is a part of it and has one scenario at least. Neither is too long."""
    if block.measure == "worst":
        return True
    if block.measure == "kth_worst":
        return 1 <= block.rank <= block.scenarios and block.rank <= IN_TAIL
    part, whole = block.tail_numerator, block.tail_denominator
    return 1 <= part <= whole <= 10**6 and whole <= block.scenarios * part <= IN_TAIL * whole


def _wrong_with_row(row: ContractRow | CollateralRow, scenarios: int, path: str) -> Iterator[Wrong]:
    if row.netting_set == "":
        yield INVALID, f"{path}.netting_set"
    if len(row.results) != 8 * scenarios or any(abs(result) >= EXACT_BELOW for result in results_of(row.results)):
        yield INVALID, f"{path}.results"
    if not _rise_from_nothing(row.add_ons) or any(not 0 <= one.rate_ppm <= ADD_ON_RATE_LARGEST for one in row.add_ons):
        yield INVALID, f"{path}.add_ons"


def _rise_from_nothing(pieces: tuple[AddOn, ...]) -> bool:
    floors = [piece.floor_lots for piece in pieces]
    return not floors or (floors[0] == 0 and floors == sorted(dict.fromkeys(floors)) and floors[-1] <= FLOOR_LARGEST)


def _wrong_with_contract(house: House, row: ContractRow, path: str) -> Iterator[Wrong]:
    """A contract that is listed, that somebody can hold, and that does not count at its worst already."""
    terms = next((of.terms for of in house.instruments if of.terms.symbol == row.symbol), None)
    if terms is None:
        yield Reason.CONTRACT_UNKNOWN, path
    elif terms.kind is Kind.INDEX or terms.collateralised:
        yield INVALID, path
    elif add_on(row.add_ons, terms.position_limit_lots) > ADD_ON_LARGEST:
        yield INVALID, f"{path}.add_ons"


def _wrong_with_asset(house: House, row: CollateralRow, path: str) -> Iterator[Wrong]:
    """Collateral that the rules take, but not the numeraire."""
    if row.symbol not in [money.terms.symbol for money in house.monies]:
        yield Reason.ASSET_UNKNOWN, path
        return
    if row.symbol == house.rules.numeraire:
        yield INVALID, path
    elif row.symbol not in house.rules.collateral:
        yield Reason.ASSET_NOT_ELIGIBLE, path
    if not 1 <= row.lot_minor <= VALUE_LARGEST or not 1 <= row.lots_max < EXACT_BELOW:
        yield INVALID, path
    elif add_on(row.add_ons, row.lots_max) > ADD_ON_LARGEST:
        yield INVALID, f"{path}.add_ons"


# ---- margin modes ---------------------------------------------------------------------------------------------------


def decide_mode(house: House, command: SetMarginMode) -> list[Fact]:
    """Whoever is its own master, and at or above initial in the new mode, with a price for all that it has."""
    account, mode = command.account, command.mode
    if account not in house.buckets:
        return [rejected(Reason.ACCOUNT_UNKNOWN, "$.account")]
    bucket = house.buckets[account]
    if bucket.role in (Role.GROSS_OMNIBUS, Role.SUB_ACCOUNT):
        return [rejected(Reason.MODE_NOT_ALLOWED, "$.mode")]
    if bucket.role not in OWNED:
        return [rejected(Reason.ACCOUNT_NOT_TRADABLE, "$.account")]
    if house.members[bucket.member].defaulted:
        return [rejected(Reason.MEMBER_IN_DEFAULT, "$.account")]
    if bucket.access != "open":
        busy = Reason.ACCOUNT_RESTRICTED if bucket.access == "restricted" else Reason.ACCOUNT_IN_LIQUIDATION
        return [rejected(busy, "$.account")]
    if bucket.portfolio == (mode is MarginMode.PORTFOLIO):
        return [rejected(Reason.MARGIN_MODE_UNCHANGED, "$.mode")]
    switched = bucket.copy()
    switched.portfolio = not bucket.portfolio
    if switched.portfolio:
        if house.sheet_in_force is None:
            return [rejected(Reason.SHEET_MISSING, "$.mode")]
        if reason := beyond_sheet(house, house.sheet, switched):
            return [rejected(reason, "$.account")]
    verdict = judge(house, switched)
    if not verdict.priced:
        return [rejected(Reason.PRICE_MISSING, "$.account")]
    if verdict.equity < verdict.initial:
        return [rejected(Reason.MARGIN_INSUFFICIENT, "$.mode")]
    return [MarginModeSet(account, mode)]


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_adopted(house: House, fact: RiskSheetAdopted) -> None:
    """The sheet judges from now, as a whole."""
    house.sheet_in_force, house.sheet_since_ns = fact.sheet, house.now_ns


def apply_scheduled(house: House, fact: RiskSheetScheduled) -> None:
    """It waits."""
    house.scheduled["sheet", fact.sheet.name] = Scheduled(fact.sheet, fact.effective_ns)


def apply_over(house: House, fact: RiskSheetCancelled | RiskSheetLapsed) -> None:
    """It is not to come any more."""
    del house.scheduled["sheet", fact.name]


def apply_took_force(house: House, fact: RiskSheetTookForce) -> None:
    """What waited under the name judges from now."""
    waited = house.scheduled.pop(("sheet", fact.name))
    if not isinstance(waited.rules, RiskSheet):
        raise TypeError(f"{fact.name} is no risk sheet")
    house.sheet_in_force, house.sheet_since_ns = waited.rules, waited.effective_ns


def apply_mode_set(house: House, fact: MarginModeSet) -> None:
    """The account is judged in this way from now."""
    house.buckets[fact.bucket].portfolio = fact.mode is MarginMode.PORTFOLIO
