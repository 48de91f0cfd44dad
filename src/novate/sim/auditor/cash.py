"""Money in and money out."""

from collections import defaultdict

from novate.core.commands import Contribute, Deposit, Withdraw
from novate.core.facts import Contributed, Deposited, Fact, SourceAdvanced, Withdrawn
from novate.core.money_facts import DepositsReversible
from novate.core.reasons import Reason
from novate.core.rows import CASH, POSTED
from novate.core.terms import INSURANCE, OWNED, SKIN, TREASURY, Role
from novate.sim.auditor.bucket import Bucket
from novate.sim.auditor.house import House
from novate.sim.auditor.numbering import FINE, Refusal, Rows, packed, rejected, unpacked
from novate.sim.auditor.rounding import LARGEST, MONEY_LARGEST
from novate.sim.auditor.worth import judge, uncovered, weight

FUND = Role.DEFAULT_FUND
FUNDS = {"skin_in_the_game": SKIN, "insurance_fund": INSURANCE, "treasury": TREASURY}


def decide_contribute(house: House, command: Contribute) -> list[Fact]:
    """Money for the house's own named accounts or for a member's fund account."""
    if command.number <= house.sources.get(command.source, -1):
        return [rejected(Reason.DUPLICATE_OR_LATE, "$.number")]
    advanced = SourceAdvanced(command.source, command.number)
    if not 0 <= command.asset < len(house.monies):
        return [rejected(Reason.ASSET_UNKNOWN, "$.asset"), advanced]
    account = FUNDS.get(command.fund)
    if account is None:
        if command.member is None or not 0 <= command.member < len(house.members):
            return [rejected(Reason.MEMBER_UNKNOWN, "$.member"), advanced]
        member = house.members[command.member]
        if member.defaulted:
            return [rejected(Reason.MEMBER_IN_DEFAULT, "$.member"), advanced]
        account = member.fund
    if command.amount_minor <= 0:
        return [rejected(Reason.AMOUNT_MUST_BE_POSITIVE, "$.amount"), advanced]
    if not fits(house, house.buckets[account], command.asset, command.amount_minor, command.amount_minor):
        return [rejected(Reason.MONEY_LIMIT_EXCEEDED, "$.amount"), advanced]
    return [Contributed(account, command.asset, command.amount_minor), advanced]


def fits(house: House, bucket: Bucket, asset: int, amount: int, coming: int) -> bool:
    """Whether an amount keeps the account and (with all that is coming in) the asset within their bounds."""
    money = house.monies[asset]
    worth = weight(house, bucket, asset) + amount * money.unit
    return money.external_minor + coming <= MONEY_LARGEST and worth <= LARGEST


def decide_deposit(house: House, command: Deposit) -> list[Fact]:
    """Each row on its own, after those before it."""
    rows = Rows(house, command.source)
    drafts = house.drafts()
    coming: dict[int, int] = defaultdict(int)
    kept: list[tuple[int, ...]] = []
    for at, (number, amount, account, asset) in rows.in_turn(unpacked(command.rows, CASH)):
        refusal = may_come(house, drafts, account, asset, amount, coming[asset])
        if refusal != FINE:
            rows.refuse(at, refusal)
            continue
        coming[asset] += amount
        drafts[account].balance_minor[asset] += amount
        kept.append((number, amount, account, asset))
    posted = packed([row[1:] for row in kept], POSTED)
    came: list[Fact] = [Deposited(posted), *reversible(house, command.source, kept)] if kept else []
    return came + rows.facts()


def may_come(
    house: House, drafts: dict[int, Bucket], account: int, asset: int, amount: int, coming: int = 0
) -> Refusal:
    """Whether an amount may be brought in beside what else is coming in of the asset."""
    reason = form_of(house, account, asset, amount, incoming=True)
    if reason is not Reason.ACCEPTED:
        return reason, amount
    if not fits(house, drafts[account], asset, amount, coming + amount):
        return Reason.MONEY_LIMIT_EXCEEDED, amount
    if not house.monies[asset].live:
        return Reason.PRICE_MISSING, amount
    room = room_under_caps(house, drafts, account, asset)
    return (Reason.COLLATERAL_CAP_EXCEEDED, max(0, room)) if room is not None and amount > room else FINE


def room_under_caps(
    house: House, drafts: dict[int, Bucket], account: int, asset: int, *, account_only: bool = False
) -> int | None:
    """What the caps of an asset still let in: for the account and, unless only for it, its member and everybody."""
    cap = house.rules.collateral_caps.get(house.monies[asset].terms.symbol)
    if cap is None:
        return None
    own = {
        index: drafts[index] for index, bucket in house.purses.items() if bucket.member >= 0 and bucket.role is not FUND
    }
    member = [index for index, bucket in own.items() if bucket.member == drafts[account].member]
    limits = [(cap.account_minor, [account])]
    limits += [] if account_only else [(cap.member_minor, member), (cap.house_minor, list(own))]
    rooms = [
        most - sum(drafts[index].balance_minor[asset] for index in whose) for most, whose in limits if most is not None
    ]
    return min(rooms, default=None)


