"""One contract of an account in a bucket of its own: what is held of it moves at its cost, money where it is free."""

from novate.core.commands import IsolatePosition, MoveCollateral, RejoinPosition
from novate.core.facts import (
    BucketOpened,
    CallMet,
    CollateralAssigned,
    Fact,
    PositionIsolated,
    PositionRejoined,
    SourceAdvanced,
)
from novate.core.liquidation_facts import CollateralMoved
from novate.core.reasons import Reason
from novate.core.terms import OWNED, Kind, Role
from novate.sim.auditor import exactness
from novate.sim.auditor.bucket import Bucket
from novate.sim.auditor.cash import hand_over, not_for_sale, own_of
from novate.sim.auditor.house import House
from novate.sim.auditor.numbering import rejected
from novate.sim.auditor.rounding import LARGEST
from novate.sim.auditor.scenarios import beyond_sheet
from novate.sim.auditor.trades import add_leg
from novate.sim.auditor.worth import judge, locked, uncovered, weight, without_orders

Wrong = tuple[Reason, str] | None
"""Why not, and the field at fault."""

# ---- deciding -------------------------------------------------------------------------------------------------------


def decide_isolate(house: House, command: IsolatePosition) -> list[Fact]:
    """The position leaves for a bucket of its own with collateral; what stays and what goes must both be margined."""
    account, contract = command.account, command.contract
    wrong = _named(house, account, contract) or _may_be_isolated(house, account, contract)
    wrong = wrong or _has_no_orders(house, account, contract)
    amounts: dict[int, int] = {}
    for at, money in enumerate(command.collateral):
        wrong = wrong or _has(house, account, money.asset, money.amount_minor, f"$.collateral[{at}]")
        amounts[money.asset] = money.amount_minor
    if wrong is None and len(amounts) != len(command.collateral):
        wrong = Reason.MALFORMED, "$.collateral"
    if wrong:
        return [rejected(*wrong)]
    old = [at for at, one in house.buckets.items() if (one.owner, one.contract) == (account, contract)]
    stays = house.buckets[account].copy()
    goes = house.buckets[old[0]].copy() if old else Bucket("", Role.ISOLATED, -1, "open")
    held = stays.positions.pop(contract, None)
    if held:
        goes.positions[contract] = held
    for asset, amount in amounts.items():
        stays.balance_minor[asset] -= amount
        goes.balance_minor[asset] += amount
    wrong = _may_go(house, account, stays, list(amounts)) or _stands(house, goes)
    if wrong:
        return [rejected(*wrong)]
    opened: list[Fact] = [] if old else [BucketOpened(account, contract)]
    bucket = old[0] if old else len(house.buckets)
    moved = tuple(CollateralMoved(asset, amount, 0) for asset, amount in amounts.items())
    position = (held.lots, held.cost_fine) if held else (0, 0)
    return [*opened, PositionIsolated(account, bucket, contract, *position, moved)]


def decide_rejoin(house: House, command: RejoinPosition) -> list[Fact]:
    """Everything of the isolated bucket goes back, if the account can bear it with what it has."""
    account, contract = command.account, command.contract
    wrong = _named(house, account, contract) or _is_isolated(house, account, contract)
    wrong = wrong or _has_no_orders(house, account, contract)
    if wrong:
        return [rejected(*wrong)]
    index = house.bucket_of(account, contract)
    bucket, together = house.buckets[index], house.buckets[account].copy()
    if index in house.claims:
        return [rejected(Reason.CLAIMS_OPEN, "$.contract")]
    for asset in range(len(house.monies)):
        if weight(house, together, asset) + weight(house, bucket, asset) > LARGEST:
            return [rejected(Reason.MONEY_LIMIT_EXCEEDED, "$.account")]
    for asset in range(len(house.monies)):
        together.balance_minor[asset] += bucket.balance_minor[asset]
        together.carry_fine[asset] += bucket.carry_fine[asset]
    for held_contract, held in bucket.positions.items():
        add_leg(together, held_contract, held.lots, held.cost_fine)
    if together.portfolio and (reason := beyond_sheet(house, house.sheet, together)):
        return [rejected(reason, "$.contract")]
    wrong = _stands(house, together)
    if wrong:
        return [rejected(*wrong)]
    position = bucket.positions.get(contract)
    moved = tuple(
        CollateralMoved(asset, bucket.balance_minor[asset], bucket.carry_fine[asset])
        for asset in range(len(house.monies))
        if bucket.balance_minor[asset] or bucket.carry_fine[asset]
    )
    lots, cost = (position.lots, position.cost_fine) if position else (0, 0)
    met: list[Fact] = [CallMet(index, "payment")] if index in house.calls else []
    return [*met, PositionRejoined(account, index, contract, lots, cost, moved)]


