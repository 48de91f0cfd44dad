"""Rulebooks, risk sheets, limits, halts, and who is admitted."""

from random import Random
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis.stateful import rule

from novate.core import commands as c
from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from novate.core.terms import Asset, Cap, Kind, Limit, MarginMode, OpenInterest, Overdraft
from tests.core.machine.stage import Stage
from tests.core.sheets import results
from tests.core.worlds import DAY, HOUR, MAJOR, future, rich_rulebook

LENT = {"USD": Overdraft(10**6, DAY), "EUR": Overdraft(10**7, 9 * HOUR), "BTC": Overdraft(10**9, 9 * HOUR)}
LENT_FREELY = {symbol: Overdraft(2**58 // 10**6, 2 * DAY) for symbol in LENT}
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
SCALED = OpenInterest(0, 10**13), OpenInterest(10**11, 3 * 10**11), OpenInterest(0, 10**8)
rising = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {
            "whole_initial": st.sampled_from([(), ("major",), ("alt", "option")]),
            "open_interest": st.dictionaries(st.sampled_from(["major", "alt", "option"]), st.sampled_from(SCALED)),
        }
    ),
)
"""Initial rates on the whole of a position, or that rise with open interest: of a clearing house these are refused."""


class Ruling(Stage):
    """What the operator does."""

    @rule(
        haircut=st.sampled_from([None, 0, 100_000, 500_000, 999_999]),
        steeper=st.booleans(),
        gains=st.sampled_from([0, 500_000, 1_000_000]),
        other_form=st.booleans(),
        layers=st.integers(0, 4),
        levels=levels,
        rising=rising,
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
        rising: dict[str, Any],
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
            "recalibration_rise_ppm": 3_000_000 * (layers == 1),
            "recalibration_fall_ppm": 900_000 * steeper,
            "recalibration_every_ns": HOUR * (layers == 2),
        }
        named = {"name": "abc"[layers % 3]}
        effective = None if later is None else max(0, self.house.time_ns + later)
        self.do(c.AdoptRulebook(rich_rulebook(form, **rules, **levels, **rising, **named), effective))

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
            self.do(data.draw(st.sampled_from([c.CancelRulebook, c.CancelRiskSheet]))(name))
        elif choice == 5 and data.draw(st.booleans()):
            self.do(c.HaltContract(contract, data.draw(st.sampled_from(["a fire", ""]))))
        else:
            halted = [*self.book.registers.halts, contract]
            self.do(c.ResumeContract(data.draw(st.sampled_from(halted))))

    @rule(
        seed=st.integers(0, 10**6),
        later=st.sampled_from([None, None, None, -1, 0, 1, HOUR, DAY]),
        name=st.sampled_from(["a", "b", "c"]),
    )
    def adopt_sheet(self, seed: int, later: int | None, name: str) -> None:
        effective = None if later is None else max(0, self.house.time_ns + later)
        self.do(c.AdoptRiskSheet(msgspec.structs.replace(self.sheet(seed), name=name), effective))

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
