"""Who pays for whom when somebody cannot, and who is owed for it."""

from novate.core.facts import Fact, LossAbsorbed, ShortfallAssigned
from novate.core.terms import CLIENTS, INSURANCE, ROUNDING, SKIN, Layer, Role
from novate.sim.auditor.cash import hand_over
from novate.sim.auditor.house import Claim, Disagreement, House
from novate.sim.auditor.purse import Purse
from novate.sim.auditor.rounding import shares


class Collector:
    """Collects in one asset after the other: a purse, the members that fail in it, and the facts so far."""

    def __init__(self, house: House) -> None:
        self.house, self.purse = house, Purse(house)
        self.failing: list[int] = []
        self.facts: list[Fact] = []
        self.asset = 0

    def stands_behind(self, account: int) -> bool:
        """Whether a member in good standing must make a bucket's lack good."""
        estate = self.house.buckets[self.house.owner_of(self.house.estate_of(account))]
        if estate.role not in CLIENTS or self.house.is_venue:
            return False
        return not self.house.members[estate.member].defaulted and estate.member not in self.failing

    def note_failure(self, account: int) -> None:
        """A member's own account that others must pay for is the member's default, where members stand for all."""
        bucket = self.house.buckets[account]
        if bucket.role is Role.HOUSE and not self.house.is_venue and not self.house.members[bucket.member].defaulted:
            self.failing += [bucket.member] if bucket.member not in self.failing else []

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


# ---- applying -------------------------------------------------------------------------------------------------------


def apply_shortfall_assigned(house: House, fact: ShortfallAssigned) -> None:
    """The member's flow, or a transfer, carries it; here it becomes an agreed amount and a claim."""
    unit = house.monies[fact.asset].unit
    house.buckets[fact.bucket].exact[fact.asset] += fact.amount_minor * unit
    house.buckets[fact.house_bucket].exact[fact.asset] -= fact.amount_minor * unit
    claim_on(house, fact.bucket, Claim(None, fact.house_bucket, fact.asset, fact.amount_minor))


def apply_loss_absorbed(house: House, fact: LossAbsorbed) -> None:
    """A layer pays and is owed it."""
    hand_over(house, fact.payer, fact.bucket, fact.asset, fact.amount_minor)
    claim_on(house, fact.bucket, Claim(fact.layer, fact.payer, fact.asset, fact.amount_minor))


def claim_on(house: House, bucket: int, claim: Claim) -> None:
    """Somebody is owed by the estate that a bucket works for; the rounding account is nobody's."""
    if bucket != ROUNDING:
        house.claims.setdefault(house.estate_of(bucket), []).append(claim)