def decide_move(house: House, command: MoveCollateral) -> list[Fact]:
    """Free collateral goes into the isolated bucket (a positive amount) or comes back."""
    if command.number <= house.sources.get(command.source, -1):
        return [rejected(Reason.DUPLICATE_OR_LATE, "$.number")]
    advanced = SourceAdvanced(command.source, command.number)
    account, contract, asset = command.account, command.contract, command.asset
    wrong = _named(house, account, contract) or _is_isolated(house, account, contract)
    if wrong:
        return [rejected(*wrong), advanced]
    index, amount = house.bucket_of(account, contract), abs(command.amount_minor)
    giver, taker = (account, index) if command.amount_minor > 0 else (index, account)
    wrong = _has(house, giver, asset, amount, "$")
    if wrong:
        return [rejected(*wrong), advanced]
    left, after = house.buckets[giver].copy(), house.buckets[taker].copy()
    left.balance_minor[asset] -= amount
    after.balance_minor[asset] += amount
    wrong = _may_go(house, giver, left, [asset])
    if wrong is None and weight(house, after, asset) > LARGEST:
        wrong = Reason.MONEY_LIMIT_EXCEEDED, "$.amount"
    if wrong:
        return [rejected(*wrong), advanced]
    return [CollateralAssigned(account, index, asset, command.amount_minor), advanced]


def _named(house: House, account: int, contract: int) -> Wrong:
    """An account in good standing, none of its buckets concerned in liquidation, and a contract on record."""
    if account not in house.buckets:
        return Reason.ACCOUNT_UNKNOWN, "$.account"
    bucket = house.buckets[account]
    if bucket.role not in OWNED:
        return Reason.ACCOUNT_NOT_TRADABLE, "$.account"
    if not 0 <= contract < len(house.instruments):
        return Reason.CONTRACT_UNKNOWN, "$.contract"
    if house.members[bucket.member].defaulted:
        return Reason.MEMBER_IN_DEFAULT, "$.account"
    if account in house.cases or house.bucket_of(account, contract) in house.cases:
        return Reason.ACCOUNT_IN_LIQUIDATION, "$.account"
    return None


def _may_be_isolated(house: House, account: int, contract: int) -> Wrong:
    """A contract that is traded, not over and not isolated yet.

    No member limits what it answers for itself, and nothing in a pool of clients stands apart.
    """
    of = house.instruments[contract]
    if of.terms.kind is Kind.INDEX:
        return Reason.CONTRACT_NOT_TRADABLE, "$.contract"
    if of.state == "expired":
        return Reason.CONTRACT_EXPIRED, "$.contract"
    role = house.buckets[account].role
    if role in (Role.NET_OMNIBUS, Role.GROSS_OMNIBUS) or (role is Role.HOUSE and not house.is_venue):
        return Reason.ISOLATION_NOT_ALLOWED, "$.account"
    return None if house.bucket_of(account, contract) == account else (Reason.ALREADY_ISOLATED, "$.contract")


def _is_isolated(house: House, account: int, contract: int) -> Wrong:
    return None if house.bucket_of(account, contract) != account else (Reason.NOT_ISOLATED, "$.contract")


