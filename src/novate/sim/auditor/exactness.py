"""How far the house's integers may be from the payoffs that people agreed to, proved for each bucket after each step.

Beside its integers every bucket keeps ``exact``: what its money in one asset would be as a fraction if nothing were
ever rounded. Deposits, withdrawals, conversions, payments of the waterfall, cuts, transfers and costs of a take-over
are agreed amounts and are what they are. Legs of trades and fills count at the exact worth of a lot at their price less
the exact funding index, fees at the exact rate, a final settlement at the exact payoff, and what is still held at the
exact worth of its mark. The real bucket is worth balance x unit + carry + results (less premium owed). They differ by

- |lots| x r for each leg of a trade or fill, and |lots| x r for what is held now: a value per lot is rounded to the
  nearest fine unit, so r = 1/2 where lots are inverse (linear values are whole by their listing); the index of a
  perpetual is rounded to the nearest fine unit too, another 1/2, and each of its n steps to 10^-12: n / (2 x 10^12);
- 1 + |lots| x rate for each fee: the size of a lot is rounded up by less than 1, and the fee itself by less than 1;
- |lots| x 1/2 at the final settlement of an inverse future or option, and nothing at any other.

Settlement adds nothing to this: it pays floor((results + carry) / unit) and *keeps the rest as carry*, so worth does
not change, however often it is done; a rounding remainder cannot be paid again and again. After a cycle all that is not
settled of a bucket whose contracts have live prices is 0 <= carry < 1 unit. Hence the distance of settled money from
the unrounded payoff is below one minor unit plus the sum above: of trades and fees only, not of time or cycles.

The one place where a unit is taken is the conversion of collateral, rounded up against the payer by less than one minor
unit of what it pays (``cycle``). A pro-rata share is within one unit of the exact one (``rounding.shares``).
"""

from fractions import Fraction

from novate.core.terms import Kind
from novate.sim.auditor.bucket import Bucket
from novate.sim.auditor.house import Disagreement, House, Instrument
from novate.sim.auditor.rounding import E12, PPM
from novate.sim.auditor.worth import lot_payoff, lot_worth, positions_in, premium, results

HALF = Fraction(1, 2)


def lot_slack(of: Instrument) -> Fraction:
    """How far the value of one lot may be from its worth: r of the derivation."""
    slack = HALF if of.terms.inverse and not of.is_option else Fraction(0)
    if of.terms.kind is Kind.PERPETUAL:
        slack += HALF + Fraction(of.fundings, 2 * E12)
    return slack


def traded(
    house: House, account: int, contract: int, lots: int, price_ticks: int, index: Fraction | None = None
) -> None:
    """A leg at a price: what it costs exactly, with the exact funding index of now or of another time."""
    of, bucket = house.instruments[contract], house.buckets[account]
    bucket.exact[of.asset] -= lots * (lot_worth(house, of, price_ticks) - (of.index if index is None else index))
    bucket.slack[of.asset] += abs(lots) * lot_slack(of)


def fee_paid(house: House, payer: int, payee: int, contract: int, lots: int, price_ticks: int) -> None:
    """A fee: what it is exactly."""
    of = house.instruments[contract]
    fee = lots * abs(lot_worth(house, of, price_ticks)) * of.terms.fee_ppm / PPM
    for account, sign in ((payer, -1), (payee, 1)):
        house.buckets[account].exact[of.asset] += sign * fee
        house.buckets[account].slack[of.asset] += (1 + Fraction(lots * of.terms.fee_ppm, PPM)) if fee else 0


def agreed(house: House, account: int, contract: int, cost_fine: int) -> None:
    """A leg whose cost was set in fine units by a take-over."""
    house.buckets[account].exact[house.instruments[contract].asset] -= cost_fine


def ended(house: House, account: int, contract: int, lots: int, price_ticks: int) -> None:
    """A position became money at the final price."""
    of, bucket = house.instruments[contract], house.buckets[account]
    final = lot_payoff(house, of, price_ticks) if of.is_option else lot_worth(house, of, price_ticks)
    bucket.exact[of.asset] += lots * final
    bucket.slack[of.asset] += abs(lots) * HALF if of.terms.inverse else 0


def check(house: House) -> None:
    """Every bucket is as near to its exact account as the roundings allow, in every asset."""
    for bucket in house.purses.values():
        for asset in range(len(house.monies)):
            _check_bucket(house, bucket, asset)


def _check_bucket(house: House, bucket: Bucket, asset: int) -> None:
    exact, slack = bucket.exact[asset], bucket.slack[asset]
    own = positions_in(house, bucket, asset)
    if not (exact or bucket.balance_minor[asset] or bucket.carry_fine[asset] or own):
        return
    for contract, held in own:
        of = house.instruments[contract]
        if not of.has_premium and held.lots:
            exact += held.lots * (lot_worth(house, of, of.price_ticks) - of.index)
            slack += abs(held.lots) * lot_slack(of)
    worth = bucket.balance_minor[asset] * house.monies[asset].unit + bucket.carry_fine[asset]
    worth += results(house, bucket, asset) - premium(house, bucket, asset)
    if abs(worth - exact) > slack:
        message = (
            f"{bucket.name} is worth {worth} of asset {asset}, exactly {float(exact)}: more than {float(slack)} off"
        )
        raise Disagreement("exactness", message)


def check_settled(house: House) -> None:
    """After a cycle: what is not yet money is less than one unit, unless a contract has no live price."""
    for index, bucket in house.purses.items():
        for asset, money in enumerate(house.monies):
            own = [house.instruments[contract] for contract, _ in positions_in(house, bucket, asset)]
            if index == 1 or any(of.state != "live" for of in own):  # 1 is the rounding account
                continue
            unsettled = bucket.carry_fine[asset] + results(house, bucket, asset) - premium(house, bucket, asset)
            if not 0 <= unsettled < money.unit:
                raise Disagreement("exactness", f"{bucket.name} still has {unsettled} of asset {asset} after a cycle")
