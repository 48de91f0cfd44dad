"""A settlement cycle: one cash flow per bucket and asset; collect from every payer, then pay, cut if need be."""

from novate.core.facts import (
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
from novate.core.terms import ROUNDING, TREASURY, Layer
from novate.sim.auditor.admission import next_due
from novate.sim.auditor.house import Claim, House
from novate.sim.auditor.numbering import packed, unpacked
from novate.sim.auditor.overdrafts import lendable
from novate.sim.auditor.rounding import shares
from novate.sim.auditor.waterfall import Collector, claim_on
from novate.sim.auditor.worth import positions_in


def decide_cycle(house: House) -> list[Fact]:
    """One cycle in every asset, one after the other; members that fail in one of them are in default."""
    cycle = Cycle(house)
    for asset in range(len(house.monies)):
        cycle.settle(asset)
    cycle.facts += [MemberDefaulted(member, "settlement_missed") for member in cycle.failing]
    return [*cycle.facts, CycleClosed(next_due(house.now_ns, house.rules))]


class Cycle(Collector):
    """The cycle as it is being worked out: per asset the flows and what stays unpaid."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self.flow: dict[int, int] = {}
        self.granted: dict[int, int] = {}
        self.unpaid: dict[int, int] = {}

    def settle(self, asset: int) -> None:
        """One asset: floor((results + carry) / unit) is paid, the rest is carried; the rounding account is opposite."""
        house, unit = self.house, self.house.monies[asset].unit
        self.asset, self.unpaid = asset, {}
        due = {account: self.due(account) for account in house.purses}
        self.flow = {account: amount // unit for account, amount in due.items()}
        carry = {account: amount % unit for account, amount in due.items()}
        before = {account: bucket.carry_fine[asset] for account, bucket in house.purses.items()}
        if not self.anything(carry, before):
            return
        self.granted = {}
        self.purse.lent[asset] = self.purse.lent_of(asset)
        self.collect()
        if self.unpaid:
            self.cut()
        del self.purse.lent[asset]
        self.flow[ROUNDING] = -sum(self.flow.values())
        carry[ROUNDING] = sum(before.values()) - sum(carry.values())
        rows = [
            (self.flow[account], carry[account], account, 0)
            for account in house.purses
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
                total += 0 if of.has_premium else held.lots * of.value_fine
        return total

    def anything(self, carry: dict[int, int], before: dict[int, int]) -> bool:
        """Whether the asset has anything to settle: a flow, a changed carry, a position settled in it, or a debt."""
        held = any(positions_in(self.house, bucket, self.asset) for bucket in self.house.purses.values())
        changed = any(carry[account] != before[account] for account in carry)
        return held or changed or any(self.flow.values()) or self.purse.lent_of(self.asset) > 0

    def lack(self, account: int) -> int:
        """Minor units that a payer does not have and is not lent."""
        return -self.flow[account] - self.purse.held[account, self.asset] - self.granted.get(account, 0)

    def grant(self, account: int) -> None:
        """Its balance may stay below zero as far as the rules and the treasury let it.

        What it owed is asked anew, less what it gains now: until it is paid, that is still lent.
        """
        owed = max(0, -self.purse.held[account, self.asset])
        self.purse.lent[self.asset] -= max(0, owed - max(0, self.flow[account]))
        most = lendable(self.house, self.purse, account, self.asset, self.lack(account), self.failing)
        self.granted[account] = max(0, min(self.lack(account), most, self.purse.payable(self.asset)))
        self.purse.lent[self.asset] += self.granted[account]

    # ---- collecting -------------------------------------------------------------------------------------------------

    def collect(self) -> None:
        """Clients with a standing member first, so that what it makes good for them is part of what it owes."""
        lacking = [account for account in self.flow if self.lack(account) > 0]
        clients = [account for account in lacking if self.stands_behind(account)]
        houses = [self.house.members[self.house.member_of(account)].house for account in clients]
        for account in clients:
            self.collect_from_client(account)
        for account in sorted({*lacking, *houses} - {*clients}):
            self.collect_from(account)
        self.collect_for_rounding()

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
        self.grant(account)
        self.raise_own(account)
        lack = self.lack(account)
        if lack > 0:
            member = self.house.members[self.house.member_of(account)].house
            self.flow[account] += lack
            self.flow[member] -= lack
            self.facts.append(ShortfallAssigned(account, member, self.asset, lack))

    def collect_from(self, account: int) -> None:
        """Its own collateral, then the waterfall, then the treasury for what it lent; what nobody pays stays unpaid."""
        if self.lack(account) <= 0:
            return
        owed = -self.purse.held[account, self.asset]
        self.grant(account)
        self.raise_own(account)
        if self.lack(account) <= 0:
            return
        self.note_failure(account)
        self.absorb(account, self.lack(account))
        lost = min(self.lack(account), owed, self.purse.payable(self.asset))
        if lost > 0:
            self.facts.append(LossAbsorbed(Layer.TREASURY, TREASURY, account, self.asset, lost))
            self.purse.move(TREASURY, account, self.asset, lost)
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

    # ---- what nobody can pay ----------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Cut what members and clients are paid out, pro rata; then the house's accounts; then what repays debts.

        The rest is rounding's.
        """
        loss = sum(self.unpaid.values())
        taken: dict[int, int] = {}
        gains = {account: max(0, flow) for account, flow in self.flow.items()}
        repaid = {account: min(gain, max(0, -self.purse.held[account, self.asset])) for account, gain in gains.items()}
        for repays, own in ((False, True), (False, False), (True, True), (True, False)):
            part_of = {account: repaid[account] if repays else gains[account] - repaid[account] for account in gains}
            part_of = {
                account: amount
                for account, amount in part_of.items()
                if amount and (self.house.buckets[account].member >= 0) is own
            }
            part = min(loss, sum(part_of.values()))
            for account, share in zip(part_of, shares(part, [*part_of.values()]), strict=True) if part > 0 else ():
                taken[account] = taken.get(account, 0) + share
            loss -= part
        for account, share in taken.items():
            self.flow[account] -= share
        cuts = [(account, share) for account, share in taken.items() if share]
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


def apply_gains_cut(house: House, fact: GainsCut) -> None:
    """The flows carry the cuts; members and clients who were cut are owed it, the house bears its own."""
    unit = house.monies[fact.asset].unit
    for amount, account, _ in unpacked(fact.rows, POSTED):
        house.buckets[account].exact[fact.asset] += amount * unit
    for account, amount in fact.unpaid:
        house.buckets[account].exact[fact.asset] += amount * unit
    for amount, loser, winner in unpacked(fact.claims, CLAIMED):
        if house.buckets[winner].member >= 0:
            claim_on(house, loser, Claim(Layer.GAINS_HAIRCUT, winner, fact.asset, amount))


def apply_settled(house: House, fact: Settled) -> None:
    """Flows are paid, carries set, live results start again from nothing."""
    for flow, carry, account, _ in unpacked(fact.rows, SETTLED):
        house.buckets[account].balance_minor[fact.asset] += flow
        house.buckets[account].carry_fine[fact.asset] = carry
    for bucket in house.buckets.values():
        for contract, held in list(bucket.positions.items()):
            of = house.instruments[contract]
            if of.asset == fact.asset and of.state == "live":
                held.cost_fine = 0 if of.has_premium else held.lots * of.value_fine
                if not held.lots and not held.cost_fine:
                    del bucket.positions[contract]


def apply_cycle_closed(house: House, fact: CycleClosed) -> None:
    """The next cycle is due then; trades are settled and off the record."""
    house.trades.clear()
    house.settlement_due_ns = fact.settlement_due_ns
