"""Every command in any order, in both forms, on a rich house and on one at the bounds of 64 bits.

After every step: all laws hold; a second book that folds the encoded facts has the same digest; a snapshot loads to
the same digest; every bucket is worth to Python's integers what it is worth to the kernels; a refused command has left
nothing but its source's mark and the time; and whoever is short is called (clearing house) or in liquidation (venue).
"""

import functools
from random import Random
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from novate.core import commands as c
from novate.core import laws, layout
from novate.core.book import Book
from novate.core.conversions import beyond_limits, excess_minor
from novate.core.facts import (
    ConversionOrdered,
    CycleClosed,
    Fact,
    GainsCut,
    LiquidationExecuted,
    Rejected,
    RowsRefused,
    SourceAdvanced,
    TakenOver,
    Withdrawn,
)
from novate.core.gate import deficit_of
from novate.core.levels import JUDGED_ACCESS
from novate.core.margin import judge
from novate.core.money import charge
from novate.core.money_facts import DepositReversed
from novate.core.novation import make_room
from novate.core.overdrafts import sells_by_order
from novate.core.plain import margin as plain_margin
from novate.core.plain.limits import held as held_plainly
from novate.core.rows import TRANSFER
from novate.core.terms import (
    INSURANCE,
    OWNED,
    ROUNDING,
    TRADING,
    TREASURY,
    AddOn,
    Asset,
    Cap,
    CollateralRow,
    ContractRow,
    Kind,
    Limit,
    MarginMode,
    Overdraft,
    RiskSheet,
    Role,
    ScenarioBlock,
)
from tests.core import afterwards
from tests.core.seniority import fold_watching
from tests.core.sheets import results
from tests.core.test_kernels import compare_judgements, compare_orders, compare_trades
from tests.core.worlds import (
    DAY,
    HOUR,
    MAJOR,
    SECOND,
    House,
    cash,
    decoded,
    extreme_house,
    funding,
    future,
    marks,
    orders,
    rich_house,
    rich_rulebook,
    trades,
)

INT64 = 2**63
REFUSALS = (Rejected, RowsRefused, SourceAdvanced)
PRICES = (1_000, 1_000, 1_000, 999, 1_001, 950, 1_050, 900, 1_100, 700, 1_400)
"""Per mille of a mark."""
LENT = {"USD": Overdraft(10**6, DAY), "EUR": Overdraft(10**7, 9 * HOUR), "BTC": Overdraft(10**9, 9 * HOUR)}
LENT_FREELY = {symbol: Overdraft(2**58 // 10**6, 2 * DAY) for symbol in LENT}
LIMITS = (0, 10**9, -(10**9))
"""Per mille that give the lowest and the highest price allowed, or zero."""
levels = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {
            "price_bands": st.sampled_from([{}, {"major": 50_000}, {"alt": 1, "option": 10**6}]),
            "warning_ppm": st.sampled_from([0, 1_200_000]),
            "call_trigger_ppm": st.sampled_from([1, 750_000, 999_999, 10**6]),
            "call_target_ppm": st.sampled_from([10**6, 1_000_001, 1_100_000]),
            "call_recovery": st.sampled_from(["must_pay", "at_due", "at_once"]),
            "missed_client_calls": st.sampled_from(["liquidate", "member_pays"]),
            "reduce_only_ppm": st.sampled_from([0, 1_200_000, 10**8]),
            "release_ppm": st.sampled_from([10**6, 1_100_000, 10**7]),
        }
    ),
)
"""Levels of equity and bands of a rulebook; most have none."""


@functools.cache
def snapshot(kind: str, form: str, slice_ppm: int) -> bytes:
    rules: dict[str, Any] = {"deposit_final_after_ns": DAY, "withdrawal_gates": {"USD": 1_000, "BTC": 0}}
    rules["overdrafts"] = LENT if kind == "rich" else LENT_FREELY
    rules |= {"conversion": "orders" if slice_ppm < 10**6 else "treasury", "conversion_due_ns": 9 * HOUR}
    house = (rich_house if kind == "rich" else extreme_house)(form, slice_ppm=slice_ppm, **rules)
    house.ok(c.OpenAccount(0, "pool", "gross_omnibus"))
    house.ok(c.OpenAccount(1, "net", "net_omnibus"))
    for reference in ("1", "2"):
        house.ok(c.OpenSubAccount(house.account("pool"), reference))
    return house.book.dumps()