def reversible(house: House, source: str, rows: list[tuple[int, ...]]) -> list[Fact]:
    """What came in may be taken back for as long as the rules say."""
    horizon = house.rules.deposit_final_after_ns
    return [DepositsReversible(source, packed(rows, CASH), house.now_ns + horizon)] if horizon else []


def decide_withdraw(house: House, command: Withdraw) -> list[Fact]:
    """Each row on its own, after those before it: settled, and not needed for margin without any unsettled gain."""
    rows = Rows(house, command.source)
    drafts = house.drafts()
    kept: list[tuple[int, ...]] = []
    for at, (_, amount, account, asset) in rows.in_turn(unpacked(command.rows, CASH)):
        reason = form_of(house, account, asset, amount, incoming=False)
        refusal: Refusal = (reason, amount)
        if reason is Reason.ACCEPTED:
            refusal = may_leave(house, drafts[account], account, asset, amount)
            refusal = (Reason.GATE_CLOSED, 0) if refusal == FINE and asset in house.gates else refusal
        if refusal != FINE:
            rows.refuse(at, refusal)
            continue
        drafts[account].balance_minor[asset] -= amount
        kept.append((-amount, account, asset))
    return ([Withdrawn(packed(kept, POSTED))] if kept else []) + rows.facts()


def form_of(house: House, account: int, asset: int, amount: int, *, incoming: bool) -> Reason:
    """Everything that does not need the account's worth, in order of precedence."""
    if not 0 <= asset < len(house.monies):
        return Reason.ASSET_UNKNOWN
    if account not in house.buckets:
        return Reason.ACCOUNT_UNKNOWN
    if incoming and not house.monies[asset].eligible:
        return Reason.ASSET_NOT_ELIGIBLE
    if house.buckets[account].role not in OWNED:
        return Reason.ACCOUNT_NOT_TRADABLE
    return Reason.ACCEPTED if amount > 0 else Reason.AMOUNT_MUST_BE_POSITIVE


def own_of(house: House, index: int, bucket: Bucket) -> Bucket:
    """A bucket without what others paid for it and what it owes for deposits that were taken back."""
    own = bucket.copy()
    for claim in house.claims.get(index, []):
        own.balance_minor[claim.asset] -= claim.amount_minor
    for receipt in house.owed.values():
        if receipt.account == index:
            own.balance_minor[receipt.asset] -= receipt.amount_minor
    return own


def may_leave(house: House, draft: Bucket, account: int, asset: int, amount: int) -> Refusal:
    """Whether an amount is the account's own, settled and free."""
    if house.members[draft.member].defaulted:
        return Reason.MEMBER_IN_DEFAULT, 0
    if account in house.cases:
        return Reason.ACCOUNT_IN_LIQUIDATION, 0
    if draft.access == "restricted":
        return Reason.ACCOUNT_RESTRICTED, 0
    left = own_of(house, account, draft)
    if amount > left.balance_minor[asset]:
        return Reason.BALANCE_INSUFFICIENT, left.balance_minor[asset]
    if amount > (most := not_for_sale(house, left, account, asset)):
        return Reason.COLLATERAL_ON_ORDER, most
    left.balance_minor[asset] -= amount
    verdict = judge(house, left)
    if not verdict.priced:
        return Reason.PRICE_MISSING, 0
    lacks = verdict.initial - min(verdict.payable, verdict.equity)
    if lacks > 0:
        return Reason.MARGIN_INSUFFICIENT, lacks
    bare = uncovered(house, left, asset)
    return (Reason.COLLATERAL_NOT_COVERED, bare) if bare > 0 else FINE


def not_for_sale(house: House, own: Bucket, account: int, asset: int) -> int:
    """What an account has of its own and no order sells."""
    sold = sum(sale.open_minor for sale in house.sales.values() if (sale.account, sale.sold_asset) == (account, asset))
    return max(0, own.balance_minor[asset] - sold)


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_posted(house: House, fact: Deposited | Withdrawn) -> None:
    """Money crosses the border of the house."""
    for amount, account, asset in unpacked(fact.rows, POSTED):
        come_in(house, account, asset, amount)


def apply_contributed(house: House, fact: Contributed) -> None:
    """Money crosses the border of the house."""
    come_in(house, fact.account, fact.asset, fact.amount_minor)


def come_in(house: House, account: int, asset: int, amount_minor: int) -> None:
    """An amount enters (or, negative, leaves) through an account."""
    give(house, account, asset, amount_minor)
    house.monies[asset].external_minor += amount_minor


def give(house: House, account: int, asset: int, amount_minor: int) -> None:
    """Agreed money comes to (or, negative, leaves) an account: it is exactly what it is."""
    bucket = house.buckets[account]
    bucket.balance_minor[asset] += amount_minor
    bucket.exact[asset] += amount_minor * house.monies[asset].unit


def hand_over(house: House, payer: int, payee: int, asset: int, amount_minor: int, carry_fine: int = 0) -> None:
    """Agreed money and carry go from one account to another."""
    give(house, payer, asset, -amount_minor)
    give(house, payee, asset, amount_minor)
    for account, sign in ((payer, -1), (payee, 1)):
        house.buckets[account].carry_fine[asset] += sign * carry_fine
        house.buckets[account].exact[asset] += sign * carry_fine
