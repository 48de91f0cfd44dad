"""Who and what is admitted. Whether terms and names are well formed is left to the core; what they come to is not."""

from collections.abc import Sequence
from fractions import Fraction

from novate.core.commands import AddAsset, AddMember, ListContract, OpenAccount
from novate.core.facts import (
    AccountOpened,
    AssetAdded,
    AssetRate,
    ContractListed,
    Fact,
    MemberAdded,
    Rejected,
    RulebookAdopted,
)
from novate.core.terms import Role, Rulebook
from novate.sim.auditor.house import House, Instrument, Membership, Money
from novate.sim.auditor.rounding import PPM, rate_in_digits
from novate.sim.auditor.worth import largest_value

Admission = AddAsset | ListContract | AddMember | OpenAccount


def decide(house: House, command: Admission, answer: Sequence[Fact]) -> list[Fact]:
    """What an admission puts on record, where the core found nothing wrong with its form."""
    refused = [fact for fact in answer if isinstance(fact, Rejected)]
    if refused:
        return list(refused)
    match command:
        case AddAsset():
            return [AssetAdded(command.asset)]
        case ListContract():
            return [_listing(house, command)]
        case AddMember():
            return [MemberAdded(command.name)]
        case OpenAccount():
            if house.members[command.member].defaulted:
                raise AssertionError("an account was opened behind a member in default")
            return [AccountOpened(command.member, command.name, command.kind)]


def _listing(house: House, command: ListContract) -> ContractListed:
    """The integers of a listing: fine units per tick of one lot (or the numerator of an inverse lot's value)."""
    terms = command.contract
    asset = next(at for at, money in enumerate(house.monies) if money.terms.symbol == terms.settlement)
    symbols = {of.terms.symbol: at for at, of in enumerate(house.instruments)}
    underlying = symbols.get(terms.underlying or "", -1)
    of = Instrument(terms, asset, underlying)
    size, tick = Fraction(terms.lot_size) * house.monies[asset].whole, Fraction(terms.tick_size)
    factor = size / tick if terms.inverse and not of.is_option else size * tick
    strike, under_factor, least = Fraction(0), Fraction(0), factor * terms.margin_floor_ticks
    if of.is_option:
        under_tick = Fraction(house.instruments[underlying].terms.tick_size)
        strike = Fraction(terms.strike or 0) / under_tick
        under_factor = size if terms.inverse else size * under_tick
        least = 0 if terms.inverse else under_factor * house.instruments[underlying].terms.margin_floor_ticks
    for number in (factor, strike, under_factor):
        if number.denominator != 1:
            raise AssertionError(f"{terms.symbol} was listed though {number} is no whole number of units")
    ends = (terms.price_min_ticks, terms.price_max_ticks) if terms.capped else (0, 0)
    derived = int(factor), largest_value(house, of), underlying, int(strike), int(under_factor), int(least)
    return ContractListed(terms, asset, *derived, *(int(factor * end) for end in ends))


def adoption(house: House, rulebook: Rulebook, *, scheduled: bool = False) -> RulebookAdopted:
    """When the next cycle is due, and what each priced asset counts for at the new haircuts."""
    now, due = house.rules_in_force, house.settlement_due_ns
    if now is None or due is None or now.settlement_interval_ns != rulebook.settlement_interval_ns:
        due = next_due(house.now_ns, rulebook)
    rates = [
        rates_of(money, index, rulebook, money.price_fine)
        for index, money in enumerate(house.monies)
        if money.price_fine and money.terms.symbol != rulebook.numeraire
    ]
    return RulebookAdopted(rulebook, due, tuple(rates), scheduled)


def next_due(now_ns: int, rulebook: Rulebook) -> int:
    """The first multiple of the interval after now."""
    return (now_ns // rulebook.settlement_interval_ns + 1) * rulebook.settlement_interval_ns


def rates_of(money: Money, index: int, rulebook: Rulebook, price_fine: int) -> AssetRate:
    """What counts for an account at price x (1 - haircut), what it owes at price x (1 + haircut), against it.

    What a risk sheet carries would count at the price itself, against the account too.

    An asset that is no longer eligible counts for nothing; a debt in it stays as dear as it was.
    """
    haircut = rulebook.collateral.get(money.terms.symbol)
    if haircut is None:
        return AssetRate(index, price_fine, 0, 1, *money.debit)
    price = Fraction(price_fine, money.whole)
    credit = rate_in_digits(price * Fraction(PPM - haircut, PPM), against=False)
    debit = rate_in_digits(price * Fraction(PPM + haircut, PPM), against=True)
    return AssetRate(index, price_fine, *credit, *debit, *rate_in_digits(price, against=False))


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_asset_added(house: House, fact: AssetAdded) -> None:
    """The next asset."""
    house.monies.append(Money(fact.asset))
    _set_eligibility(house)


def apply_contract_listed(house: House, fact: ContractListed) -> None:
    """The next contract."""
    house.instruments.append(Instrument(fact.contract, fact.asset, fact.underlying, fact.largest_value_fine))


def apply_member_added(house: House, fact: MemberAdded) -> None:
    """The next member, with two accounts."""
    index = len(house.members)
    own = house.open_bucket(fact.name, Role.HOUSE, index)
    fund = house.open_bucket(f"{fact.name}:fund", Role.DEFAULT_FUND, index)
    house.members.append(Membership(fact.name, own, fund))


def apply_account_opened(house: House, fact: AccountOpened) -> None:
    """The next account."""
    house.open_bucket(fact.name, Role[fact.kind.upper()], fact.member)


def apply_rulebook_adopted(house: House, fact: RulebookAdopted) -> None:
    """The rules hold from now; those whose time had come are not to come any more."""
    if fact.scheduled:
        del house.scheduled["rulebook", fact.rulebook.name]
    house.rules_in_force, house.open_fine = fact.rulebook, {}
    house.settlement_due_ns = fact.settlement_due_ns
    for rate in fact.rates:
        apply_rate(house, rate)
    _set_eligibility(house)


def apply_rate(house: House, rate: AssetRate) -> None:
    """What an asset counts for from now."""
    money = house.monies[rate.asset]
    money.price_fine = rate.price_fine
    money.credit = rate.credit_mantissa, rate.credit_scale
    money.debit = rate.debit_mantissa, rate.debit_scale
    money.price = rate.price_mantissa, rate.price_scale


def _set_eligibility(house: House) -> None:
    """The numeraire is worth itself; what the rulebook does not name is not eligible and has no live price."""
    rules = house.rules_in_force
    if rules is None:
        return
    for money in house.monies:
        if money.terms.symbol == rules.numeraire:
            money.eligible = money.live = True
            money.credit = money.debit = (1, 1)
        else:
            money.eligible = money.terms.symbol in rules.collateral
            money.live = money.live and money.eligible
