"""Collateral in other assets: what it counts for, and its conversion against the treasury."""

import math
from fractions import Fraction

import numpy as np

from novate.core.book import Book
from novate.core.facts import AssetRate, CollateralConverted
from novate.core.ledger import post
from novate.core.money import PPM, ceil_div, rate_of
from novate.core.terms import TREASURY, Asset, Rulebook


def rates_at(rulebook: Rulebook, asset: Asset, index: int, price_fine: int) -> AssetRate:
    """Conversion of an asset's fine units into the numeraire's at a price.

    A credit counts at price x (1 - haircut), its rate rounded down; a debt at price x (1 + haircut), rounded up; what a
    risk sheet carries at the price itself, rounded down.
    """
    haircut = rulebook.collateral[asset.symbol]
    price = Fraction(price_fine, 10**asset.fine_decimals)
    credit = rate_of(price * Fraction(PPM - haircut, PPM), up=False)
    debit = rate_of(price * Fraction(PPM + haircut, PPM), up=True)
    return AssetRate(index, price_fine, *credit, *debit, *rate_of(price, up=False))


def rates_under(book: Book, rulebook: Rulebook) -> tuple[AssetRate, ...]:
    """The rates of all assets that have a price, as another rulebook has them."""
    rates = []
    for index, asset in enumerate(book.registers.assets):
        row = book.assets[index]
        price = int(row["price_fine"])
        if asset.symbol == rulebook.numeraire or not price:
            continue
        if asset.symbol in rulebook.collateral:
            rates.append(rates_at(rulebook, asset, index, price))
        else:
            rates.append(AssetRate(index, price, 0, 1, int(row["debit_mantissa"]), int(row["debit_scale"])))
    return tuple(rates)


def set_rate(book: Book, rate: AssetRate) -> None:
    """Put a conversion on record. For ``evolve`` only."""
    row = book.assets[rate.asset]
    row["price_fine"] = rate.price_fine
    row["credit_mantissa"], row["credit_scale"] = rate.credit_mantissa, rate.credit_scale
    row["debit_mantissa"], row["debit_scale"] = rate.debit_mantissa, rate.debit_scale
    row["price_mantissa"], row["price_scale"] = rate.price_mantissa, rate.price_scale