class Clearing(RuleBasedStateMachine):
    """The rules draw from what is there: accounts, contracts, open orders."""

    house: House
    shadow: Book
    kind: str

    @initialize(
        kind=st.sampled_from(["rich", "rich", "extreme"]),
        form=st.sampled_from(["clearing_house", "venue"]),
        slice_ppm=st.sampled_from([400_000, 1_000_000]),
        funds=st.sampled_from([0, 1, 1_000]),
        seed=st.integers(0, 10**6),
    )
    def open(self, kind: str, form: str, slice_ppm: int, funds: int, seed: int) -> None:
        """Some have money, some trade all they can bear, and the house's own funds are empty, thin or deep."""
        data, random = snapshot(kind, form, slice_ppm), Random(seed)
        self.kind, self.house, self.shadow = kind, House(Book.loads(data)), Book.loads(data)
        units = (10**6, 10**7, 10**6) if kind == "rich" else (2**50, 2**48, 2**45)
        rows = [
            (self.house.next(), random.choice([0, 1, 3, 10, 100]) * units[asset] or 1, account, asset)
            for asset in range(3)
            for account, of in enumerate(self.book.registers.accounts)
            if of.role in OWNED
        ]
        self.do(c.Deposit("bank", cash(rows)))
        kinds: tuple[Any, ...] = ("skin_in_the_game", "insurance_fund", "treasury", "default_fund")
        for fund in kinds if funds else ():
            for asset in range(3):
                amount = random.choice([1, 10, 100]) * funds * units[asset] // 1_000
                self.do(c.Contribute("bank", self.house.next(), fund, asset, amount, asset))
        if random.random() < 0.6:
            self.do(c.AdoptRiskSheet(self.sheet(random.randint(0, 10**6))))
            for account in random.sample(self.traders(), 3):
                self.do(c.SetMarginMode(account, MarginMode.PORTFOLIO))
        for asset in range(3):
            self.do(c.PublishInterest(asset, random.choice([0, 50_000, 10**7])))
        batch = []
        for _ in range(60):
            contract, (buyer, seller) = random.randrange(1, self.listed()), random.sample(self.traders(), 2)
            most = 400 if kind == "rich" else int(self.book.contracts[contract]["position_limit_lots"]) // 4
            price = int(self.book.contracts[contract]["price_ticks"])
            batch.append((self.house.next(), random.randint(1, most), price, contract, buyer, seller))
        self.do(c.SubmitTrades("venue", trades(batch)))

    # ---- the commands -----------------------------------------------------------------------------------------------

    def trade(self, data: st.DataObject) -> None:
        """A batch of which most could be accepted; on the house at the bounds lots are parts of the limit."""
        rows = []
        for _ in range(data.draw(st.integers(1, 4))):
            contract = data.draw(st.integers(1, self.listed() - 1))
            limit = int(self.book.contracts[contract]["position_limit_lots"])
            size = data.draw(st.one_of(st.integers(1, 20), st.sampled_from([1, 2, 3, 10, 100, 1_000])))
            if self.kind == "extreme" or data.draw(st.integers(0, 19)) == 0:
                size = max(1, limit // size)
            price = self.price_of(contract, data.draw(self.moves()))
            buyer, seller = data.draw(self.account()), data.draw(self.account())
            filled = data.draw(st.sampled_from([0, 0, 0, 0, 1, 2, 3]))
            rows.append((self.house.next(), size, price, contract, buyer, seller, filled))
        compare_trades(self.book, rows)
        self.do(c.SubmitTrades("venue", trades(rows)))

    trade_once = rule(data=st.data())(trade)
    trade_twice = rule(data=st.data())(trade)
    trade_thrice = rule(data=st.data())(trade)

    @rule(data=st.data(), move=st.sampled_from([1_000, 990, 1_010]))
    def unwind(self, data: st.DataObject, move: int) -> None:
        """A long and a short close against each other, as far as both go."""
        contract = data.draw(st.integers(1, self.listed() - 1))
        held = {
            account: lots
            for account in self.traders()
            for of, lots, _ in self.book.positions_of(account)
            if of == contract and lots
        }
        longs, shorts = [at for at in held if held[at] > 0], [at for at in held if held[at] < 0]
        if longs and shorts:
            buyer, seller = data.draw(st.sampled_from(shorts)), data.draw(st.sampled_from(longs))
            size = min(-held[buyer], held[seller])
            rows = [(self.house.next(), size, self.price_of(contract, move), contract, buyer, seller)]
            compare_trades(self.book, rows)
            self.do(c.SubmitTrades("venue", trades(rows)))

    @rule(data=st.data(), scale=st.sampled_from([1, 100, 10_000, 10**6, 10**8, 2**40, 2**61 - 1, -1]))
    def deposit(self, data: st.DataObject, scale: int) -> None:
        row = (self.house.next(), scale, data.draw(self.account()), data.draw(st.integers(0, 2)))
        self.do(c.Deposit("bank", cash([row])))

    @rule(data=st.data(), share=st.sampled_from([0, 1, 10, 500, 900, 1_000, 1_001]))
    def withdraw(self, data: st.DataObject, share: int) -> None:
        account, asset = data.draw(self.account()), data.draw(st.integers(0, 2))
        held = self.house.balance(account, asset) if account < self.book.account_count else 1
        amount = held * share // 1_000
        facts = self.do(c.Withdraw("bank", cash([(self.house.next(), amount, account, asset)])))
        if any(isinstance(fact, Withdrawn) for fact in facts):
            after = judge(self.book, account)
            assert after.priced
            assert min(after.payable_fine, after.settled_fine, after.equity_fine) >= after.initial_fine

    @rule(data=st.data(), scale=st.sampled_from([1, 10_000, 10**6, 2**40]))
    def announce(self, data: st.DataObject, scale: int) -> None:
        row = (self.house.next(), scale, data.draw(self.account()), data.draw(st.integers(0, 2)))
        self.do(c.AnnounceDeposit("bank", cash([row])))

    @rule(data=st.data(), kind=st.sampled_from([c.FinaliseDeposit, c.FinaliseDeposit, c.CancelDeposit]))
    def settle_deposit(self, data: st.DataObject, kind: Any) -> None:
        pending = self.book.registers.deposits_pending.get("bank", {})
        self.do(kind("bank", self.house.next(), data.draw(st.sampled_from([*pending, *pending, 1]))))

    @precondition(lambda self: self.book.registers.deposits_reversible or self.book.registers.deposits_pending)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        registers = self.book.registers
        known = [*registers.deposits_reversible.get("bank", {}), *registers.deposits_pending.get("bank", {})]
        facts = self.do(c.ReverseDeposit("bank", self.house.next(), data.draw(st.sampled_from([*known, 1]))))
        for fact in facts:
            if isinstance(fact, DepositReversed):
                paid, owed = fact.amount_minor, fact.owed_minor
                left = registers.reversals_owed.get("bank", {}).get(fact.deposit)
                assert paid >= 0
                assert (left.amount_minor if left else 0) == owed

    @rule(data=st.data(), share=st.sampled_from([1, 10, 300, 500, 900, 1_000]))
    def request(self, data: st.DataObject, share: int) -> None:
        account, asset = data.draw(self.account()), data.draw(st.integers(0, 2))
        held = self.house.balance(account, asset) if account < self.book.account_count else 1
        self.do(c.RequestWithdrawal("bank", cash([(self.house.next(), held * share // 1_000, account, asset)])))

    @precondition(lambda self: self.book.registers.withdrawals)
    @rule()
    def release_all(self) -> None:
        for number in list(self.book.registers.withdrawals):
            self.do(c.ReleaseWithdrawal("bank", self.house.next(), number))

    @rule(data=st.data(), kind=st.sampled_from([c.ReleaseWithdrawal, c.ConfirmWithdrawal, c.ReturnWithdrawal]))
    def step_withdrawal(self, data: st.DataObject, kind: Any) -> None:
        held = self.book.registers.withdrawals
        number = data.draw(st.sampled_from([*held, *held, self.book.registers.next_withdrawal, -1]))
        self.do(kind("bank", self.house.next(), number))

    @rule(data=st.data(), share=st.sampled_from([1, 100, 500, 1_001]))
    def transfer(self, data: st.DataObject, share: int) -> None:
        payer, asset = data.draw(self.account()), data.draw(st.integers(0, 2))
        kin = [at for at, of in enumerate(self.book.registers.accounts) if of.member >= 0] + [4]
        payee = data.draw(st.sampled_from(kin))
        held = self.house.balance(payer, asset) if payer < self.book.account_count else 1
        row = (self.house.next(), held * share // 1_000, payer, payee, asset, 0)
        self.do(c.TransferCollateral("bank", np.array([row], TRANSFER).tobytes()))

    def mark(self, data: st.DataObject) -> None:
        """One market move of everything, or of a few; now and then a price is missing or out of limits."""
        chosen = data.draw(
            st.one_of(
                st.just(range(self.listed())), st.lists(st.integers(0, self.listed() - 1), min_size=1, max_size=3)
            )
        )
        move = data.draw(self.moves())
        rows: list[tuple[int, int | None]] = [(contract, self.price_of(contract, move)) for contract in chosen]
        odd = data.draw(st.integers(0, 99))
        if odd < 10:
            rows.append((odd, data.draw(st.sampled_from([None, None, 0, 2**62]))))
        self.do(c.PublishMarks(marks(rows)))

    mark_once = rule(data=st.data())(mark)
    mark_twice = rule(data=st.data())(mark)

    @rule(asset=st.integers(0, 2), move=st.sampled_from([1_000, 900, 1_100, 500, 2_000, 0, None]))
    def price_asset(self, asset: int, move: int | None) -> None:
        price = None if move is None else int(self.book.assets[asset]["price_fine"]) * move // 1_000
        self.do(c.PublishMarks(b"", (c.AssetPrice(asset, price),)))

    @rule(
        rates=st.lists(
            st.tuples(
                st.sampled_from([2, 3, 9, 1, 17]), st.sampled_from([10**8, -(10**8), 10**11, -(10**11), 10**12, 1])
            ),
            max_size=3,
        )
    )
    def fund_perpetuals(self, rates: list[tuple[int, int]]) -> None:
        self.do(c.PublishFunding(funding(rates)))

    @rule(asset=st.sampled_from([0, 0, 1, 2, 7]), rate_ppm=st.sampled_from([0, 1, 365_000, 10**7, 10**7 + 1, -1]))
    def publish_interest(self, asset: int, rate_ppm: int) -> None:
        self.do(c.PublishInterest(asset, rate_ppm))

    @rule(data=st.data(), share=st.sampled_from([1, 500, 1_000, 1_000, 1_001]), better=st.integers(-1, 3))
    def execute(self, data: st.DataObject, share: int, better: int) -> None:
        orders = self.book.registers.orders
        order = data.draw(st.sampled_from([*orders, *orders, self.book.registers.next_order - 1, 10**6]))
        terms = orders.get(order)
        lots = max(1, abs(terms.open_lots) * share // 1_000) if terms else 1
        price = terms.limit_price_ticks - better * (1 if terms.lots > 0 else -1) if terms else 1
        counterparty = data.draw(self.account())
        self.do(c.ExecuteLiquidation("venue-liq", self.house.next(), order, lots, price, counterparty))

    @rule(share=st.sampled_from([1, 300, 1_000, 1_001]), better=st.sampled_from([-1, 0, 0, 10**4]))
    def sell(self, share: int, better: int) -> None:
        """A sale by every conversion order, at its worst rate, a unit below it or better, and one by none."""
        orders = self.book.registers.conversions
        for number in [*orders, self.book.registers.next_conversion]:
            order = orders.get(number)
            sold = max(1, order.open_minor * share // 1_000) if order else 1
            worst = -(-sold * order.least_minor // order.sell_minor) if order else 1
            self.do(c.ExecuteConversion("desk", self.house.next(), number, sold, worst + better))

    def fill_all(self, share: int) -> None:
        """Fills that most likely stand: every order at its limit, against those who have most to spare."""
        for order, terms in list(self.book.registers.orders.items()):
            lots = max(1, abs(terms.open_lots) * share // 1_000)
            able = sorted(self.traders(), key=lambda at: -self.to_spare(at, terms.bucket))
            for account in able[:4]:
                limit, number = terms.limit_price_ticks, self.house.next()
                facts = self.do(c.ExecuteLiquidation("venue-liq", number, order, lots, limit, account))
                if any(isinstance(fact, LiquidationExecuted) for fact in facts):
                    break

    def to_spare(self, account: int, bucket: int) -> int:
        """What an account could put up for the other side of a bucket's order; -1 where it may not."""
        estate = self.book.registers.origins.get(bucket, bucket)
        own = self.book.purse_of(account) in (self.book.purse_of(bucket), estate)
        may = self.book.buckets[account]["access"] == layout.OPEN and not own
        return judge(self.book, account).free_fine if may else -1

    @precondition(lambda self: self.book.registers.orders)
    @rule(share=st.sampled_from([300, 1_000]))
    def fill(self, share: int) -> None:
        self.fill_all(share)

    @precondition(lambda self: self.book.registers.liquidations)
    @rule(rounds=st.integers(1, 12))
    def work_out(self, rounds: int) -> None:
        """Slice after slice until nothing is open, and a cycle that closes what is flat."""
        for _ in range(rounds):
            if self.book.registers.orders:
                self.fill_all(1_000)
        self.do(c.Clock(), 8 * HOUR)

    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        now, contracts = self.house.time_ns, self.book.registers.contracts
        due = [at for at, terms in enumerate(contracts) if terms.expiry_ns is not None and terms.expiry_ns <= now]
        contract = data.draw(st.sampled_from([*due, *due, -1, 1, 2]))
        option = contract >= 0 and contracts[contract].is_option
        price_of = int(self.book.contracts[contract]["underlying"]) if option else contract
        price = self.price_of(price_of, data.draw(self.moves())) if contract >= 0 else 1
        self.do(c.ExpireContract(contract, price))

    @rule(data=st.data(), outcome=st.sampled_from(["resolved", "voided"]))
    def resolve(self, data: st.DataObject, outcome: Any) -> None:
        """Now and then an event is decided, and now and then somebody says so of what has none."""
        capped = [at for at, terms in enumerate(self.book.registers.contracts) if terms.resolvable]
        if data.draw(st.integers(0, 4)) == 0:
            contract = data.draw(st.sampled_from([*capped, *capped, 1, -1]))
            price = self.price_of(contract, data.draw(st.sampled_from(LIMITS))) if contract >= 0 else 1
            self.do(c.ResolveContract(contract, price, outcome))

    @rule(wait=st.sampled_from([0, SECOND, HOUR, HOUR, 8 * HOUR, 8 * HOUR, DAY, DAY]))
    def clock(self, wait: int) -> None:
        facts = self.do(c.Clock(), wait)
        if any(isinstance(fact, CycleClosed) for fact in facts) and not any(
            isinstance(fact, TakenOver) for fact in facts
        ):
            self.check_settled()
            if not any(isinstance(fact, GainsCut) for fact in facts):
                self.check_limits()

    @rule(
        haircut=st.sampled_from([None, 0, 100_000, 500_000, 999_999]),
        steeper=st.booleans(),
        gains=st.sampled_from([0, 500_000, 1_000_000]),
        other_form=st.booleans(),
        layers=st.integers(0, 4),
        levels=levels,
        later=st.sampled_from([None, None, None, -1, 0, 1, HOUR, DAY]),
        reserved=st.sampled_from(["checked", "guaranteed"]),
    )
    def adopt(
        self,
        haircut: int | None,
        steeper: bool,
        gains: int,
        other_form: bool,
        layers: int,
        reserved: Any,
        levels: dict[str, Any],
        later: int | None,
    ) -> None:
        now = self.book.rulebook
        form = {"venue": "clearing_house", "clearing_house": "venue"}[now.form] if other_form else now.form
        collateral = {"USD": 0, "EUR": 20_000} | ({} if haircut is None else {"BTC": haircut})
        classes = dict(rich_rulebook().margin_classes)
        if steeper:
            classes["major"] = MAJOR[1:] and (MAJOR[0], *MAJOR[2:])
        layers_kept = rich_rulebook().waterfall[layers:]
        cap = (
            Cap(member_minor=10**9)
            if self.kind == "rich" and layers == 1
            else Cap(counted_minor=(None, 0, 10**6)[layers % 3])
        )
        rules: dict[str, Any] = {
            "collateral": collateral,
            "margin_classes": classes,
            "gains_ppm": gains,
            "waterfall": layers_kept,
            "reserved_trades": reserved,
            "deposit_final_after_ns": layers * 8 * HOUR,
            "client_transfers": steeper,
            "collateral_caps": {"USD": cap},
            "withdrawal_gates": {"USD": 0, "EUR": 10**6} if layers < 4 else {},
            "overdrafts": LENT if layers < 3 else {},
            "conversion": "orders" if layers % 2 else "treasury",
            "conversion_due_ns": HOUR * (1 + 9 * steeper),
        }
        named = {"name": "abc"[layers % 3]}
        effective = None if later is None else max(0, self.house.time_ns + later)
        self.do(c.AdoptRulebook(rich_rulebook(form, **rules, **levels, **named), effective))

    @rule(choice=st.integers(0, 6), data=st.data())
    def supervise(self, choice: int, data: st.DataObject) -> None:
        """Limits, halts, and second thoughts about rules to come."""
        contract, name = data.draw(st.integers(-1, 9)), data.draw(st.sampled_from(["a", "b", "c"]))
        if choice < 3:
            lots = data.draw(st.sampled_from([0, 1, 10, 100, 10**6, 2**61, -1]))
            members = tuple(data.draw(st.lists(st.integers(0, 4), max_size=2)))
            own = tuple(data.draw(st.lists(self.account(), max_size=2)))
            measure: Any = data.draw(st.sampled_from(["net", "gross"]))
            self.do(c.SetLimit(Limit(name, contract, measure, lots, members, own)))
        elif choice == 3:
            self.do(c.RemoveLimit(name))
        elif choice == 4:
            self.do(c.CancelRulebook(name))
        elif choice == 5 and data.draw(st.booleans()):
            self.do(c.HaltContract(contract, data.draw(st.sampled_from(["a fire", ""]))))
        else:
            halted = [*self.book.registers.halts, contract]
            self.do(c.ResumeContract(data.draw(st.sampled_from(halted))))

    @rule(data=st.data())
    def change_orders(self, data: st.DataObject) -> None:
        """Orders that rest, and some that are cancelled again."""
        rows = []
        for _ in range(data.draw(st.integers(1, 4))):
            contract = data.draw(st.integers(1, 9))
            limit = int(self.book.contracts[contract]["position_limit_lots"])
            lots = data.draw(st.sampled_from([1, 2, 5, 20, -1, -2, -5]))
            lots = lots if self.kind == "rich" else limit // (4 * lots)
            account, side = data.draw(self.account()), data.draw(st.integers(0, 1))
            rows.append((self.house.next(), lots, contract, account, side))
        compare_orders(self.book, rows)
        self.do(c.ChangeOrders("venue", orders(rows)))

    @rule(data=st.data(), share=st.sampled_from([0, 1, 100, 300, 900, 1_001]))
    def isolate(self, data: st.DataObject, share: int) -> None:
        """A contract of an account apart, with part of its money."""
        account, contract = data.draw(self.account()), data.draw(st.integers(-1, 9))
        asset = data.draw(st.integers(0, 2))
        amount = self.house.balance(account, asset) * share // 1_000 if account < self.book.account_count else 1
        self.do(c.IsolatePosition(account, contract, (c.Money(asset, amount),) if share else ()))

    @rule(data=st.data(), share=st.sampled_from([-1_000, -300, 1, 300, 1_001]), rejoin=st.booleans())
    def move_between_buckets(self, data: st.DataObject, share: int, rejoin: bool) -> None:
        """Collateral to or from an isolated bucket, or all of it back."""
        accounts = self.book.registers.accounts
        chosen = data.draw(st.sampled_from([(0, 1), *((of.owner, of.contract) for of in accounts if of.owner >= 0)]))
        account, contract = chosen
        if rejoin:
            self.do(c.RejoinPosition(account, contract))
            return
        asset = data.draw(st.integers(0, 2))
        giver = account if share > 0 else self.book.bucket_of(account, contract)
        amount = self.house.balance(giver, asset) * share // 1_000
        self.do(c.MoveCollateral("bank", self.house.next(), account, contract, asset, amount))

    @rule(seed=st.integers(0, 10**6))
    def adopt_sheet(self, seed: int) -> None:
        self.do(c.AdoptRiskSheet(self.sheet(seed)))

    @rule(data=st.data(), mode=st.sampled_from([*MarginMode, MarginMode.PORTFOLIO]))
    def set_mode(self, data: st.DataObject, mode: MarginMode) -> None:
        self.do(c.SetMarginMode(data.draw(self.account()), mode))

    def sheet(self, seed: int) -> RiskSheet:
        """Moves of up to a tenth of each contract's value, in three blocks and two netting sets; bitcoin runs them."""
        random, unit = Random(seed), 10**6 if self.kind == "rich" else 10**14
        rows, add_ons = [], random.choice([(), (AddOn(0, 0), AddOn(50, 2_500_000))])
        for at, terms in enumerate(self.book.registers.contracts):
            if terms.kind is not Kind.INDEX and (at != 8 or random.random() < 0.9):
                size = 1 + int(self.book.contracts[at]["reference_fine"]) // (10 * unit)
                moves = results([random.randint(-size, size) for _ in range(10)])
                rows.append(ContractRow(terms.symbol, f"set {at % 2}", moves, add_ons))
        coin = CollateralRow("BTC", "set 0", results([random.randint(-9, 9) for _ in range(10)]), 10**7, 1_000)
        blocks = (
            ScenarioBlock("current", "current", 4, "expected_shortfall", 750_000, 1, 2, 5),
            ScenarioBlock("stressed", "stressed", 3, "worst", 250_000),
            ScenarioBlock("floor", "floor", 3, "kth_worst", 900_000, 2),
        )
        carried = (coin,) if random.random() < 0.7 and "BTC" in self.book.rulebook.collateral else ()
        return RiskSheet("drawn", "USD", unit, blocks, tuple(rows), carried, 800_000, 700_000)

    @rule(choice=st.integers(0, 9), data=st.data())
    def administer(self, choice: int, data: st.DataObject) -> None:
        """What happens rarely, and is often refused."""
        if choice < 2:
            name, member = data.draw(st.sampled_from(["m0", "x", "house:x", ""])), data.draw(st.integers(-1, 5))
            self.do(c.OpenAccount(member, name) if choice else c.AddMember(name))
        elif choice == 2:
            symbol, settlement = data.draw(st.sampled_from(["USD", "SOL"])), data.draw(st.sampled_from(["USD", "SOL"]))
            self.do(c.AddAsset(Asset(symbol, 2, 8, 10**12)))
            name = data.draw(st.sampled_from(["FUT", "NEW"]))
            self.do(c.ListContract(future(name, settlement=settlement, margin_class="major")))
        else:
            fund: Any = data.draw(st.sampled_from(["default_fund", "skin_in_the_game", "insurance_fund", "treasury"]))
            amount = data.draw(st.sampled_from([0, 1, 10**4, 10**8, 2**61]))
            asset, member = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 4))
            self.do(c.Contribute("bank", self.house.next(), fund, asset, amount, member))

    @rule(data=st.data(), count=st.integers(1, 4))
    def rework(self, data: st.DataObject, count: int) -> None:
        """Busts, corrections, give-ups, transfers, compression, porting."""
        for _ in range(count):
            self.do(afterwards.any_of(self.house, [*self.traders(), self.house.account("pool")], data))

    @rule(pack=st.booleans())
    def move_rows(self, pack: bool) -> None:
        """Where rows lie in memory is nobody's business."""
        if pack:
            self.book.lay_out(*self.book.packed_positions())
        else:
            make_room(self.book)
        self.check()

    # ---- what is there ----------------------------------------------------------------------------------------------

    @property
    def book(self) -> Book:
        return self.house.book

    def traders(self) -> list[int]:
        """Accounts that trades may name: of a pool its sub-accounts."""
        named = (Role.HOUSE, Role.CLIENT, Role.NET_OMNIBUS, Role.SUB_ACCOUNT)
        return [at for at, of in enumerate(self.book.registers.accounts) if of.role in named]

    def listed(self) -> int:
        """Contracts that the house opened with."""
        return 19 if self.kind == "rich" else 14

    def buckets(self) -> list[int]:
        """Accounts of members and clients, their isolated buckets and sub-accounts."""
        return [at for at, of in enumerate(self.book.registers.accounts) if of.role in TRADING]

    def account(self) -> st.SearchStrategy[int]:
        """Nearly always one of those that may trade."""
        usual = st.sampled_from(self.traders())
        return st.integers(0, 29).flatmap(lambda odd: usual if odd else st.integers(0, 20))

    def moves(self) -> st.SearchStrategy[int]:
        """Per mille of a mark; where everything is at the bounds, the limits too."""
        return st.sampled_from(PRICES + LIMITS * 2 if self.kind == "extreme" else PRICES)

    def price_of(self, contract: int, per_mille: int) -> int:
        row = self.book.contracts[contract]
        price = int(row["price_ticks"]) * per_mille // 1_000
        return max(int(row["price_min_ticks"]), min(int(row["price_max_ticks"]), price))

    # ---- what must hold ---------------------------------------------------------------------------------------------

    def do(self, command: c.AnyCommand, wait_ns: int = 0) -> list[Fact]:
        before = self.book.dumps()
        facts = self.house.do(command, self.house.time_ns + wait_ns)
        fold_watching(self.shadow, decoded(facts), self.house.time_ns)
        self.check()
        if all(isinstance(fact, REFUSALS) for fact in facts):
            untouched = Book.loads(before)
            untouched.registers.sources = self.book.registers.sources
            untouched.registers.time_ns = self.book.registers.time_ns
            assert untouched.digest() == self.book.digest(), "a refused command changed the book"
        return facts

    def check(self) -> None:
        digest = self.book.digest()
        laws.check_whole(self.book)
        assert self.shadow.digest() == digest, "folding the facts gives another book"
        assert Book.loads(self.book.dumps()).digest() == digest, "a snapshot gives another book"
        compare_judgements(self.book)
        self.check_money()
        self.check_registers()
        self.check_nobody_is_short_unnoticed()
        self.check_transit()

    def check_transit(self) -> None:
        """Gates are closed exactly while deficits exceed fund and dust; what is owed or held is more than nothing."""
        registers, dust = self.book.registers, self.book.rulebook.withdrawal_gates
        for asset, terms in enumerate(registers.assets):
            deficit = sum(deficit_of(self.book, asset))
            over = terms.symbol in dust and deficit > self.house.balance(INSURANCE, asset) + dust[terms.symbol]
            assert over == (asset in registers.gates), (terms.symbol, deficit)
        for withdrawal in registers.withdrawals.values():
            assert withdrawal.amount_minor > 0
            assert withdrawal.state != "waiting" or withdrawal.asset in registers.gates
        for register in (registers.deposits_pending, registers.deposits_reversible, registers.reversals_owed):
            assert all(receipts for receipts in register.values())
            assert all(each.amount_minor > 0 for receipts in register.values() for each in receipts.values())

    def check_money(self) -> None:
        """In Python integers: nothing wrapped, and all worth sums to what came in."""
        for asset, terms in enumerate(self.book.registers.assets):
            worth = [self.house.worth_fine(account, asset) for account in range(self.book.account_count)]
            assert all(abs(amount) < INT64 for amount in worth)
            assert sum(worth) == self.book.registers.external_minor[asset] * terms.unit_fine
            claims = [self.house.balance(at, asset) for at in range(self.book.account_count) if at != TREASURY]
            there = self.book.registers.external_minor[asset]
            assert sum(max(0, claim) for claim in claims) <= there, "more is claimed than the house holds"
        for account in range(self.book.account_count):
            if self.book.purse_of(account) != account:
                continue
            bucket = plain_margin.read(self.book, account)
            for asset in range(self.book.asset_count):
                row = self.book.balances[account, asset]
                assert int(row["exposure_fine"]) == plain_margin.exposure(self.book, bucket, asset) < INT64
                assert int(row["premium_fine"]) == plain_margin.premium_of(self.book, bucket, asset)

    def check_limits(self) -> None:
        """After a cycle nobody stands further below zero than the rules allow, and nobody that may not at all.

        Where collateral is sold by order, all that is needed and can be sold is for sale.
        """
        registers = self.book.registers
        assert not any(isinstance(fact, ConversionOrdered) for fact in beyond_limits(self.book))
        for account, owed in registers.overdrafts.items():
            assert registers.accounts[account].role in OWNED
            for asset, stands in owed.items():
                if sells_by_order(self.book, account, asset):
                    continue
                rule = self.book.rulebook.overdrafts[registers.assets[asset].symbol]
                assert stands.amount_minor <= rule.amount_minor
                assert registers.time_ns - stands.since_ns < rule.time_ns

    def check_registers(self) -> None:
        registers, buckets = self.book.registers, self.book.buckets
        for number, order in registers.orders.items():
            held = {contract: lots for contract, lots, _ in self.book.positions_of(order.bucket)}
            assert abs(order.open_lots) <= abs(held.get(order.contract, 0)), f"order {number} is for more than is held"
            assert order.open_lots * held.get(order.contract, 0) <= 0
            estate = registers.origins.get(order.bucket, self.book.purse_of(order.bucket))
            assert registers.liquidations[estate].order == number
        for estate, state in registers.liquidations.items():
            assert buckets[estate]["access"] in (layout.LIQUIDATING, layout.HOUSE_ONLY)
            assert estate not in registers.calls
            assert state.order < 0 or state.order in registers.orders
        for number, sale in registers.conversions.items():
            assert sells_by_order(self.book, sale.account, sale.bought_asset), f"order {number} sells for nobody"
            assert 0 < sale.open_minor <= sale.sell_minor
            assert excess_minor(self.book, sale.account, sale.bought_asset) > 0
        for bucket in registers.calls:
            assert buckets[bucket]["access"] in JUDGED_ACCESS
            assert registers.calls[bucket].amount_fine > 0
            assert registers.calls[bucket].since_ns <= registers.time_ns
        restricted = np.flatnonzero(buckets["access"][: self.book.account_count] == layout.RESTRICTED)
        assert sorted(registers.restricted) == [at for at in restricted.tolist() if self.book.purse_of(at) == at]
        halted = np.flatnonzero(self.book.contracts["halted"]).tolist()
        assert sorted(registers.halts) == halted
        assert not any(order.contract in registers.halts for order in registers.orders.values())
        assert all(each.effective_ns > registers.time_ns for each in registers.scheduled.values())
        for row, limit in zip(self.book.limits, registers.limits.values(), strict=True):
            if not limit.everyone:
                assert tuple(row.tolist())[1:4] == held_plainly(self.book, limit, {})
        for bucket in self.buckets():
            liquidating = self.book.purse_of(bucket) in registers.liquidations
            assert liquidating == (buckets[bucket]["access"] == layout.LIQUIDATING) or (
                buckets[bucket]["access"] == layout.HOUSE_ONLY
                and registers.members[registers.accounts[bucket].member].defaulted
            )

    def check_nobody_is_short_unnoticed(self) -> None:
        venue = self.book.rulebook.form == "venue"
        for bucket in self.buckets():
            by_itself = self.book.purse_of(bucket) == bucket
            if not by_itself or self.book.buckets[bucket]["access"] not in JUDGED_ACCESS:
                continue
            verdict = judge(self.book, bucket)
            trigger = charge(verdict.initial_fine, self.book.rulebook.call_trigger_ppm)
            bar = verdict.maintenance_fine if venue else trigger
            if self.kind == "rich" and verdict.equity_fine < bar:
                held = [each for each in self.book.registers.withdrawals.values() if each.state != "released"]
                assert bucket not in [each.account for each in held], "its own money answers first"
            if venue:
                assert verdict.equity_fine >= verdict.maintenance_fine, bucket
            else:
                assert verdict.equity_fine >= trigger or bucket in self.book.registers.calls, bucket

    def check_settled(self) -> None:
        """After a cycle all live results are paid and every carry but the rounding account's is part of a unit."""
        for account in range(self.book.account_count):
            for asset, terms in enumerate(self.book.registers.assets):
                carry = int(self.book.balances[account, asset]["carry_fine"])
                assert account == ROUNDING or 0 <= carry < terms.unit_fine, (account, asset, carry)
            for contract, lots, cost in self.book.positions_of(account):
                row = self.book.contracts[contract]
                if row["state"] == layout.LIVE:
                    assert cost == (0 if row["style"] == layout.PREMIUM else lots * int(row["value_fine"])), (
                        account,
                        contract,
                    )


@pytest.mark.parametrize(("count", "steps"), [(50, 30), pytest.param(100, 50, marks=pytest.mark.long)])
def test_every_command_in_any_order(count: int, steps: int) -> None:
    run_state_machine_as_test(Clearing, settings=settings(max_examples=count, stateful_step_count=steps, deadline=None))
