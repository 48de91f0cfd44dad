"""What a liquidation is offered at, and what the insurance fund gains or pays by its fill."""

from fractions import Fraction

from novate.core.money import PPM
from novate.risk.errors import RiskError
from novate.risk.unwinding.standing import Market, Standing


def offer_price(
    account: Standing, market: Market, held: int, *, spread_ppm: int = 100_000, adjustment_ppm: int = 1_000_000
) -> Fraction:
    """Price per unit of size at which a position is offered: at the mark while the account just fails, walking away
    from it as the account worsens, by at most ``spread_ppm`` of the position's own maintenance.

    ``(notional - badness x spread x maintenance of the position) / size`` with badness = adjustment x (1 - net /
    maintenance of the account), held between 0 and 1. Exact, not rounded. The whole position sets the price: half of
    it is offered at the same.

    Source: dYdX v4 (dydxprotocol/v4-chain, March 2026). RiskError where nothing is held or nothing is asked of the
    account.
    """
    if held == 0 or account.maintenance == 0:
        raise RiskError(
            f"an offer for {held} of an account that must hold {account.maintenance}: there is none to make"
        )
    position = market.standing(held)
    badness = Fraction(adjustment_ppm, PPM) * (1 - Fraction(account.net, account.maintenance))
    badness = min(Fraction(1), max(Fraction(0), badness))
    return (position.net - badness * Fraction(spread_ppm, PPM) * position.maintenance) / held


def fund_delta(proceeds: int, bankruptcy: int, *, fee_max_ppm: int) -> int:
    """What a fill brings the insurance fund; negative is what the fund pays.

    Both amounts are proceeds: negative for a buy. Below the bankruptcy proceeds the fund pays the difference; above
    them it receives the difference, at most ``fee_max_ppm`` of what the fill is worth, rounded down; the rest stays
    the account's.

    Source: dYdX v4 (dydxprotocol/v4-chain, March 2026).
    """
    gained = proceeds - bankruptcy
    return gained if gained <= 0 else min(abs(proceeds) * fee_max_ppm // PPM, gained)
