"""Every command that a tape can say, drawn."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from msgspec.structs import replace

from novate.core import commands as core
from novate.core import lifecycle_commands as after
from novate.core.commands import AnyCommand
from novate.core.rows import CASH, FUNDING, MARK, ORDER, TRADE, TRANSFER
from novate.core.sheet_terms import AddOn, CollateralRow, ContractRow, RiskSheet, ScenarioBlock
from novate.core.terms import (
    LISTED_LAYERS,
    Asset,
    Cap,
    Contract,
    Kind,
    Limit,
    MarginMode,
    OpenInterest,
    Overdraft,
    Rulebook,
    Tier,
)
from novate.tape import decimals

INT64 = st.integers(-(2**63) + 1, 2**63 - 1)
ACCOUNT = st.integers(0, 8)
NAME = st.text("abcXYZ 0189-_:é中", min_size=1, max_size=12).map(str.strip).filter(bool)
PPM = st.integers(-(10**7), 10**7)
NS = st.integers(0, 2**63 - 1)


def packed(layout: np.dtype, rows: list[tuple[int, ...]]) -> bytes:
    return np.array(rows, layout).tobytes()


def unique(field: int) -> dict[str, Any]:
    return {"min_size": 1, "max_size": 3, "unique_by": lambda row: row[field]}


TRADE_ROW = st.tuples(
    INT64, INT64, st.integers(-(2**50), 2**50), st.integers(0, 2), ACCOUNT, ACCOUNT, st.integers(0, 3)
)
ORDER_ROW = st.tuples(INT64, INT64, st.integers(0, 2), ACCOUNT, st.integers(0, 1), st.just(0))
CASH_ROW = st.tuples(INT64, INT64, ACCOUNT, st.integers(0, 1))
MARK_ROW = st.one_of(
    st.tuples(INT64, st.integers(0, 2), st.just(0)), st.tuples(st.just(0), st.integers(0, 2), st.just(1))
)
ASSET_PRICE = st.builds(core.AssetPrice, st.integers(0, 1), st.none() | INT64)
PLAIN = st.tuples(st.integers(1, 10**9), st.integers(0, 9)).map(lambda parts: decimals.text(*parts))
CONTRACT = st.builds(
    Contract,
    symbol=NAME,
    kind=st.sampled_from(Kind),
    settlement=NAME,
    tick_size=PLAIN,
    lot_size=PLAIN,
    price_min_ticks=INT64,
    price_max_ticks=INT64,
    position_limit_lots=INT64,
    margin_class=NAME,
    stale_after_ns=NS,
    inverse=st.booleans(),
    underlying=st.none() | NAME,
    strike=st.none() | PLAIN | PLAIN.map("-{}".format),
    expiry_ns=st.none() | NS,
    fee_ppm=PPM,
    margin_floor_ticks=INT64,
    futures_style=st.booleans(),
    capped=st.booleans(),
    collateralised=st.booleans(),
    resolvable=st.booleans(),
)
TIER = st.builds(Tier, st.integers(0, 2**60), PPM, PPM, PPM, PPM)
RULES = st.builds(
    Rulebook,
    name=NAME,
    numeraire=st.sampled_from(["USD", "BTC"]),
    form=st.sampled_from(["clearing_house", "venue"]),
    collateral=st.dictionaries(NAME, PPM, max_size=3),
    margin_classes=st.dictionaries(NAME, st.lists(TIER, max_size=3).map(tuple), max_size=3),
    settlement_interval_ns=NS,
    call_due_ns=NS,
    waterfall=st.lists(st.sampled_from(LISTED_LAYERS), max_size=5).map(tuple),
    gains_ppm=PPM,
    long_option_ppm=PPM,
    call_minimum_fine=INT64,
    slice_ppm=PPM,
    slippage_ppm=PPM,
    slice_expiry_ns=NS,
    slices_max=st.integers(0, 10**6),
    price_bands=st.dictionaries(NAME, PPM, max_size=2),
    warning_ppm=PPM,
    call_trigger_ppm=PPM,
    call_target_ppm=PPM,
    call_recovery=st.sampled_from(["must_pay", "at_due", "at_once"]),
    missed_client_calls=st.sampled_from(["liquidate", "member_pays"]),
    reduce_only_ppm=PPM,
    release_ppm=PPM,
    reserved_trades=st.sampled_from(["checked", "guaranteed"]),
    deposit_final_after_ns=NS,
    collateral_caps=st.dictionaries(st.sampled_from(["USD", "BTC"]), st.builds(Cap, *[st.none() | INT64] * 4)),
    withdrawal_gates=st.dictionaries(st.sampled_from(["USD", "BTC"]), INT64),
    client_transfers=st.booleans(),
    kept_trades_max=st.integers(0, 10**8),
    late_bust=st.sampled_from(["refuse", "offset"]),
    give_up_due_ns=NS,
    transfer_causes=st.lists(st.sampled_from(["same_owner", "estate", "merger", "allocation"])).map(tuple),
    porting_due_ns=NS,
    overdrafts=st.dictionaries(st.sampled_from(["USD", "BTC"]), st.builds(Overdraft, INT64, NS)),
    conversion=st.sampled_from(["treasury", "orders"]),
    conversion_due_ns=NS,
    recalibration_rise_ppm=PPM,
    recalibration_fall_ppm=PPM,
    recalibration_every_ns=NS,
)


@st.composite
def scaled(draw: st.DrawFn) -> Rulebook:
    """Rules, some of whose margin classes have initial rates on the whole, or that rise with open interest."""
    rules = draw(RULES)
    whole = tuple(name for name in rules.margin_classes if draw(st.booleans()))
    caps = {name: OpenInterest(draw(INT64), draw(INT64)) for name in rules.margin_classes if draw(st.booleans())}
    return replace(rules, whole_initial=whole, open_interest=caps)


RULEBOOK = scaled()
LIMIT = st.builds(
    Limit,
    name=NAME,
    contract=st.integers(0, 2),
    measure=st.sampled_from(["net", "gross"]),
    lots=INT64,
    members=st.lists(st.just(0), max_size=2).map(tuple),
    accounts=st.lists(ACCOUNT, max_size=3).map(tuple),
)
STEPS = (
    core.FinaliseDeposit,
    core.CancelDeposit,
    core.ReverseDeposit,
    core.ReleaseWithdrawal,
    core.ConfirmWithdrawal,
    core.ReturnWithdrawal,
)
TRADE_NAME = {"source": NAME, "number": INT64, "trade_source": NAME, "trade_number": INT64}
CHANGED = {**TRADE_NAME, "contract": st.integers(0, 2), "buyer": ACCOUNT, "seller": ACCOUNT}
CHANGED |= {"lots": INT64, "price_ticks": st.integers(-(2**50), 2**50)}
LIFECYCLE: st.SearchStrategy[AnyCommand] = st.one_of(
    st.builds(after.BustTrade, **TRADE_NAME),
    st.builds(after.CorrectTrade, **CHANGED),
    st.builds(after.OffsetTrade, **CHANGED),
    st.builds(after.GiveUp, **TRADE_NAME, account=ACCOUNT, receiver=ACCOUNT, lots=INT64),
    st.builds(after.AnswerGiveUp, NAME, INT64, INT64, st.just(0), st.booleans()),
    st.builds(after.TransferPosition, NAME, INT64, ACCOUNT, ACCOUNT, st.integers(0, 2), INT64, st.just("merger")),
    st.builds(after.PortAccount, NAME, INT64, ACCOUNT, st.just(0)),
    st.builds(after.AnswerPorting, NAME, INT64, ACCOUNT, st.just(0), st.booleans()),
    st.builds(
        after.CompressPositions,
        NAME,
        INT64,
        st.integers(0, 2),
        st.lists(st.builds(after.Reduction, ACCOUNT, INT64), max_size=3).map(tuple),
    ),
)
RESULTS = st.lists(INT64, max_size=4).map(lambda values: np.array(values, "<i8").tobytes())
ADD_ONS = st.lists(st.builds(AddOn, INT64, PPM), max_size=2).map(tuple)
SHEET = st.builds(
    RiskSheet,
    name=NAME,
    numeraire=st.just("USD"),
    unit_fine=INT64,
    blocks=st.lists(
        st.builds(
            ScenarioBlock,
            name=NAME,
            part=st.sampled_from(["current", "stressed", "floor"]),
            scenarios=INT64,
            measure=st.sampled_from(["worst", "kth_worst", "expected_shortfall"]),
            weight_ppm=PPM,
            rank=INT64,
            tail_numerator=INT64,
            tail_denominator=INT64,
        ),
        max_size=2,
    ).map(tuple),
    contracts=st.lists(
        st.builds(ContractRow, symbol=NAME, netting_set=NAME, results=RESULTS, add_ons=ADD_ONS),
        max_size=2,
        unique_by=lambda row: row.symbol,
    ).map(tuple),
    collateral=st.lists(
        st.builds(
            CollateralRow,
            symbol=st.just("BTC"),
            netting_set=NAME,
            results=RESULTS,
            lot_minor=INT64,
            lots_max=INT64,
            add_ons=ADD_ONS,
        ),
        max_size=1,
    ).map(tuple),
    offset_cap_ppm=PPM,
    maintenance_ppm=PPM,
)
COMMANDS: st.SearchStrategy[AnyCommand] = st.one_of(
    st.builds(core.AddAsset, st.builds(Asset, NAME, st.integers(0, 18), st.integers(0, 18), st.integers(0, 2**62), NS)),
    st.builds(core.ListContract, CONTRACT),
    st.builds(core.AdoptRulebook, RULEBOOK, st.none() | NS),
    st.builds(core.CancelRulebook, NAME),
    st.builds(core.SetLimit, LIMIT),
    st.builds(core.RemoveLimit, NAME),
    st.builds(core.HaltContract, st.integers(0, 2), NAME),
    st.builds(core.ResumeContract, st.integers(0, 2)),
    st.builds(core.AddMember, NAME),
    st.builds(core.OpenAccount, st.just(0), NAME, st.sampled_from(["client", "net_omnibus", "gross_omnibus"])),
    st.builds(core.OpenSubAccount, ACCOUNT, NAME),
    st.builds(core.RejoinPosition, ACCOUNT, st.integers(0, 2)),
    st.builds(
        core.IsolatePosition,
        ACCOUNT,
        st.integers(0, 2),
        st.lists(st.builds(core.Money, st.integers(0, 1), INT64), max_size=2, unique_by=lambda money: money.asset).map(
            tuple
        ),
    ),
    st.builds(core.MoveCollateral, NAME, INT64, ACCOUNT, st.integers(0, 2), st.integers(0, 1), INT64),
    st.builds(
        core.Contribute,
        source=NAME,
        number=INT64,
        fund=st.sampled_from(["default_fund", "skin_in_the_game", "insurance_fund", "treasury"]),
        asset=st.integers(0, 1),
        amount_minor=INT64,
        member=st.none() | st.just(0),
    ),
    st.builds(core.Deposit, NAME, st.lists(CASH_ROW, min_size=1, max_size=3).map(lambda r: packed(CASH, r))),
    st.builds(core.Withdraw, NAME, st.lists(CASH_ROW, min_size=1, max_size=3).map(lambda r: packed(CASH, r))),
    st.builds(core.ChangeOrders, NAME, st.lists(ORDER_ROW, min_size=1, max_size=3).map(lambda r: packed(ORDER, r))),
    *(
        st.builds(kind, NAME, st.lists(CASH_ROW, min_size=1, max_size=3).map(lambda r: packed(CASH, r)))
        for kind in (core.AnnounceDeposit, core.RequestWithdrawal)
    ),
    *(st.builds(kind, NAME, INT64, INT64) for kind in STEPS),
    st.builds(
        core.TransferCollateral,
        NAME,
        st.lists(st.tuples(INT64, INT64, ACCOUNT, ACCOUNT, st.integers(0, 1), st.just(0)), min_size=1, max_size=3).map(
            lambda r: packed(TRANSFER, r)
        ),
    ),
    st.builds(core.SubmitTrades, NAME, st.lists(TRADE_ROW, min_size=1, max_size=3).map(lambda r: packed(TRADE, r))),
    st.builds(
        core.PublishMarks,
        st.lists(MARK_ROW, **unique(1)).map(lambda r: packed(MARK, r)),
        st.lists(ASSET_PRICE, max_size=2, unique_by=lambda price: price.asset).map(tuple),
    ),
    st.builds(
        core.PublishFunding,
        st.lists(st.tuples(INT64, st.integers(0, 2), st.just(0)), **unique(1)).map(lambda r: packed(FUNDING, r)),
    ),
    st.builds(core.PublishInterest, st.integers(0, 1), INT64),
    st.builds(core.ExecuteLiquidation, NAME, INT64, st.just(7), INT64, INT64, ACCOUNT),
    st.builds(core.ExecuteConversion, NAME, INT64, st.just(3), INT64, INT64),
    st.builds(core.ExpireContract, st.integers(0, 2), INT64),
    st.builds(core.ResolveContract, st.integers(0, 2), INT64, st.sampled_from(["resolved", "voided"])),
    st.builds(core.AdoptRiskSheet, SHEET, st.none() | NS),
    st.builds(core.CancelRiskSheet, NAME),
    st.builds(core.SetMarginMode, ACCOUNT, st.sampled_from(MarginMode)),
    st.just(core.Clock()),
)
