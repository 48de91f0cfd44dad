"""The risk sheet and who is judged by it: a sheet is adopted whole or not at all, an account switched or not."""

import hashlib
import itertools
from collections.abc import Iterator

import msgspec
import numpy as np

from novate.core import layout
from novate.core.book import Book
from novate.core.commands import AdoptRiskSheet, SetMarginMode
from novate.core.facts import Fact, MarginModeSet, Rejected, RiskSheetAdopted
from novate.core.kernels.portfolio import first_uncovered, uncovered_in
from novate.core.kernels.remargin import inherit
from novate.core.margin import in_numeraire, judge_as
from novate.core.money import EXPOSURE_MAX, PPM, SHEET_BOUND, VALUE_MAX, charge
from novate.core.portfolio import explain_uncovered
from novate.core.reasons import Reason
from novate.core.recalibration import beyond_bounds
from novate.core.relief import reliefs, under_sheet
from novate.core.sheet_columns import accumulate, collateral_bound, columns_of, largest_units, lay_out_sheet
from novate.core.sheet_terms import CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from novate.core.terms import OWNED, Kind, MarginMode, Role

SCENARIOS_MAX = 2**14
ROWS_MAX = 2**12
NETTING_SETS_MAX = 60  # a bit for each in 64
BLOCKS_MAX = 2**4
TAIL_MAX = 2**10  # as many losses of up to 2^52 sum within 64 bits
TAIL_DENOMINATOR_MAX = 10**6
ADD_ON_MAX = 2**50  # as many as there may be rows sum within 64 bits
ADD_ON_RATE_MAX = 2**40
NAME_LENGTH_MAX = 128

Wrong = tuple[Reason, str, str]
INVALID = Reason.SHEET_INVALID


def digest_of(sheet: RiskSheet) -> str:
    """SHA-256 of a sheet's canonical form, in hexadecimal."""
    return hashlib.sha256(msgspec.msgpack.encode(sheet)).hexdigest()


# ---- adoption -------------------------------------------------------------------------------------------------------


def decide_adopt_risk_sheet(book: Book, command: AdoptRiskSheet) -> list[Fact]:
    """Adopt a sheet now that is well formed, not too far from the one in force, and can judge every portfolio bucket
    there is; otherwise reject it whole. One that waited for its time counts from then, however late a command comes."""
    sheet, registers = command.sheet, book.registers
    at_ns = registers.time_ns if command.effective_ns is None else command.effective_ns
    for reason, path, message in check_sheet(book, sheet):
        return [Rejected(reason, f"$.sheet.{path}", message)]
    former, since_ns = registers.sheet, registers.sheet_since_ns
    if former is not None and (refused := beyond_bounds(book, sheet, former, since_ns, at_ns)):
        return [refused]
    tables = lay_out_sheet(sheet, book.registers.symbols, book.registers.assets)
    bucket, contract = first_uncovered(book.account_count, book.tables(), tables)
    if bucket >= 0:
        reason, message = explain_uncovered(book, int(bucket), int(contract))
        return [Rejected(reason, "$.sheet.contracts", message)]
    return [RiskSheetAdopted(sheet, digest_of(sheet)), *reliefs(book, under_sheet(book, tables))]


def check_sheet(book: Book, sheet: RiskSheet) -> Iterator[Wrong]:
    """Everything wrong with a sheet, as ``(reason, path, message)``, what others rely on first."""
    if not sheet.name or len(sheet.name) > NAME_LENGTH_MAX:
        yield INVALID, "name", f"a name of 1 to {NAME_LENGTH_MAX} characters is needed"
    if sheet.numeraire != book.rulebook.numeraire:
        yield INVALID, "numeraire", f"the house is judged in {book.rulebook.numeraire}, got {sheet.numeraire!r}"
    for name, low, high in (("unit_fine", 1, VALUE_MAX), ("offset_cap_ppm", 0, PPM), ("maintenance_ppm", 0, PPM)):
        if not low <= getattr(sheet, name) <= high:
            yield INVALID, name, f"must be between {low} and {high}, got {getattr(sheet, name)}"
    yield from _check_blocks(sheet)
    every = (*sheet.contracts, *sheet.collateral)
    if not sheet.contracts or len(every) > ROWS_MAX:
        yield INVALID, "contracts", f"1 to {ROWS_MAX} rows are needed, one of a contract at least, got {len(every)}"
    if len(sheet.netting_sets) > NETTING_SETS_MAX:
        yield INVALID, "contracts", f"at most {NETTING_SETS_MAX} netting sets, got {len(sheet.netting_sets)}"
    for field, rows in (("contracts", sheet.contracts), ("collateral", sheet.collateral)):
        seen: dict[str, None] = {}
        for row in rows:
            path = f"{field}.{row.symbol}"
            if row.symbol in seen:
                yield INVALID, path, "has two rows: keep one of them"
            seen[row.symbol] = None
            yield from _check_row(sheet, row, path)
            yield from _check_contract(book, row, path) if isinstance(row, ContractRow) else ()
            yield from _check_collateral(book, row, path) if isinstance(row, CollateralRow) else ()
    if collateral_bound(sheet) > SHEET_BOUND // 2:
        message = f"lots_max x largest result, summed, must be at most {SHEET_BOUND // 2} sheet units: allow fewer lots"
        yield Reason.SHEET_BOUND_EXCEEDED, "collateral", message


