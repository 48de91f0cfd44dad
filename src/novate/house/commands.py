"""The commands of the house as methods. Each builds the tape's command and submits it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from novate.core.terms import AccountKind, Measure, TransferCause
from novate.house.asking import SOURCE
from novate.house.lifecycle import LifecycleCommands
from novate.house.money import MoneyCommands
from novate.house.outcome import Outcome
from novate.house.plain import Duration, Number, Time
from novate.house.sheets import SheetCommands


class Commands(MoneyCommands, LifecycleCommands, SheetCommands):
    """Everything that can be asked of a house.

    Numbers are decimal strings, ints or ``Decimal``, never floats. ``time`` is when it happens; by default the time of
    the house's clock. Commands from outside carry a ``source`` and its ``number``, strictly increasing, so that one
    sent twice is done once; without a number the house gives the next. Nothing raises because it was refused: ask the
    ``Outcome``, or chain ``.expect()``. Wrong types, floats above all, raise ``TypeError``.
    """

    # --- terms --------------------------------------------------------------------------------------------------

    def add_asset(
        self,
        symbol: str,
        decimals: int,
        fine_decimals: int,
        *,
        price_max: Number = 0,
        price_in: str | None = None,
        stale_after: Duration = 0,
        time: Time | None = None,
    ) -> Outcome:
        """Put an asset on record.

        ``decimals`` is the precision of balances, ``fine_decimals`` that of values and fees (8 for dollars, 12 for
        BTC). Collateral other than the numeraire needs ``price_max``, the largest price that is believed.
        """
        return self._ask("add_asset", locals())

    def list_contract(
        self,
        symbol: str,
        kind: Literal["index", "future", "perpetual", "call", "put"],
        *,
        settlement: str,
        tick_size: Number,
        lot_size: Number,
        price_min: Number,
        price_max: Number,
        position_limit: Number,
        margin_class: str = "",
        stale_after: Duration,
        inverse: bool = False,
        underlying: str | None = None,
        strike: Number | None = None,
        expiry: Time | None = None,
        fee: Number = 0,
        margin_floor: Number = 0,
        futures_style: bool = False,
        capped: bool = False,
        collateralised: bool = False,
        resolvable: bool = False,
        time: Time | None = None,
    ) -> Outcome:
        """Put a contract or index on record.

        Prices are quoted in steps of ``tick_size`` between ``price_min`` and ``price_max``. One lot is ``lot_size`` of
        the underlying (of the quote currency for an ``inverse`` contract); ``position_limit`` is a quantity in the same
        unit. ``fee`` is a rate per side.

        Where prices may be zero or negative, margin is asked for a price of ``margin_floor`` at least. The price of a
        ``futures_style`` option is paid by variation. The limits of a ``capped`` future are the least and the most it
        ends at; ``collateralised``, both sides put up what they could lose and it needs no ``margin_class``;
        ``resolvable``, it ends when its event is decided (``resolve``).
        """
        return self._ask("list_contract", locals())

    def adopt_rulebook(
        self,
        name: str,
        *,
        numeraire: str,
        form: Literal["clearing_house", "venue"],
        collateral: Mapping[str, Number],
        margin_classes: Mapping[str, Any],
        settlement_interval: Duration,
        call_due: Duration,
        waterfall: Sequence[str],
        gains: Number = 1,
        long_option: Number = 1,
        call_minimum: Number = 0,
        slice: Number = 1,  # noqa: A002  # the field's own name
        slippage: Number = "0.02",
        slice_expiry: Duration = "1m",
        slices_max: int = 3,
        price_bands: Mapping[str, Number] | None = None,
        warning: Number = 0,
        call_trigger: Number = 1,
        call_target: Number = 1,
        call_recovery: Literal["must_pay", "at_due", "at_once"] = "at_due",
        missed_client_calls: Literal["liquidate", "member_pays"] = "liquidate",
        reduce_only: Number = 0,
        release: Number = 1,
        effective: Time | None = None,
        reserved_trades: Literal["checked", "guaranteed"] = "checked",
        deposit_final_after: Duration = 0,
        collateral_caps: Mapping[str, Mapping[str, Number]] | None = None,
        withdrawal_gates: Mapping[str, Number] | None = None,
        client_transfers: bool = False,
        kept_trades_max: int = 1_000_000,
        late_bust: Literal["refuse", "offset"] = "refuse",
        give_up_due: Duration = "1h",
        transfer_causes: Sequence[TransferCause] = ("same_owner",),
        porting_due: Duration = 0,
        overdrafts: Mapping[str, Mapping[str, Number]] | None = None,
        conversion: Literal["treasury", "orders"] = "treasury",
        conversion_due: Duration = "1h",
        recalibration_rise: Number = 0,
        recalibration_fall: Number = 0,
        recalibration_every: Duration = 0,
        time: Time | None = None,
    ) -> Outcome:
        """Put the rules in force; replaces the rulebook before. Rates are ``"0.05"`` or ``"5%"``.

        ``margin_classes`` maps a class to its tiers: ``{"above": "0", "initial": "5%", "maintenance": "2.5%"}``, or to
        ``{"tiers": [...]}`` with ``asset``, ``whole_initial`` or ``open_interest`` as in docs/reference/tape.md;
        ``price_bands`` maps a class to how far from the mark it may trade. ``warning``, ``call_trigger``,
        ``call_target`` and ``release`` are levels of equity as parts of the initial requirement, ``reduce_only`` of
        maintenance. With ``effective`` the rules wait for that time and are decided again when it comes.
        ``collateral_caps`` maps an asset to ``{"account": …, "member": …, "house": …}``, each of them or none;
        ``withdrawal_gates`` maps a gated asset to its dust limit. ``overdrafts`` maps an asset to ``{"amount": …,
        "time": …}``: how far and how long its balances may stay below zero; beyond it other collateral is sold to the
        treasury at once, or by ``orders``, and what those have not sold after ``conversion_due`` to the treasury. The
        three of recalibration say how far and how soon a risk sheet may go from the one before it; 0 is no bound.
        """
        return self._ask("adopt_rulebook", locals())

    def cancel_rulebook(self, name: str, *, time: Time | None = None) -> Outcome:
        """Take back a rulebook that was to come into force."""
        return self._ask("cancel_rulebook", locals())

    # --- supervision --------------------------------------------------------------------------------------------

    def set_limit(
        self,
        name: str,
        contract: str,
        measure: Measure,
        *,
        lots: int | None = None,
        quantity: Number | None = None,
        members: Sequence[str] = (),
        accounts: Sequence[str] = (),
        time: Time | None = None,
    ) -> Outcome:
        """Limit what all accounts of ``members``, and ``accounts``, hold together; replaces the limit of that name.

        ``net`` limits the size of the sum of their lots, ``gross`` their long and their short lots, each. With neither
        members nor accounts it limits the contract's open interest, which is gross.
        """
        return self._ask("set_limit", locals())

    def remove_limit(self, name: str, *, time: Time | None = None) -> Outcome:
        """Lift a limit."""
        return self._ask("remove_limit", locals())

    def halt(self, contract: str, cause: str, *, time: Time | None = None) -> Outcome:
        """Stop trading in a contract, saying why. Its marks go on moving margin."""
        return self._ask("halt", locals())

    def resume(self, contract: str, *, time: Time | None = None) -> Outcome:
        """Let a halted contract trade again."""
        return self._ask("resume", locals())

    def add_member(self, name: str, *, time: Time | None = None) -> Outcome:
        """Admit a clearing member: opens its house account ``name`` and its fund account ``name:fund``."""
        return self._ask("add_member", locals())

    def open_account(
        self, name: str, *, member: str, kind: AccountKind = "client", time: Time | None = None
    ) -> Outcome:
        """Open an account behind a member: of one ``client``, or an omnibus account of several.

        What a ``net_omnibus`` account holds is netted and margined as if it were one client's. A ``gross_omnibus``
        account holds nothing itself: its sub-accounts do, and are margined one by one. Either way all collateral of
        the account stands for all its clients.
        """
        return self._ask("open_account", locals())

    def open_sub_account(self, account: str, reference: str, *, time: Time | None = None) -> Outcome:
        """Register a sub-account of a gross omnibus account under a reference of its member's own.

        Trades, orders, give-ups and position transfers name it ``ACCOUNT/REFERENCE``; money is the omnibus account's.
        """
        return self._ask("open_sub_account", locals())

    # --- buckets ------------------------------------------------------------------------------------------------

    def isolate(
        self, account: str, contract: str, *, collateral: Mapping[str, Number] | None = None, time: Time | None = None
    ) -> Outcome:
        """Give one contract of an account a bucket of its own, with what is held of it and this ``collateral``.

        The bucket is called, liquidated and bankrupt alone. Both it and the cross bucket must stay margined.
        """
        fields = {"account": account, "contract": contract, "collateral": collateral or {}, "time": time}
        return self._ask("isolate", fields)

    def rejoin(self, account: str, contract: str, *, time: Time | None = None) -> Outcome:
        """Move an isolated contract and all its money back to the account's cross bucket."""
        return self._ask("rejoin", locals())

    def move_collateral(
        self,
        account: str,
        contract: str,
        asset: str,
        amount: Number,
        *,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Move free collateral into an isolated bucket, or back out of it where the amount is negative."""
        return self._ask("move_collateral", locals())

    # --- orders -------------------------------------------------------------------------------------------------

    def order(
        self,
        account: str,
        contract: str,
        side: Literal["buy", "sell"],
        *,
        lots: int | None = None,
        quantity: Number | None = None,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Register lots that rest at the venue on one side of a contract; negative ones are cancelled.

        Margin asks for the worse side; bids for options set their premium aside. A trade that names whose orders it
        ``fills`` takes its lots off them.
        """
        return self._ask_row("orders", locals())

    def orders(self, rows: Sequence[Mapping[str, Any]], *, source: str = SOURCE, time: Time | None = None) -> Outcome:
        """Change resting orders: rows of ``account``, ``contract``, ``side`` and ``lots`` or ``quantity``."""
        return self._ask_rows("orders", rows, source, time)

    # --- trades and prices --------------------------------------------------------------------------------------

    def trade(
        self,
        contract: str,
        *,
        buyer: str,
        seller: str,
        price: Number,
        lots: int | None = None,
        quantity: Number | None = None,
        fills: Literal["buyer", "seller", "both"] | None = None,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Submit one matched trade for novation, its size in ``lots`` or as a ``quantity``.

        ``fills`` names whose resting orders it fills.
        """
        return self._ask_row("trades", locals())

    def trades(self, rows: Sequence[Mapping[str, Any]], *, source: str = SOURCE, time: Time | None = None) -> Outcome:
        """Submit matched trades for novation, accepted or refused one by one.

        A row has ``contract``, ``buyer``, ``seller``, ``price`` and ``lots`` or ``quantity``, and its ``number`` unless
        the house shall give the next ones.
        """
        return self._ask_rows("trades", rows, source, time)

    def marks(
        self,
        prices: Mapping[str, Number | None] | None = None,
        *,
        asset_prices: Mapping[str, Number | None] | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Publish prices by symbol, of contracts, indices and collateral assets. None says that there is none.

        What is left out is unchanged. ``asset_prices`` is for assets whose symbol a contract has too.
        """
        return self._ask("marks", {"prices": prices or {}, "asset_prices": asset_prices or {}, "time": time})

    def funding(self, rates: Mapping[str, Number], *, time: Time | None = None) -> Outcome:
        """Publish funding rates of perpetuals, as a part of the mark's value; positive means that longs pay shorts."""
        return self._ask("funding", locals())

    def interest(self, asset: str, rate: Number, *, time: Time | None = None) -> Outcome:
        """Publish what balances of an asset below zero pay from now, as a part of them in a year: ``"5%"``.

        Without a rate on record nothing goes below zero.
        """
        return self._ask("interest", locals())

    def execute(
        self,
        order: int,
        *,
        counterparty: str,
        price: Number,
        lots: int | None = None,
        quantity: Number | None = None,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Report a fill, whole or partial, of a liquidation order against a counterparty's account."""
        return self._ask("execute", locals())

    def execute_conversion(
        self,
        order: int,
        *,
        sold: Number,
        received: Number,
        source: str = SOURCE,
        number: int | None = None,
        time: Time | None = None,
    ) -> Outcome:
        """Report that a conversion order has sold collateral, whole or in part, and what was got for it."""
        return self._ask("execute_conversion", locals())

    def expire(self, contract: str, price: Number, *, time: Time | None = None) -> Outcome:
        """Settle a future finally at ``price``, or an option at that price of its underlying."""
        return self._ask("expire", locals())

    def resolve(
        self,
        contract: str,
        price: Number,
        *,
        outcome: Literal["resolved", "voided"] = "resolved",
        time: Time | None = None,
    ) -> Outcome:
        """End a resolvable contract at the price of its outcome or, ``voided``, refund everyone at ``price``."""
        return self._ask("resolve", locals())

    def clock(self, time: Time | None = None) -> Outcome:
        """Let time act: staleness, order expiries, settlement cycles and missed calls."""
        return self._ask("clock", locals())
