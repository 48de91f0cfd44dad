"""Who and what is admitted: assets, members, accounts and the rulebook; contracts are in ``listing``."""

import numpy as np

from novate.core import layout
from novate.core.book import Book, grown
from novate.core.collateral import rates_under, set_rate
from novate.core.commands import AddAsset, AddMember, AdoptRulebook, OpenAccount
from novate.core.facts import (
    AccountOpened,
    AssetAdded,
    Fact,
    MemberAdded,
    Rejected,
    RulebookAdopted,
)
from novate.core.gate import check_gates
from novate.core.kernels.lots import set_lots
from novate.core.levels import check_levels
from novate.core.money import EXPOSURE_MAX, PPM, VALUE_MAX
from novate.core.open_interest import fold_initial_scaled, scaled_under
from novate.core.overdrafts import check_overdrafts
from novate.core.reasons import Reason
from novate.core.relief import in_draft, reliefs
from novate.core.terms import TRADING, Account, Cap, Layer, Member, Role, Rulebook
from novate.core.tiers import accumulate_tiers, check_classes

INVALID = Reason.TERMS_INVALID
NAME_LENGTH_MAX = 128
RESERVED = ("house:", "liquidation:", "isolated:")
RATE_MAX = 10**9
NO_CAP = Cap()


def check_name(name: str, taken: bool, path: str) -> Rejected | None:
    """Why a name cannot be given, or None."""
    if not name or name != name.strip() or len(name) > NAME_LENGTH_MAX:
        return Rejected(Reason.NAME_EMPTY, path, f"a name of 1 to {NAME_LENGTH_MAX} characters is needed, got {name!r}")
    if name.startswith(RESERVED):
        return Rejected(Reason.NAME_TAKEN, path, f"names that begin with {' or '.join(RESERVED)} are the house's own")
    if taken:
        return Rejected(Reason.NAME_TAKEN, path, f"{name!r} is already in use; choose another name")
    return None


# ---- assets ---------------------------------------------------------------------------------------------------------


def decide_add_asset(book: Book, command: AddAsset) -> list[Fact]:
    """Admit an asset whose scales fit 64-bit arithmetic."""
    asset = command.asset
    if refused := check_name(asset.symbol, book.asset_index(asset.symbol) is not None, "$.asset.symbol"):
        return [refused]
    if not 0 <= asset.decimals <= asset.fine_decimals <= 18:
        message = f"0 <= decimals <= fine_decimals <= 18 is needed, got {asset.decimals} and {asset.fine_decimals}"
        return [Rejected(INVALID, "$.asset.decimals", message)]
    if not (0 <= asset.price_max_fine <= VALUE_MAX and 0 <= asset.stale_after_ns <= VALUE_MAX):
        return [
            Rejected(INVALID, "$.asset.price_max_fine", "price_max and stale_after must not be negative or above 2^61")
        ]
    if 2 * asset.price_max_fine > RATE_MAX * 10**asset.fine_decimals:  # twice: a debt counts at price x (1 + haircut)
        message = f"price_max must be below {RATE_MAX // 2} numeraire fine units per fine unit: use more fine_decimals"
        return [Rejected(INVALID, "$.asset.price_max_fine", message)]
    return [AssetAdded(asset)]


def fold_asset_added(book: Book, fact: AssetAdded) -> None:
    """Give the asset the next index and a balance column."""
    index = book.asset_count
    registers = book.registers
    registers.assets.append(fact.asset)
    registers.external_minor.append(0)
    book.assets = grown(book.assets, index + 1)
    row = book.assets[index]
    row["unit_fine"] = fact.asset.unit_fine
    row["stale_after_ns"] = fact.asset.stale_after_ns
    row["credit_scale"] = row["debit_scale"] = row["price_scale"] = 1
    row["count_max_fine"] = EXPOSURE_MAX
    if index + 1 > book.balances.shape[1]:
        wider = np.zeros((len(book.balances), index + 1), layout.BALANCE)
        wider[:, : book.balances.shape[1]] = book.balances
        book.balances = wider
    _set_eligibility(book)


