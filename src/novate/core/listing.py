"""Contracts are listed where every price that they allow gives whole fine units that cannot overflow."""

from fractions import Fraction

from novate.core import layout
from novate.core.admission import INVALID, check_name, set_tiers
from novate.core.book import Book, grown
from novate.core.commands import ListContract
from novate.core.facts import ContractListed, Fact, Rejected
from novate.core.kernels.lots import set_lot
from novate.core.money import EXPOSURE_MAX, PPM, VALUE_MAX, ceil_div
from novate.core.reasons import Reason
from novate.core.terms import Contract, Kind


class TermsError(ValueError):
    """Terms that cannot be cleared; carries the path of the field."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def decide_list_contract(book: Book, command: ListContract) -> list[Fact]:
    """Admit a contract whose every allowed price gives whole fine units that cannot overflow."""
    terms = command.contract
    if refused := check_name(terms.symbol, book.contract_index(terms.symbol) is not None, "$.contract.symbol"):
        return [refused]
    asset = book.asset_index(terms.settlement)
    if asset is None:
        message = f"{terms.settlement!r} is not an asset on record"
        return [Rejected(Reason.ASSET_UNKNOWN, "$.contract.settlement", message)]
    try:
        return [derive_listing(book, terms, asset)]
    except TermsError as error:
        return [Rejected(INVALID, f"$.contract.{error.path}", str(error))]


# ---- what the terms give --------------------------------------------------------------------------------------------


def derive_listing(book: Book, terms: Contract, asset: int) -> ContractListed:
    """The integers that a listing puts on record. Raises ``TermsError`` with the path of the field at fault."""
    fine = 10 ** book.registers.assets[asset].fine_decimals
    tick, lot = _decimal(terms.tick_size, "tick_size"), _decimal(terms.lot_size, "lot_size")
    _check_limits(terms)
    _check_dates(terms)
    _check_style(terms)
    underlying, strike_ticks, underlying_factor, bound, least = -1, 0, 0, 0, 0
    if terms.inverse and not terms.is_option:
        factor = _whole(Fraction(lot * fine, tick), "lot_size", "lot_size / tick_size")
        largest = ceil_div(factor, terms.price_min_ticks)
    else:
        factor = _whole(tick * lot * fine, "tick_size", "one tick of one lot")
        largest = factor * widest(terms)
        least = factor * terms.margin_floor_ticks
    if terms.is_option:
        underlying, strike_ticks, underlying_factor, bound, least = _derive_option(book, terms, lot, fine)
        largest = max(largest, bound)
    elif terms.underlying is not None or terms.strike is not None:
        raise TermsError("underlying", "only an option has an underlying and a strike")
    if terms.kind is Kind.PERPETUAL:
        largest *= 2  # the cumulative funding index may reach the size of the largest value itself
    if largest * terms.position_limit_lots > VALUE_MAX:
        raise TermsError(
            "position_limit_lots",
            f"position limit x largest value per lot must be at most 2^61 fine units: lower the limit to "
            f"{VALUE_MAX // largest} lots, narrow the price limits or use fewer fine decimals",
        )
    ends = (factor * terms.price_min_ticks, factor * terms.price_max_ticks) if terms.capped else (0, 0)
    return ContractListed(terms, asset, factor, largest, underlying, strike_ticks, underlying_factor, least, *ends)


def widest(terms: Contract) -> int:
    """Ticks that no price, and no move between two prices, is larger than."""
    low, high = terms.price_min_ticks, terms.price_max_ticks
    return max(abs(low), abs(high), high - low)


def _derive_option(book: Book, terms: Contract, lot: Fraction, fine: int) -> tuple[int, int, int, int, int]:
    """``(underlying, strike in its ticks, fine per its tick per lot, bound on the payoff, least reference)``."""
    underlying = book.contract_index(terms.underlying) if terms.underlying else None
    if underlying is None or terms.strike is None:
        raise TermsError("underlying", f"an option needs a listed underlying and a strike, got {terms.underlying!r}")
    of = book.registers.contracts[underlying]
    if of.is_option:
        raise TermsError("underlying", "an option cannot be written on an option")
    if of.capped:
        raise TermsError("underlying", f"{of.symbol} is capped, and may end before an option on it")
    strike = Fraction(_signed(terms.strike, "strike"), of.tick)
    if strike.denominator != 1 or not of.price_min_ticks <= strike <= of.price_max_ticks:
        raise TermsError("strike", f"{terms.strike} must be a multiple of the underlying's tick inside its limits")
    if terms.inverse:
        if of.price_min_ticks <= 0 or strike <= 0:
            raise TermsError("underlying", f"an inverse option divides by the price of {of.symbol}, which may be zero")
        factor = _whole(lot * fine, "lot_size", "one lot")
        bound = max(factor, ceil_div(factor * strike.numerator, of.price_min_ticks))
        if min(factor, of.price_max_ticks) * of.price_max_ticks > EXPOSURE_MAX:
            raise TermsError(
                "underlying", f"{of.symbol}'s price_max ({of.price_max_ticks} ticks) is too fine for an inverse option"
            )
        return underlying, strike.numerator, factor, bound, 0
    factor = _whole(of.tick * lot * fine, "lot_size", "one underlying tick of one lot")
    return underlying, strike.numerator, factor, factor * widest(of), factor * of.margin_floor_ticks


# ---- what the terms must be -----------------------------------------------------------------------------------------


def _check_limits(terms: Contract) -> None:
    """Price limits, the margin floor that goes with prices at zero or below, and the position limit."""
    low, high, floor = terms.price_min_ticks, terms.price_max_ticks, terms.margin_floor_ticks
    if not (-VALUE_MAX <= low <= high <= VALUE_MAX and widest(terms) <= VALUE_MAX):
        raise TermsError("price_min_ticks", f"price_min <= price_max is needed, got {low} and {high} ticks")
    if terms.inverse and not terms.is_option and low <= 0:
        raise TermsError(
            "price_min_ticks", f"an inverse contract divides by its price: give a price_min above 0, not {low}"
        )
    if terms.is_option and low < 0:
        raise TermsError(
            "price_min_ticks", f"the price of an option is never negative, got {low} ticks: give 0 or more"
        )
    if floor and (terms.is_option or terms.inverse or terms.collateralised):
        raise TermsError("margin_floor_ticks", "a margin floor belongs to linear contracts that are margined by tiers")
    if low <= 0 and not (terms.is_option or terms.collateralised) and floor == 0:
        raise TermsError(
            "margin_floor_ticks",
            f"prices down to {low} ticks would ask for no margin at 0: give the price to ask for at least",
        )
    if not 0 <= floor <= max(abs(low), abs(high)):
        raise TermsError("margin_floor_ticks", f"a price inside the limits in size is needed, got {floor} ticks")
    if terms.position_limit_lots <= 0 or terms.stale_after_ns <= 0 or not 0 <= terms.fee_ppm <= PPM:
        raise TermsError("position_limit_lots", "position limit and stale_after must be positive, the fee 0 to 100 %")


def _check_dates(terms: Contract) -> None:
    if max(terms.stale_after_ns, terms.expiry_ns or 0) > VALUE_MAX:
        raise TermsError("expiry_ns", "expiry and stale_after must not be above 2^61 ns")
    if (terms.expiry_ns is not None) != (terms.kind in (Kind.FUTURE, Kind.CALL, Kind.PUT)):
        raise TermsError("expiry_ns", f"an expiry belongs to futures and options, not to a {terms.kind} without one")


def _check_style(terms: Contract) -> None:
    """Which contracts can be capped, collateralised, resolved or futures-style."""
    if terms.futures_style and not terms.is_option:
        raise TermsError("futures_style", f"only an option is paid up front or futures-style, not a {terms.kind}")
    if terms.capped and (terms.kind is not Kind.FUTURE or terms.inverse):
        raise TermsError("capped", "only a linear future with an expiry can be capped: list it as a future")
    if terms.capped and terms.price_min_ticks == terms.price_max_ticks:
        raise TermsError("price_max_ticks", "a capped contract ends between two prices: give a cap above the floor")
    if terms.collateralised and not terms.capped:
        raise TermsError("collateralised", "without a floor and a cap the worst loss has no bound: list it as capped")
    if terms.resolvable and not terms.capped:
        raise TermsError("resolvable", "only a capped contract can end with an event: list it as capped")
    if not (terms.margin_class or terms.collateralised or terms.kind is Kind.INDEX):
        raise TermsError("margin_class", "name the margin class whose tiers it is margined by")


def _signed(text: str, path: str) -> Fraction:
    """An exact decimal. Raises ``TermsError``."""
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise TermsError(path, f"expected a decimal such as 0.5, got {text!r}") from None
    if "/" in text:
        raise TermsError(path, f"expected a decimal such as 0.5, got {text!r}")
    return value


def _decimal(text: str, path: str) -> Fraction:
    """An exact positive decimal. Raises ``TermsError``."""
    value = _signed(text, path)
    if value <= 0:
        raise TermsError(path, f"expected a positive decimal, got {text!r}")
    return value


def _whole(value: Fraction, path: str, what: str) -> int:
    """The value as an integer. Raises ``TermsError`` where it is not whole or too large."""
    if value.denominator != 1:
        raise TermsError(path, f"{what} must be a whole number of fine units, got {value}")
    if value.numerator > VALUE_MAX:
        raise TermsError(path, f"{what} is above 2^61 fine units: {value}")
    return value.numerator


# ---- folding --------------------------------------------------------------------------------------------------------


def style_of(terms: Contract) -> int:
    """How a contract is margined, as the tables have it."""
    if terms.is_option:
        return layout.FUTURES_STYLE if terms.futures_style else layout.PREMIUM
    if terms.capped:
        return layout.COLLATERALISED if terms.collateralised else layout.CAPPED
    return layout.TIERED


DERIVED = (
    "asset",
    "factor_fine",
    "largest_value_fine",
    "underlying",
    "strike_ticks",
    "underlying_factor_fine",
    "reference_least_fine",
    "floor_value_fine",
    "cap_value_fine",
)


def fold_contract_listed(book: Book, fact: ContractListed) -> None:
    """Give the contract the next index."""
    index = book.contract_count
    terms = fact.contract
    book.registers.contracts.append(terms)
    book.contracts = grown(book.contracts, index + 1)
    book.lot_terms = grown(book.lot_terms, len(book.contracts))
    row = book.contracts[index]
    for field in ("price_min_ticks", "price_max_ticks", "position_limit_lots", "fee_ppm", "stale_after_ns"):
        row[field] = getattr(terms, field)
    for field in DERIVED:
        row[field] = getattr(fact, field)
    row["inverse"] = int(terms.inverse)
    row["option"] = {Kind.CALL: 1, Kind.PUT: 2}.get(terms.kind, 0)
    row["style"] = style_of(terms)
    row["tradable"] = int(terms.kind is not Kind.INDEX)
    book.registers.symbols[terms.symbol] = index
    set_tiers(book, index)
    set_lot(index, book.contracts, book.tiers, book.lot_terms)
