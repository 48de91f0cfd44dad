"""Prices become values per lot; funding moves an index; time makes prices old; an expiry makes money of positions."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Literal

from novate.core.commands import ExpireContract, PublishFunding, PublishMarks, ResolveContract
from novate.core.facts import (
    AssetHalted,
    AssetRate,
    ContractExpired,
    ContractHalted,
    Fact,
    FundingPublished,
    MarksPublished,
)
from novate.core.reasons import Reason
from novate.core.rows import FUNDED, FUNDING, MARK, MARKED
from novate.core.terms import Kind
from novate.sim.auditor import exactness, scaling
from novate.sim.auditor.admission import apply_rate, rates_of
from novate.sim.auditor.house import House, Instrument
from novate.sim.auditor.numbering import Rows, packed, rejected, unpacked
from novate.sim.auditor.rounding import E12, down, nearest
from novate.sim.auditor.worth import lot_payoff, lot_reference, lot_value, lot_worth, option_reference

# ---- marks ----------------------------------------------------------------------------------------------------------


def decide_marks(house: House, command: PublishMarks) -> list[Fact]:
    """The last word on each contract counts; options are marked after what they are written on."""
    rows = Rows(house)
    given = unpacked(command.rows, MARK)
    state = {at: of.state for at, of in enumerate(house.instruments)}
    price = {at: of.price_ticks for at, of in enumerate(house.instruments)}
    fresh: dict[int, int] = {}
    halted: dict[int, Literal["missing", "out_of_limits"]] = {}
    for options in (False, True):
        for at, (ticks, contract, missing) in enumerate(given):
            if not 0 <= contract < len(house.instruments):
                if not options:
                    rows.refuse(at, (Reason.CONTRACT_UNKNOWN, contract))
                continue
            of = house.instruments[contract]
            if of.is_option is not options:
                continue
            if of.state == "expired":
                rows.refuse(at, (Reason.CONTRACT_EXPIRED, contract))
            elif missing or not of.terms.price_min_ticks <= ticks <= of.terms.price_max_ticks:
                state[contract], halted[contract] = "halted", "missing" if missing else "out_of_limits"
                fresh.pop(contract, None)
            elif options and state[of.underlying] != "live":
                rows.refuse(at, (Reason.PRICE_MISSING, contract))
            else:
                state[contract], price[contract], fresh[contract] = "live", ticks, 1
    for contract, of in enumerate(house.instruments):
        if of.is_option and state[contract] == "live" and fresh.get(of.underlying):
            fresh.setdefault(contract, 0)  # its margin terms follow its underlying
    marked = [_marked(house, contract, price, fresh[contract]) for contract in sorted(fresh)]
    for contract in fresh:
        halted.pop(contract, None)
    facts: list[Fact] = [ContractHalted(contract, cause) for contract, cause in halted.items()]
    facts += _halted_with(house, halted)
    rates, others = _asset_prices(house, command)
    if marked or rates:
        facts.insert(0, MarksPublished(packed(marked, MARKED), tuple(rates)))
    facts += scaling.with_marks(house, [(row[4], row[2]) for row in marked])
    return facts + others + rows.facts()


def _marked(house: House, contract: int, price: dict[int, int], fresh: int) -> tuple[int, ...]:
    """One mark: price, value per lot, reference per lot, out-of-the-money amount per lot."""
    of = house.instruments[contract]
    if of.is_option:
        reference, otm = option_reference(house, of, price[of.underlying])
    else:
        reference, otm = lot_reference(house, of, price[contract]), 0
    return price[contract], lot_value(house, of, price[contract]), reference, otm, contract, fresh


def _halted_with(house: House, stopped: Iterable[int]) -> list[Fact]:
    """Live options on what has no price have none themselves."""
    gone = list(stopped)
    return [
        ContractHalted(contract, "missing")
        for contract, of in enumerate(house.instruments)
        if of.is_option and of.underlying in gone and contract not in gone and of.state == "live"
    ]


def _asset_prices(house: House, command: PublishMarks) -> tuple[list[AssetRate], list[Fact]]:
    """What collateral counts for at its price; one unusable price of an asset in a command halts it."""
    rates: list[AssetRate] = []
    others: list[Fact] = []
    for at, (asset, price_fine) in enumerate((price.asset, price.price_fine) for price in command.assets):
        path = f"$.assets[{at}]"
        if not 0 <= asset < len(house.monies):
            others.append(rejected(Reason.ASSET_UNKNOWN, path))
            continue
        money = house.monies[asset]
        if house.numeraire(asset) or not money.eligible:
            others.append(rejected(Reason.ASSET_NOT_ELIGIBLE, path))
        elif price_fine is None:
            others.append(AssetHalted(asset, "missing"))
        elif not 0 < price_fine <= money.terms.price_max_fine:
            others.append(AssetHalted(asset, "out_of_limits"))
        else:
            rates.append(rates_of(money, asset, house.rules, price_fine))
    return rates, others


def grown_old(house: House) -> list[Fact]:
    """Marks that are older than their contract or asset allows."""
    old = [
        contract
        for contract, of in enumerate(house.instruments)
        if of.state == "live" and house.now_ns - of.marked_at_ns > of.terms.stale_after_ns
    ]
    facts: list[Fact] = [ContractHalted(contract, "stale") for contract in old]
    facts += _halted_with(house, old)
    for asset, money in enumerate(house.monies if house.rules_in_force else ()):
        patience = money.terms.stale_after_ns
        if money.live and patience and not house.numeraire(asset) and house.now_ns - money.marked_at_ns > patience:
            facts.append(AssetHalted(asset, "stale"))
    return facts


def apply_marks_published(house: House, fact: MarksPublished) -> None:
    """Marks and rates hold from now."""
    for price, value, reference, otm, contract, fresh in unpacked(fact.rows, MARKED):
        of = house.instruments[contract]
        of.price_ticks, of.value_fine, of.reference_fine, of.otm_fine = price, value, reference, otm
        of.state = "live"
        of.marked_at_ns = house.now_ns if fresh else of.marked_at_ns
    for rate in fact.assets:
        apply_rate(house, rate)
        house.monies[rate.asset].live, house.monies[rate.asset].marked_at_ns = True, house.now_ns


def apply_contract_halted(house: House, fact: ContractHalted) -> None:
    """It waits for a price; one that never had any still waits for its first."""
    of = house.instruments[fact.contract]
    of.state = "halted" if of.state == "live" else of.state


def apply_asset_halted(house: House, fact: AssetHalted) -> None:
    """It waits for a price."""
    house.monies[fact.asset].live = False


# ---- funding --------------------------------------------------------------------------------------------------------


def decide_funding(house: House, command: PublishFunding) -> list[Fact]:
    """Each rate moves its perpetual's index by rate x size of a lot at the mark, rounded at 10^-12 fine units."""
    rows = Rows(house)
    reached: dict[int, int] = {}
    for at, (rate_e12, contract, _) in enumerate(unpacked(command.rows, FUNDING)):
        if not 0 <= contract < len(house.instruments):
            rows.refuse(at, (Reason.CONTRACT_UNKNOWN, contract))
            continue
        of = house.instruments[contract]
        if of.terms.kind is not Kind.PERPETUAL:
            rows.refuse(at, (Reason.NOT_A_PERPETUAL, contract))
            continue
        if of.state != "live":
            rows.refuse(at, (Reason.PRICE_MISSING, contract))
            continue
        step = _paid_on(house, of) * rate_e12
        index = reached.get(contract, of.index_e12) + nearest(Fraction(step))
        if abs(rate_e12) > E12 or abs(down(Fraction(index, E12))) >= of.largest_fine // 2:
            rows.refuse(at, (Reason.FUNDING_OUT_OF_RANGE, contract))
        else:
            reached[contract] = index
    funded = []
    for contract, index in reached.items():
        of = house.instruments[contract]
        whole = nearest(Fraction(index, E12))
        value = nearest(lot_worth(house, of, of.price_ticks)) - whole
        funded.append((index // E12, index % E12, whole, value, contract, 0))
    return ([FundingPublished(packed(funded, FUNDED))] if funded else []) + rows.facts()


def _paid_on(house: House, of: Instrument) -> Fraction:
    """What funding is a rate on: the worth of one lot at its mark, below zero too; of an inverse one its size."""
    worth = lot_worth(house, of, of.price_ticks)
    return -worth if of.terms.inverse else worth


def apply_funding_published(house: House, fact: FundingPublished) -> None:
    """Indices and values hold from now; the exact index moves by the rates of the command that were taken."""
    funded = {row[4]: row for row in unpacked(fact.rows, FUNDED)}
    refused = [row[1] for row in house.refused]
    for at, (rate_e12, contract, _) in enumerate(unpacked(house.command.rows, FUNDING)):
        if contract in funded and at not in refused:
            of = house.instruments[contract]
            of.index += _paid_on(house, of) * Fraction(rate_e12, E12)
            of.fundings += 1
    for whole, rest, _, value, contract, _ in funded.values():
        house.instruments[contract].index_e12 = whole * E12 + rest
        house.instruments[contract].value_fine = value


# ---- expiry ---------------------------------------------------------------------------------------------------------


def decide_expire(house: House, command: ExpireContract) -> list[Fact]:
    """The final value of one lot: a future's at its final price, an option's payoff at its underlying's."""
    if not 0 <= command.contract < len(house.instruments):
        return [rejected(Reason.CONTRACT_UNKNOWN, "$.contract")]
    of = house.instruments[command.contract]
    if of.state == "expired":
        return [rejected(Reason.CONTRACT_EXPIRED, "$.contract")]
    if of.terms.expiry_ns is None or house.now_ns < of.terms.expiry_ns:
        return [rejected(Reason.NOT_YET_EXPIRED, "$.contract")]
    limits = (house.instruments[of.underlying] if of.is_option else of).terms
    if not limits.price_min_ticks <= command.price_ticks <= limits.price_max_ticks:
        return [rejected(Reason.PRICE_OUT_OF_LIMITS, "$.price")]
    if of.is_option:
        value = nearest(lot_payoff(house, of, command.price_ticks))
        return [ContractExpired(command.contract, command.price_ticks, value)]
    value = lot_value(house, of, command.price_ticks)
    return [ContractExpired(command.contract, command.price_ticks, value), *_halted_with(house, [command.contract])]


def decide_resolve(house: House, command: ResolveContract) -> list[Fact]:
    """The event is decided, or will never be: a resolvable contract ends at that price, at any time."""
    if not 0 <= command.contract < len(house.instruments):
        return [rejected(Reason.CONTRACT_UNKNOWN, "$.contract")]
    of = house.instruments[command.contract]
    if of.state == "expired":
        return [rejected(Reason.CONTRACT_EXPIRED, "$.contract")]
    if not of.terms.resolvable:
        return [rejected(Reason.NOT_RESOLVABLE, "$.contract")]
    if not of.terms.price_min_ticks <= command.price_ticks <= of.terms.price_max_ticks:
        return [rejected(Reason.PRICE_OUT_OF_LIMITS, "$.price")]
    value = lot_value(house, of, command.price_ticks)
    ended = ContractExpired(command.contract, command.price_ticks, value, command.outcome)
    return [ended, *_halted_with(house, [command.contract])]


def apply_contract_expired(house: House, fact: ContractExpired) -> None:
    """lots x final value less cost becomes carry; orders in it are gone, of the house and of everybody."""
    of = house.instruments[fact.contract]
    for account, bucket in house.buckets.items():
        bucket.orders.pop(fact.contract, None)
        held = bucket.positions.pop(fact.contract, None)
        if held:
            bucket.carry_fine[of.asset] += held.lots * fact.value_fine - held.cost_fine
            exactness.ended(house, account, fact.contract, held.lots, fact.price_ticks)
    house.halts.pop(fact.contract, None)
    of.state, of.price_ticks, of.value_fine = "expired", fact.price_ticks, fact.value_fine
    for order in house.orders.values():
        order.open_lots = 0 if order.contract == fact.contract else order.open_lots
