"""A settlement cycle: one cash flow per bucket and asset; collect from every payer, then pay, cut if need be."""

from fractions import Fraction

from novate.core.facts import (
    CollateralConverted,
    CycleClosed,
    Fact,
    GainsCut,
    LossAbsorbed,
    MemberDefaulted,
    Settled,
    ShortfallAssigned,
    Transferred,
)
from novate.core.rows import CLAIMED, POSTED, SETTLED
from novate.core.terms import CLIENTS, INSURANCE, ROUNDING, SKIN, TREASURY, Layer, Role
from novate.sim.auditor.admission import next_due
from novate.sim.auditor.cash import hand_over
from novate.sim.auditor.house import Claim, Disagreement, House
from novate.sim.auditor.numbering import packed, unpacked
from novate.sim.auditor.rounding import shares, up
from novate.sim.auditor.worth import exact_rate, positions_in


class Purse:
    """What everybody would hold while payments are being worked out: ``(account, asset)`` -> minor units."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.held: dict[tuple[int, int], int] = {
            (account, asset): bucket.balance_minor[asset]
            for account, bucket in house.buckets.items()
            for asset in range(len(house.monies))
        }

    def move(self, payer: int, payee: int, asset: int, amount: int) -> None:
        """Money changes hands."""
        self.held[payer, asset] -= amount
        self.held[payee, asset] += amount

    def rate(self, paid: int, received: int) -> Fraction | None:
        """Units of ``received`` for one of ``paid`` less its haircut, None where one has no live price."""
        out, into = self.house.monies[paid], self.house.monies[received]
        if not (out.live and into.live):
            return None
        return Fraction(*out.credit) * out.unit / (exact_rate(self.house, received) * into.unit)

    def convert(self, account: int, asset: int, lack: int) -> list[Fact]:
        """Sell an account's other assets to the treasury, one by one, until it has what it lacks or has no more.

        What is taken is rounded up against the payer, by less than one unit; the treasury pays only what it has.
        """
        facts: list[Fact] = []
        for other in range(len(self.house.monies)):
            rate = self.rate(other, asset) if other != asset and self.held[account, other] > 0 else None
            wanted = min(lack, self.held[TREASURY, asset])
            if not rate or wanted <= 0:
                lack = min(lack, self.held[TREASURY, asset])
                continue
            received = min(wanted, self.held[account, other] * rate.numerator // rate.denominator)
            if received > 0:
                paid = up(received / rate)
                self.move(account, TREASURY, other, paid)
                self.move(TREASURY, account, asset, received)
                facts.append(CollateralConverted(account, other, paid, asset, received))
            lack = wanted - received
        return facts


def decide_cycle(house: House) -> list[Fact]:
    """One cycle in every asset, one after the other; members that fail in one of them are in default."""
    cycle = Cycle(house)
    for asset in range(len(house.monies)):
        cycle.settle(asset)
    cycle.facts += [MemberDefaulted(member, "settlement_missed") for member in cycle.failing]
    return [*cycle.facts, CycleClosed(next_due(house.now_ns, house.rules))]


class Cycle:
    """The cycle as it is being worked out: the purse, who fails, and per asset the flows and what stays unpaid."""

    def __init__(self, house: House) -> None:
        self.house, self.purse = house, Purse(house)
        self.failing: list[int] = []
        self.facts: list[Fact] = []
        self.asset = 0
        self.flow: dict[int, int] = {}
        self.unpaid: dict[int, int] = {}

    def settle(self, asset: int) -> None:
        """One asset: floor((results + carry) / unit) is paid, the rest is carried; the rounding account is opposite."""
        house, unit = self.house, self.house.monies[asset].unit
        self.asset, self.unpaid = asset, {}
        due = {account: self.due(account) for account in house.buckets}
        self.flow = {account: amount // unit for account, amount in due.items()}
        carry = {account: amount % unit for account, amount in due.items()}
        before = {account: bucket.carry_fine[asset] for account, bucket in house.buckets.items()}
        if not self.anything(carry, before):
            return
        self.collect()
        if self.unpaid:
            self.cut()
        self.flow[ROUNDING] = -sum(self.flow.values())
        carry[ROUNDING] = sum(before.values()) - sum(carry.values())
        rows = [
            (self.flow[account], carry[account], account, 0)
            for account in house.buckets
            if self.flow[account] or carry[account] != before[account]
        ]
        self.facts.append(Settled(asset, packed(rows, SETTLED)))
        for account, amount in self.flow.items():
            self.purse.held[account, asset] += amount

    def due(self, account: int) -> int:
        """Results, premium and carry of a bucket in contracts that have a live price; the rounding account has none."""
        bucket = self.house.buckets[account]
        if account == ROUNDING:
            return 0
        total = bucket.carry_fine[self.asset]
        for contract, held in positions_in(self.house, bucket, self.asset):
            of = self.house.instruments[contract]
            if of.state == "live":
                total -= held.cost_fine
                total += 0 if of.is_option else held.lots * of.value_fine
        return total

    def anything(self, carry: dict[int, int], before: dict[int, int]) -> bool:
        """Whether the asset has anything to settle: a flow, a changed carry or a position that is settled in it."""
        held = any(positions_in(self.house, bucket, self.asset) for bucket in self.house.buckets.values())
        changed = any(carry[account] != before[account] for account in carry)
        return held or changed or any(self.flow.values())

    def lack(self, account: int) -> int:
        """Minor units that a payer does not have."""
        return -self.flow[account] - self.purse.held[account, self.asset]

    # ---- collecting -------------------------------------------------------------------------------------------------

    def collect(self) -> None:
        """Clients with a standing member first, so that what it makes good for them is part of what it owes."""
        lacking = [account for account in self.flow if self.flow[account] < 0 and self.lack(account) > 0]
        clients = [account for account in lacking if self.stands_behind(account)]
        houses = [self.house.members[self.house.member_of(account)].house for account in clients]
        for account in clients:
            self.collect_from_client(account)
        for account in sorted({*lacking, *houses} - {*clients}):
            self.collect_from(account)
        self.collect_for_rounding()

    def stands_behind(self, account: int) -> bool:
        """Whether a member in good standing must make a bucket's lack good."""
        estate = self.house.buckets[self.house.owner_of(self.house.estate_of(account))]
        if estate.role not in CLIENTS or self.house.is_venue:
            return False
        return not self.house.members[estate.member].defaulted and estate.member not in self.failing

    def raise_own(self, account: int) -> None:
        """Its own collateral; then, of a liquidation account, its estate's, less what that must pay itself."""
        self.facts += self.purse.convert(account, self.asset, self.lack(account))
        estate, lack = self.house.estate_of(account), self.lack(account)
        if estate == account or lack <= 0:
            return
        kept = max(0, -self.flow[estate])
        self.facts += self.purse.convert(estate, self.asset, lack + kept - self.purse.held[estate, self.asset])
        paid = min(lack, self.purse.held[estate, self.asset] - kept)
        if paid > 0:
            self.facts.append(Transferred("own_money", estate, account, self.asset, paid))
            self.purse.move(estate, account, self.asset, paid)

    def collect_from_client(self, account: int) -> None:
        """Its own collateral first; the rest its member owes."""
        self.raise_own(account)
        lack = self.lack(account)
        if lack > 0:
            member = self.house.members[self.house.member_of(account)].house
            self.flow[account] += lack
            self.flow[member] -= lack
            self.facts.append(ShortfallAssigned(account, member, self.asset, lack))

    def collect_from(self, account: int) -> None:
        """Its own collateral, then the waterfall; what no layer pays stays unpaid."""
        if self.flow[account] >= 0 or self.lack(account) <= 0:
            return
        self.raise_own(account)
        if self.lack(account) <= 0:
            return
        bucket = self.house.buckets[account]
        if bucket.role is Role.HOUSE and not self.house.is_venue and not self.house.members[bucket.member].defaulted:
            self.failing += [bucket.member] if bucket.member not in self.failing else []
        self.absorb(account, self.lack(account))
        lack = self.lack(account)
        if lack > 0:
            self.unpaid[account] = lack
            self.flow[account] += lack

    def collect_for_rounding(self) -> None:
        """The rounding account pays what carries turn into; what it lacks for that is a loss like any other."""

        def lack() -> int:
            return sum(self.flow.values()) - sum(self.unpaid.values()) - self.purse.held[ROUNDING, self.asset]

        if lack() > 0:
            self.absorb(ROUNDING, lack())
        if lack() > 0:
            self.unpaid[ROUNDING] = lack()

    # ---- the waterfall ----------------------------------------------------------------------------------------------

    def payers(self, layer: Layer, account: int) -> list[int]:
        """Who stands in a layer for a bucket's loss."""
        members, own = self.house.members, self.house.member_of(account)
        fallen = [at for at, member in enumerate(members) if member.defaulted or at in self.failing]
        match layer:
            case Layer.DEFAULTER_FUND:
                return [members[own].fund] if own in fallen else []
            case Layer.SKIN:
                return [SKIN]
            case Layer.INSURANCE:
                return [INSURANCE]
            case Layer.SURVIVORS_FUND:
                return [member.fund for at, member in enumerate(members) if at not in fallen and at != own]
        raise Disagreement("waterfall", f"the auditor knows no layer {layer}")

    def absorb(self, account: int, loss: int) -> None:
        """Layer after layer: pro rata to what each payer holds, after selling other assets where that is too little."""
        for layer in self.house.rules.waterfall:
            if layer is Layer.GAINS_HAIRCUT or loss == 0:
                return
            payers = self.payers(layer, account)
            if sum(self.purse.held[payer, self.asset] for payer in payers) < loss:
                for payer in payers:
                    have = sum(self.purse.held[each, self.asset] for each in payers)
                    self.facts += self.purse.convert(payer, self.asset, loss - have)
            held = [self.purse.held[payer, self.asset] for payer in payers]
            paid = min(loss, sum(held))
            for payer, share in zip(payers, shares(paid, held), strict=True) if paid > 0 else ():
                if share:
                    self.facts.append(LossAbsorbed(layer, payer, account, self.asset, share))
                    self.purse.move(payer, account, self.asset, share)
            loss -= max(0, paid)

    def cut(self) -> None:
        """Cut what members and clients receive, pro rata; then what the house's accounts do; the rest is rounding's."""
        loss = sum(self.unpaid.values())
        cuts: list[tuple[int, int]] = []
        for own in (True, False):
            winners = [
                account
                for account, amount in self.flow.items()
                if amount > 0 and (self.house.buckets[account].member >= 0) is own
            ]
            gains = [self.flow[account] for account in winners]
            part = min(loss, sum(gains))
            if part > 0:
                cuts += [(account, share) for account, share in zip(winners, shares(part, gains), strict=True) if share]
                loss -= part
        for account, share in cuts:
            self.flow[account] -= share
        cuts += [(ROUNDING, loss)] if loss else []
        left = [share for _, share in cuts]
        claims: list[tuple[int, ...]] = []
        for loser, amount in self.unpaid.items():
            part = min(amount, sum(left))
            lost = shares(part, left) if part else [0] * len(left)
            claims += [(share, loser, cut[0]) for cut, share in zip(cuts, lost, strict=True) if share]
            left = [rest - share for rest, share in zip(left, lost, strict=True)]
        rows = packed([(-share, account, self.asset) for account, share in cuts], POSTED)
        self.facts.append(GainsCut(self.asset, tuple(self.unpaid.items()), rows, packed(claims, CLAIMED)))


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_collateral_converted(house: House, fact: CollateralConverted) -> None:
    """Both sides of a conversion."""
    hand_over(house, fact.bucket, TREASURY, fact.paid_asset, fact.paid_minor)
    hand_over(house, TREASURY, fact.bucket, fact.received_asset, fact.received_minor)