def _set_eligibility(book: Book) -> None:
    """What the rulebook says of each asset; the numeraire is always worth itself."""
    rulebook = book.registers.rulebook
    if rulebook is None:
        return
    for index, asset in enumerate(book.registers.assets):
        row = book.assets[index]
        row["eligible"] = int(asset.symbol in rulebook.collateral or asset.symbol == rulebook.numeraire)
        row["numeraire"] = int(asset.symbol == rulebook.numeraire)
        counted = rulebook.collateral_caps.get(asset.symbol, NO_CAP).counted_minor
        row["count_max_fine"] = EXPOSURE_MAX if counted is None else min(EXPOSURE_MAX, counted * asset.unit_fine)
        if row["numeraire"]:
            row["credit_mantissa"] = row["debit_mantissa"] = 1
            row["credit_scale"] = row["debit_scale"] = 1
            row["live"] = 1
        elif not row["eligible"]:
            row["live"] = 0


# ---- members and accounts -------------------------------------------------------------------------------------------


def decide_add_member(book: Book, command: AddMember) -> list[Fact]:
    """Admit a member under a name of its own."""
    name = command.name
    taken = name in book.registers.names or f"{name}:fund" in book.registers.names
    refused = check_name(name, taken, "$.name")
    return [refused] if refused else [MemberAdded(name)]


def decide_open_account(book: Book, command: OpenAccount) -> list[Fact]:
    """Open an account for clients of a member in good standing."""
    if not 0 <= command.member < len(book.registers.members):
        return [Rejected(Reason.MEMBER_UNKNOWN, "$.member", f"there is no member {command.member}")]
    if refused := check_name(command.name, command.name in book.registers.names, "$.name"):
        return [refused]
    member = book.registers.members[command.member]
    if member.defaulted:
        return [Rejected(Reason.MEMBER_IN_DEFAULT, "$.member", f"{member.name} is in default")]
    return [AccountOpened(command.member, command.name, command.kind)]


def fold_member_added(book: Book, fact: MemberAdded) -> None:
    """Give the member the next index and two accounts."""
    registers = book.registers
    index = len(registers.members)
    house = open_account(book, fact.name, Role.HOUSE, index)
    fund = open_account(book, f"{fact.name}:fund", Role.DEFAULT_FUND, index)
    registers.members.append(Member(fact.name, house, fund))


def fold_account_opened(book: Book, fact: AccountOpened) -> None:
    """Give the client account the next index."""
    open_account(book, fact.name, Role[fact.kind.upper()], fact.member)


def open_account(book: Book, name: str, role: Role, member: int) -> int:
    """Add an account and its cross bucket; returns its index. For ``evolve`` only."""
    registers = book.registers
    index = len(registers.accounts)
    registers.accounts.append(Account(name, role, member))
    registers.names[name] = index
    book.buckets = grown(book.buckets, index + 1)
    book.balances = grown(book.balances, len(book.buckets))
    book.limit_spans = grown(book.limit_spans, len(book.buckets))
    access = layout.OPEN if role in TRADING else layout.HOUSE_ONLY
    named = layout.POOLED if role is Role.GROSS_OMNIBUS else layout.CROSS
    book.buckets[index] = (0, 0, 0, member, access, 0, -1, named)
    known = 0 <= member < len(registers.members)  # a client shares the limits of its member
    book.limit_spans[index] = book.limit_spans[registers.members[member].fund_account] if known else 0
    return index


# ---- rulebook -------------------------------------------------------------------------------------------------------