def _has_no_orders(house: House, account: int, contract: int) -> Wrong:
    """Orders do not move between buckets."""
    resting = contract in house.buckets[house.bucket_of(account, contract)].orders
    return (Reason.ORDERS_OPEN, "$.contract") if resting else None


def _has(house: House, index: int, asset: int, amount: int, path: str) -> Wrong:
    """A positive amount of what is its own."""
    if not 0 <= asset < len(house.monies):
        return Reason.ASSET_UNKNOWN, f"{path}.asset"
    if amount <= 0:
        return Reason.AMOUNT_MUST_BE_POSITIVE, f"{path}.amount"
    own = own_of(house, index, house.buckets[index])
    if amount > own.balance_minor[asset]:
        return Reason.BALANCE_INSUFFICIENT, f"{path}.amount"
    enough = amount <= not_for_sale(house, own, index, asset)
    return None if enough else (Reason.COLLATERAL_ON_ORDER, f"{path}.amount")


def _may_go(house: House, index: int, left: Bucket, leaving: list[int]) -> Wrong:
    """What stays is margined without any unsettled gain, as after a withdrawal."""
    if left.access == "restricted":
        return Reason.ACCOUNT_RESTRICTED, "$"
    own = own_of(house, index, left)
    verdict = judge(house, own)
    if not verdict.priced:
        return Reason.PRICE_MISSING, "$"
    if min(verdict.payable, verdict.equity) < verdict.initial:
        return Reason.MARGIN_INSUFFICIENT, "$"
    return _covered(house, own, leaving)


def _stands(house: House, bucket: Bucket) -> Wrong:
    """A bucket that receives has what it must hold."""
    verdict = judge(house, bucket)
    if not verdict.priced:
        return Reason.PRICE_MISSING, "$.contract"
    if verdict.equity < verdict.initial:
        return Reason.MARGIN_INSUFFICIENT, "$"
    return _covered(house, bucket, [])


def _covered(house: House, bucket: Bucket, leaving: list[int]) -> Wrong:
    """Settled cash has all that could be lost and, in an asset that leaves, all that is owed and rests."""
    bare = without_orders(bucket)
    for asset in range(len(house.monies)):
        lacks = uncovered(house, bucket if asset in leaving else bare, asset) > 0
        if lacks and (asset in leaving or locked(house, bucket, asset)):
            return Reason.COLLATERAL_NOT_COVERED, "$"
    return None


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_bucket_opened(house: House, fact: BucketOpened) -> None:
    """The next bucket, which does not stand apart yet."""
    owner, symbol = house.buckets[fact.account], house.instruments[fact.contract].terms.symbol
    bucket = house.buckets[house.open_bucket(f"isolated:{owner.name}:{symbol}", Role.ISOLATED, owner.member)]
    bucket.owner, bucket.contract = fact.account, fact.contract


def apply_position_isolated(house: House, fact: PositionIsolated) -> None:
    """From now on it stands apart."""
    house.buckets[fact.bucket].apart = True
    _move(house, fact.account, fact.bucket, fact)


def apply_position_rejoined(house: House, fact: PositionRejoined) -> None:
    """It is one with the account again, which is also owed what the bucket was."""
    house.buckets[fact.bucket].apart = False
    _move(house, fact.bucket, fact.account, fact)
    for claims in house.claims.values():
        for claim in claims:
            claim.payee = fact.account if claim.payee == fact.bucket else claim.payee


def apply_collateral_assigned(house: House, fact: CollateralAssigned) -> None:
    """Money moved one way or the other."""
    hand_over(house, fact.account, fact.bucket, fact.asset, fact.amount_minor)


def _move(house: House, giver: int, taker: int, fact: PositionIsolated | PositionRejoined) -> None:
    if fact.lots or fact.cost_fine:
        for index, sign in ((giver, -1), (taker, 1)):
            add_leg(house.buckets[index], fact.contract, sign * fact.lots, sign * fact.cost_fine)
            exactness.agreed(house, index, fact.contract, sign * fact.cost_fine)
    for moved in fact.collateral:
        hand_over(house, giver, taker, moved.asset, moved.amount_minor, moved.carry_fine)