def apply_shortfall_assigned(house: House, fact: ShortfallAssigned) -> None:
    """The member's flow carries it; here it becomes an agreed amount and a claim."""
    unit = house.monies[fact.asset].unit
    house.buckets[fact.bucket].exact[fact.asset] += fact.amount_minor * unit
    house.buckets[fact.house_bucket].exact[fact.asset] -= fact.amount_minor * unit
    _claim(house, fact.bucket, Claim(None, fact.house_bucket, fact.asset, fact.amount_minor))


def apply_loss_absorbed(house: House, fact: LossAbsorbed) -> None:
    """A layer pays and is owed it."""
    hand_over(house, fact.payer, fact.bucket, fact.asset, fact.amount_minor)
    _claim(house, fact.bucket, Claim(fact.layer, fact.payer, fact.asset, fact.amount_minor))


def apply_gains_cut(house: House, fact: GainsCut) -> None:
    """The flows carry the cuts; members and clients who were cut are owed it, the house bears its own."""
    unit = house.monies[fact.asset].unit
    for amount, account, _ in unpacked(fact.rows, POSTED):
        house.buckets[account].exact[fact.asset] += amount * unit
    for account, amount in fact.unpaid:
        house.buckets[account].exact[fact.asset] += amount * unit
    for amount, loser, winner in unpacked(fact.claims, CLAIMED):
        if house.buckets[winner].member >= 0:
            _claim(house, loser, Claim(Layer.GAINS_HAIRCUT, winner, fact.asset, amount))


def _claim(house: House, bucket: int, claim: Claim) -> None:
    if bucket != ROUNDING:
        house.claims.setdefault(house.estate_of(bucket), []).append(claim)


def apply_settled(house: House, fact: Settled) -> None:
    """Flows are paid, carries set, live results start again from nothing."""
    for flow, carry, account, _ in unpacked(fact.rows, SETTLED):
        house.buckets[account].balance_minor[fact.asset] += flow
        house.buckets[account].carry_fine[fact.asset] = carry
    for bucket in house.buckets.values():
        for contract, held in positions_in(house, bucket, fact.asset):
            of = house.instruments[contract]
            if of.state == "live":
                held.cost_fine = 0 if of.is_option else held.lots * of.value_fine
                if not held.lots and not held.cost_fine:
                    del bucket.positions[contract]


def apply_cycle_closed(house: House, fact: CycleClosed) -> None:
    """The next cycle is due then."""
    house.settlement_due_ns = fact.settlement_due_ns