class Purse:
    """Balances as a settlement would leave them: what decide works on instead of the book.

    What the treasury lends to balances below zero is not its own to pay. ``lent`` says how much that is in an asset
    whose cycle is being worked out; of the others the balances themselves say it.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self.columns: dict[int, np.ndarray] = {}
        self.lent: dict[int, int] = {}

    def column(self, asset: int) -> np.ndarray:
        """What every account would hold of an asset, in minor units (int64); copied from the book on first use."""
        if asset not in self.columns:
            self.columns[asset] = np.array(self.book.balances[: self.book.account_count, asset]["balance_minor"])
        return self.columns[asset]

    def balance(self, account: int, asset: int) -> int:
        """Minor units the account would hold."""
        return int(self.column(asset)[account])

    def add(self, account: int, asset: int, amount_minor: int) -> None:
        """Change a balance."""
        self.column(asset)[account] += amount_minor

    def lent_minor(self, asset: int) -> int:
        """What the treasury lends of an asset to balances below zero."""
        if asset in self.lent:
            return self.lent[asset]
        if not (self.book.registers.overdrafts or self.book.rulebook.overdrafts):
            return 0
        return -int(np.minimum(self.column(asset), 0).sum())

    def payable(self, asset: int) -> int:
        """What the treasury can pay of an asset, or lend."""
        return self.balance(TREASURY, asset) - self.lent_minor(asset)

    def raise_cash(self, account: int, asset: int, lack_minor: int) -> list[CollateralConverted]:
        """Convert the account's other collateral into ``asset`` until the lack is covered or nothing is left.

        The treasury pays the asset and takes the collateral at its journaled price less haircut; the amount taken is
        rounded up. It never pays what it does not hold, and an asset without a live price is not converted. What it
        lends to this very account it can pay it for good.
        """
        facts: list[CollateralConverted] = []
        for other in range(self.book.asset_count):
            own = 0 if asset in self.lent else max(0, -self.balance(account, asset))
            lack_minor = min(lack_minor, self.payable(asset) + own)
            paid, received = self.sale(account, other, asset, lack_minor)
            if received <= 0:
                continue
            facts.append(CollateralConverted(account, other, paid, asset, received))
            for payer, payee, moved, amount in ((account, TREASURY, other, paid), (TREASURY, account, asset, received)):
                self.add(payer, moved, -amount)
                self.add(payee, moved, amount)
            lack_minor -= received
        return facts

    def sale(self, account: int, other: int, asset: int, lack_minor: int) -> tuple[int, int]:
        """``(paid, received)`` of converting ``other`` collateral of an account until its lack of ``asset`` is covered.

        Both are minor units: received at the price less haircut, the amount paid for it rounded up. Nothing moves where
        nothing is lacking or held, nor without live prices.
        """
        held = self.balance(account, other)
        rate = self.exchange_rate(other, asset) if other != asset and held > 0 and lack_minor > 0 else None
        received = min(lack_minor, held * rate.numerator // rate.denominator) if rate is not None else 0
        return (ceil_div(received * rate.denominator, rate.numerator), received) if rate and received else (0, 0)

    def raisable(self, account: int, asset: int) -> int:
        """Minor units that the account's other collateral would raise less haircut, less what it owes in others.

        Collateral without a live price counts for nothing; owing something that has none, it can raise nothing.
        """
        raised = 0
        for other in range(self.book.asset_count):
            held = self.balance(account, other)
            rate = self.exchange_rate(other, asset) if other != asset and held else None
            if rate is not None and held > 0:
                raised += held * rate.numerator // rate.denominator
            elif held < 0 and other != asset:
                if rate is None:
                    return 0
                row = self.book.assets[other]
                debt = Fraction(-held * int(row["unit_fine"]) * int(row["debit_mantissa"]), int(row["debit_scale"]))
                unit = numeraire_rate(self.book, asset) * int(self.book.assets[asset]["unit_fine"])
                raised -= math.ceil(Fraction(debt, unit))
        return max(0, raised)

    def has_other(self, account: int, asset: int) -> bool:
        """Whether the account holds another asset that is worth at least a unit of this one, or has no price now."""
        for other in range(self.book.asset_count):
            held = self.balance(account, other)
            rate = self.exchange_rate(other, asset) if other != asset and held > 0 else Fraction(0)
            if rate is None or held * rate >= 1:
                return True
        return False

    def exchange_rate(self, paid: int, received: int) -> Fraction | None:
        """Minor units of ``received`` for one of ``paid``, less the paid asset's haircut; None without live prices."""
        assets = self.book.assets
        if not (assets[paid]["live"] and assets[received]["live"]):
            return None
        out, into = assets[paid], assets[received]
        worth = Fraction(int(out["credit_mantissa"]) * int(out["unit_fine"]), int(out["credit_scale"]))
        price = numeraire_rate(self.book, received) * int(into["unit_fine"])
        return Fraction(worth, price)


def numeraire_rate(book: Book, asset: int) -> Fraction:
    """Numeraire fine units for one fine unit of an asset at its journaled price, without haircut."""
    terms = book.registers.assets[asset]
    if terms.symbol == book.rulebook.numeraire:
        return Fraction(1)
    return Fraction(int(book.assets[asset]["price_fine"]), 10**terms.fine_decimals)


def fold_collateral_converted(book: Book, fact: CollateralConverted) -> None:
    """Post both sides of a conversion."""
    post(book, fact.bucket, TREASURY, fact.paid_asset, fact.paid_minor)
    post(book, TREASURY, fact.bucket, fact.received_asset, fact.received_minor)