def decide_adopt_rulebook(book: Book, command: AdoptRulebook, time_ns: int) -> list[Fact]:
    """Put a rulebook in force that is complete for everything listed; it liquidates nobody by itself."""
    rulebook = command.rulebook
    for path, message in check_rulebook(book, rulebook):
        return [Rejected(Reason.RULEBOOK_INVALID, f"$.rulebook.{path}", message)]
    due = book.registers.settlement_due_ns
    if due is None or book.rulebook.settlement_interval_ns != rulebook.settlement_interval_ns:
        due = (time_ns // rulebook.settlement_interval_ns + 1) * rulebook.settlement_interval_ns
    adopted, scaled = RulebookAdopted(rulebook, due, rates_under(book, rulebook)), scaled_under(book, rulebook)
    if book.registers.rulebook is None:
        return [adopted, *scaled]
    changed = in_draft(book)
    fold_rulebook_adopted(changed, adopted)
    for fact in scaled:
        fold_initial_scaled(changed, fact)
    return [adopted, *scaled, *reliefs(book, changed)]


def check_rulebook(book: Book, rulebook: Rulebook) -> list[tuple[str, str]]:
    """Everything wrong with a rulebook, as ``(path, message)``."""
    return check_terms(book, rulebook) + check_open(book, rulebook)


def check_terms(book: Book, rulebook: Rulebook) -> list[tuple[str, str]]:
    """What is wrong with a rulebook in itself, whatever is open."""
    wrong = check_levels(rulebook)
    symbols = {asset.symbol: asset for asset in book.registers.assets}
    if rulebook.numeraire not in symbols:
        wrong.append(("numeraire", f"{rulebook.numeraire!r} is not an asset on record"))
    current = book.registers.rulebook
    if current is not None and current.numeraire != rulebook.numeraire:
        wrong.append(("numeraire", f"the numeraire is {current.numeraire} and cannot change while the house is open"))
    if rulebook.collateral.get(rulebook.numeraire):
        path = f"collateral.{rulebook.numeraire}"
        wrong.append((path, "the numeraire is worth itself: give it a haircut of 0 or leave it out"))
    for symbol, haircut in rulebook.collateral.items():
        if symbol not in symbols:
            wrong.append((f"collateral.{symbol}", f"{symbol!r} is not an asset on record"))
        elif not 0 <= haircut < PPM:
            wrong.append((f"collateral.{symbol}", f"a haircut of 0 to below 100 % is needed, got {haircut} ppm"))
        elif symbol != rulebook.numeraire and symbols[symbol].price_max_fine <= 0:
            wrong.append((f"collateral.{symbol}", f"{symbol} has no price_max, which collateral needs"))
    wrong += [
        (name, f"must be between {low} and {high}, got {getattr(rulebook, name)}")
        for name, low, high in (
            ("settlement_interval_ns", 1, EXPOSURE_MAX),
            ("call_due_ns", 0, EXPOSURE_MAX),
            ("call_minimum_fine", 0, VALUE_MAX),
            ("gains_ppm", 0, PPM),
            ("long_option_ppm", 0, PPM),
            ("slice_ppm", 1, PPM),
            ("slippage_ppm", 0, PPM - 1),
            ("slice_expiry_ns", 1, EXPOSURE_MAX),
            ("slices_max", 0, 10**6),
            ("kept_trades_max", 0, 10**8),
            ("give_up_due_ns", 1, EXPOSURE_MAX),
            ("porting_due_ns", 0, EXPOSURE_MAX),
            ("deposit_final_after_ns", 0, EXPOSURE_MAX),
            ("conversion_due_ns", 1, EXPOSURE_MAX),
            ("recalibration_rise_ppm", 0, EXPOSURE_MAX),
            ("recalibration_fall_ppm", 0, PPM),
            ("recalibration_every_ns", 0, EXPOSURE_MAX),
        )
        if not low <= getattr(rulebook, name) <= high
    ]
    if len(dict.fromkeys(rulebook.transfer_causes)) != len(rulebook.transfer_causes):
        wrong.append(("transfer_causes", "each cause once"))
    wrong += check_gates(rulebook, symbols) + check_overdrafts(rulebook, symbols)
    layers = rulebook.waterfall
    if not layers or layers[-1] is not Layer.GAINS_HAIRCUT or len(dict.fromkeys(layers)) != len(layers):
        wrong.append(("waterfall", "each layer once, the last of them gains_haircut: a cycle must always add up"))
    return wrong + check_classes(rulebook)


def check_open(book: Book, rulebook: Rulebook) -> list[tuple[str, str]]:
    """What keeps a rulebook from taking force now: what is open, which may be over at another time."""
    wrong = []
    current = book.registers.rulebook
    if rulebook.form == "clearing_house" and (account := isolated_house_account(book)) is not None:
        wrong.append(("form", f"a clearing house has no isolated buckets of members themselves, and {account} has one"))
    if current is not None and current.form != rulebook.form and (book.registers.calls or book.registers.liquidations):
        wrong.append(("form", f"the form is {current.form} and cannot change while a call or a liquidation is open"))
    for index in open_contracts(book):
        terms = book.registers.contracts[index]
        if terms.margin_class not in rulebook.margin_classes and not terms.collateralised:
            wrong.append((f"margin_classes.{terms.margin_class}", f"is missing, and {terms.symbol} is open in it"))
        if terms.settlement not in (rulebook.numeraire, *rulebook.collateral):
            wrong.append(
                (f"collateral.{terms.settlement}", f"is missing, and {terms.symbol} is open and settled in it")
            )
    return wrong


def open_contracts(book: Book) -> list[int]:
    """Contracts in which somebody holds lots or has orders resting, ascending."""
    _, rows = book.packed_positions()
    return np.unique(rows["contract"][(rows["lots"] != 0) | (rows["orders"] != 0)]).tolist()


def isolated_house_account(book: Book) -> str | None:
    """The name of a member's own account that has a contract isolated, or None."""
    for bucket, account in enumerate(book.registers.accounts):
        if account.role is Role.ISOLATED and book.buckets[bucket]["contract"] != layout.REJOINED:
            owner = book.registers.accounts[account.owner]
            if owner.role is Role.HOUSE:
                return owner.name
    return None


def fold_rulebook_adopted(book: Book, fact: RulebookAdopted) -> None:
    """Put the rulebook in force and lay out its margin classes."""
    book.registers.rulebook = fact.rulebook
    book.registers.settlement_due_ns = fact.settlement_due_ns
    book.registers.open_interest = {}
    classes, whole = fact.rulebook.margin_classes, fact.rulebook.whole_initial
    rows = [row for name, own in classes.items() for row in accumulate_tiers(own, whole_initial=name in whole)]
    book.tiers = np.array(rows, layout.TIER)
    for rate in fact.rates:
        set_rate(book, rate)
    set_tiers(book, 0)
    set_lots(book.contract_count, book.tables())
    _set_eligibility(book)


def set_tiers(book: Book, first: int) -> None:
    """Point contracts from ``first`` on to their margin class; a class that is not in the rulebook has no tiers.

    Contracts whose initial rates rise with their open interest have rows of their own, after those of all classes.
    """
    rulebook = book.registers.rulebook
    if rulebook is None:
        return
    starts: dict[str, tuple[int, int]] = {}
    start = 0
    for name, tiers in rulebook.margin_classes.items():
        starts[name] = (start, len(tiers))
        start += len(tiers)
    end, own = len(book.tiers), []
    for index, terms in enumerate(book.registers.contracts[first:], first):
        row = book.contracts[index]
        start, count = starts.get(terms.margin_class, (0, 0))
        if terms.margin_class in rulebook.open_interest:
            own.append(book.tiers[start : start + count])
            start, end = end, end + count
        row["tier_start"], row["tier_count"] = start, count
        row["band_ppm"] = rulebook.price_bands.get(terms.margin_class, 0)
    if own:
        book.tiers = np.concatenate([book.tiers, *own])