def _check_blocks(sheet: RiskSheet) -> Iterator[Wrong]:
    blocks = sheet.blocks
    if not 1 <= len(blocks) <= BLOCKS_MAX or len(dict.fromkeys(block.name for block in blocks)) < len(blocks):
        yield INVALID, "blocks", f"1 to {BLOCKS_MAX} blocks with different names are needed"
    if not all(block.scenarios >= 1 for block in blocks) or sheet.scenario_count > SCENARIOS_MAX:
        yield INVALID, "blocks", f"1 to {SCENARIOS_MAX} scenarios in all, at least one in each block, are needed"
    if sum(block.weight_ppm for block in blocks if block.part != "floor") != PPM:
        yield INVALID, "blocks", f"the weights of current and stressed blocks must sum to {PPM} ppm"
    for at, block in enumerate(blocks):
        if not 1 <= block.weight_ppm <= PPM:
            yield INVALID, f"blocks[{at}].weight_ppm", f"must be between 1 and {PPM}, got {block.weight_ppm}"
        if message := _wrong_measure(block):
            yield INVALID, f"blocks[{at}].measure", message


def _wrong_measure(block: ScenarioBlock) -> str:
    numerator, denominator = block.tail_numerator, block.tail_denominator
    if block.measure == "kth_worst" and not 1 <= block.rank <= min(block.scenarios, TAIL_MAX):
        return f"rank must be between 1 and {min(block.scenarios, TAIL_MAX)}, got {block.rank}"
    if block.measure == "expected_shortfall":
        if not 1 <= numerator <= denominator <= TAIL_DENOMINATOR_MAX:
            return f"the tail weight is a fraction up to 1 with a denominator up to {TAIL_DENOMINATOR_MAX}"
        if not denominator <= block.scenarios * numerator <= TAIL_MAX * denominator:
            return f"the tail must hold 1 to {TAIL_MAX} scenarios, got {block.scenarios} x {numerator}/{denominator}"
    return ""


def _check_row(sheet: RiskSheet, row: ContractRow | CollateralRow, path: str) -> Iterator[Wrong]:
    if not row.netting_set:
        yield INVALID, f"{path}.netting_set", "a name is needed"
    if len(row.results) != 8 * sheet.scenario_count:
        message = f"a result for each of {sheet.scenario_count} scenarios is needed, got {len(row.results) // 8}"
        yield INVALID, f"{path}.results", message
    elif largest_units(row.results) >= SHEET_BOUND:
        yield INVALID, f"{path}.results", f"must be below {SHEET_BOUND} in size: use a larger sheet unit"
    floors = [piece.floor_lots for piece in row.add_ons]
    rising = all(high > low for low, high in itertools.pairwise(floors))
    if floors and not (floors[0] == 0 and rising and floors[-1] <= EXPOSURE_MAX):
        yield INVALID, f"{path}.add_ons", "floors must start at 0 lots and rise"
    elif any(not 0 <= piece.rate_ppm <= ADD_ON_RATE_MAX for piece in row.add_ons):
        yield INVALID, f"{path}.add_ons", f"rates must be between 0 and {ADD_ON_RATE_MAX} ppm of a unit per lot"


def _add_on_at(row: ContractRow | CollateralRow, lots: int) -> int:
    """The add-on of a row at its most lots; it does not fall with more."""
    pieces = [piece for piece in accumulate(row.add_ons) if piece[0] < lots]
    return pieces[-1][1] + charge(lots - pieces[-1][0], pieces[-1][2]) if pieces else 0


def _check_contract(book: Book, row: ContractRow, path: str) -> Iterator[Wrong]:
    at = book.contract_index(row.symbol)
    if at is None:
        yield Reason.CONTRACT_UNKNOWN, path, f"{row.symbol!r} is not listed: list it first or leave the row out"
        return
    terms = book.registers.contracts[at]
    if terms.kind is Kind.INDEX:
        yield INVALID, path, "is an index, which nobody holds: leave the row out"
    elif terms.collateralised:
        yield INVALID, path, "is fully collateralised and counts at its worst already: leave the row out"
    elif _add_on_at(row, terms.position_limit_lots) > ADD_ON_MAX:
        yield INVALID, f"{path}.add_ons", f"must be at most {ADD_ON_MAX} sheet units at the position limit"


