"""What everybody would hold while payments are being worked out, and what other assets fetch against the treasury."""

from fractions import Fraction

from novate.core.facts import CollateralConverted, Fact
from novate.core.terms import TREASURY
from novate.sim.auditor.cash import hand_over
from novate.sim.auditor.house import House
from novate.sim.auditor.rounding import down, up
from novate.sim.auditor.worth import exact_rate


class Purse:
    """``(account, asset)`` -> minor units."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.held: dict[tuple[int, int], int] = {
            (account, asset): bucket.balance_minor[asset]
            for account, bucket in house.purses.items()
            for asset in range(len(house.monies))
        }
        self.lent: dict[int, int] = {}

    def lent_of(self, asset: int) -> int:
        """What the treasury lends of an asset: what all balances below zero sum to, or what a cycle has granted."""
        below = -sum(min(0, held) for (_, of), held in self.held.items() if of == asset)
        return self.lent.get(asset, below)

    def payable(self, asset: int) -> int:
        """What the treasury has of an asset and has not lent."""
        return self.held[TREASURY, asset] - self.lent_of(asset)

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

        What is taken is rounded up against the payer, by less than one unit; the treasury pays only what it has and has
        not lent.
        """
        facts: list[Fact] = []
        for other in range(len(self.house.monies)):
            rate = self.rate(other, asset) if other != asset and self.held[account, other] > 0 else None
            # What it lends to this very account it may pay to it; in a cycle that is no loan yet.
            own = 0 if asset in self.lent else max(0, -self.held[account, asset])
            wanted = min(lack, self.payable(asset) + own)
            if not rate or wanted <= 0:
                continue
            received = min(wanted, self.held[account, other] * rate.numerator // rate.denominator)
            if received > 0:
                paid = up(received / rate)
                self.move(account, TREASURY, other, paid)
                self.move(TREASURY, account, asset, received)
                facts.append(CollateralConverted(account, other, paid, asset, received))
            lack = wanted - received
        return facts

    def raisable(self, account: int, asset: int) -> int:
        """What an account's other assets would fetch, less what it owes in others; owing what has no price, nothing."""
        raised = 0
        for other, money in enumerate(self.house.monies):
            held = self.held[account, other] if other != asset else 0
            rate = self.rate(other, asset)
            if held < 0 and rate is None:
                return 0
            if held > 0 and rate is not None:
                raised += down(held * rate)
            elif held < 0:
                unit = exact_rate(self.house, asset) * self.house.monies[asset].unit
                raised -= up(-held * money.unit * Fraction(*money.debit) / unit)
        return max(0, raised)


def apply_collateral_converted(house: House, fact: CollateralConverted) -> None:
    """Both sides of a conversion."""
    hand_over(house, fact.bucket, TREASURY, fact.paid_asset, fact.paid_minor)
    hand_over(house, TREASURY, fact.bucket, fact.received_asset, fact.received_minor)