def _check_collateral(book: Book, row: CollateralRow, path: str) -> Iterator[Wrong]:
    if book.asset_index(row.symbol) is None:
        yield Reason.ASSET_UNKNOWN, path, f"{row.symbol!r} is not an asset on record"
        return
    if row.symbol == book.rulebook.numeraire:
        yield INVALID, path, "is the numeraire, whose price is 1 in every scenario: leave the row out"
    elif row.symbol not in book.rulebook.collateral:
        yield Reason.ASSET_NOT_ELIGIBLE, path, f"the rulebook does not take {row.symbol} as collateral"
    if not (1 <= row.lot_minor <= VALUE_MAX and 1 <= row.lots_max < SHEET_BOUND):
        yield INVALID, path, f"lot_minor must be 1 to {VALUE_MAX} and lots_max 1 to below {SHEET_BOUND}"
    elif _add_on_at(row, row.lots_max) > ADD_ON_MAX:
        yield INVALID, f"{path}.add_ons", f"must be at most {ADD_ON_MAX} sheet units at lots_max"


def fold_risk_sheet_adopted(book: Book, fact: RiskSheetAdopted) -> None:
    """Put the sheet in force."""
    put_in_force(book, fact.sheet, book.registers.time_ns)


def put_in_force(book: Book, sheet: RiskSheet, since_ns: int) -> None:
    """The sheet judges from now, and counts as in force since a time. For ``evolve`` only."""
    book.registers.sheet, book.registers.sheet_since_ns = sheet, since_ns
    former, book.sheet = book.sheet, columns_of(book.registers)
    if former is not None:
        inherit(former, book.sheet)


# ---- margin mode ----------------------------------------------------------------------------------------------------


def decide_set_margin_mode(book: Book, command: SetMarginMode) -> list[Fact]:
    """Switch an account's bucket where it is above its initial requirement in the new mode."""
    account, mode = command.account, command.mode
    if not 0 <= account < book.account_count:
        return [Rejected(Reason.ACCOUNT_UNKNOWN, "$.account", f"there is no account {account}")]
    name, row = book.registers.accounts[account].name, book.buckets[account]
    if book.registers.accounts[account].role in (Role.GROSS_OMNIBUS, Role.SUB_ACCOUNT):
        message = f"{name} is margined client by client: a sheet nets what it judges"
        return [Rejected(Reason.MODE_NOT_ALLOWED, "$.mode", message)]
    if book.registers.accounts[account].role not in OWNED:
        return [Rejected(Reason.ACCOUNT_NOT_TRADABLE, "$.account", f"{name} is one of the house's own accounts")]
    if row["access"] == layout.REDUCE_ONLY or book.registers.members[int(row["member"])].defaulted:
        return [Rejected(Reason.MEMBER_IN_DEFAULT, "$.account", f"{name} may only reduce: its member is in default")]
    if row["access"] == layout.RESTRICTED:
        return [Rejected(Reason.ACCOUNT_RESTRICTED, "$.account", f"{name} may only reduce until its equity is back")]
    if row["access"] != layout.OPEN:
        return [Rejected(Reason.ACCOUNT_IN_LIQUIDATION, "$.account", f"{name} is in liquidation")]
    portfolio = mode is MarginMode.PORTFOLIO
    if bool(row["portfolio"]) == portfolio:
        return [Rejected(Reason.MARGIN_MODE_UNCHANGED, "$.mode", f"{name} is in {mode} mode already")]
    if portfolio and book.registers.sheet is None:
        return [Rejected(Reason.SHEET_MISSING, "$.mode", "no risk sheet is in force: adopt one first")]
    if portfolio and (contract := int(uncovered_in(account, book.tables(), book.sheet))) != -1:
        reason, message = explain_uncovered(book, account, contract)
        return [Rejected(reason, "$.account", message)]
    verdict = judge_as(book, account, mode)
    if not verdict.priced:
        return [Rejected(Reason.PRICE_MISSING, "$.account", f"{name} holds something without a live price")]
    if verdict.equity_fine < verdict.initial_fine:
        short = in_numeraire(book, verdict.initial_fine - verdict.equity_fine)
        message = f"{name} would be {short} below its initial requirement in {mode} mode"
        return [Rejected(Reason.MARGIN_INSUFFICIENT, "$.mode", message + ": bring collateral or reduce first")]
    return [MarginModeSet(account, mode)]


def fold_margin_mode_set(book: Book, fact: MarginModeSet) -> None:
    """Note the mode of a bucket."""
    book.buckets[fact.bucket]["portfolio"] = int(fact.mode is MarginMode.PORTFOLIO)


def portfolio_buckets(book: Book) -> np.ndarray:
    """The portfolio buckets (int64), ascending."""
    return np.flatnonzero(book.buckets["portfolio"][: book.account_count]).astype(np.int64)
