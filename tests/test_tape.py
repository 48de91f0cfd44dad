"""The tape: decimals in and out exactly, every bad line with its place and cure, and every command both ways."""

import contextlib
import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novate import tape
from novate.core import commands as core
from novate.core import lifecycle_commands as after
from novate.core.commands import AnyCommand
from novate.core.facts import Rejected, RowsRefused
from novate.core.reasons import Reason
from novate.core.registers import Conversion, Order, Registers
from novate.core.rows import CASH, FUNDING, MARK, ORDER, REFUSED, TRADE, TRANSFER
from novate.core.terms import (
    LISTED_LAYERS,
    Account,
    AddOn,
    Asset,
    Cap,
    CollateralRow,
    Contract,
    ContractRow,
    Kind,
    Layer,
    Limit,
    MarginMode,
    Member,
    Overdraft,
    RiskSheet,
    Role,
    Rulebook,
    ScenarioBlock,
    Tier,
)
from novate.tape import decimals

USD = Asset("USD", 2, 8)
BTC = Asset("BTC", 8, 12, price_max_fine=10**7 * 10**8, stale_after_ns=3_600 * 10**9)
PERPETUAL = Contract("BTC-PERP", Kind.PERPETUAL, "USD", "0.5", "0.001", 2, 2_000_000, 10**6, "major", 10**9)
INDEX = Contract("ETH", Kind.INDEX, "USD", "0.01", "1", 1, 10**8, 10**6, "major", 10**9)
OPTION = Contract(
    "ETH-C-2000", Kind.CALL, "USD", "0.1", "0.1", 1, 10**6, 10**5, "major", 10**9,
    underlying="ETH", strike="2000", expiry_ns=1_700_000_000_000_000_000, fee_ppm=300,
)  # fmt: skip
RULES = Rulebook(
    name="rules",
    numeraire="USD",
    form="clearing_house",
    collateral={"USD": 0, "BTC": 100_000},
    margin_classes={"major": (Tier(0, 50_000, 25_000), Tier(10**14, 100_000, 50_000, 20_000, 10_000))},
    settlement_interval_ns=8 * 3_600 * 10**9,
    call_due_ns=5_400 * 10**9,
    waterfall=(Layer.DEFAULTER_FUND, Layer.GAINS_HAIRCUT),
    call_minimum_fine=10**10,
)


def registers(*, rulebook: Rulebook | None = RULES) -> Registers:
    """A house with two assets, three contracts, a member and two clients, one liquidation order
    and one that sells bitcoin for dollars."""
    names = ["house:fees", "house:rounding", "house:treasury", "house:skin", "house:insurance"]
    accounts = [Account(name, Role.FEES, -1) for name in names]
    accounts += [Account("Alpha", Role.HOUSE, 0), Account("Alpha:fund", Role.DEFAULT_FUND, 0)]
    accounts += [Account("alice", Role.CLIENT, 0), Account("bob", Role.CLIENT, 0)]
    return Registers(
        assets=[USD, BTC],
        contracts=[PERPETUAL, INDEX, OPTION],
        members=[Member("Alpha", 5, 6)],
        accounts=accounts,
        rulebook=rulebook,
        orders={7: Order(7, 0, -10, -10, 100_000, 0)},
        conversions={3: Conversion(7, 1, 444_445, 444_445, 0, 200_00, 0)},
        next_conversion=4,
    )


def decode(value: Any, known: Registers | None = None) -> tape.Decoded:
    known = registers() if known is None else known
    return tape.decode_command(tape.wire_command(value), known, tape.Names(known))


def refusal_of(line: str | bytes) -> tape.Refusal:
    """The refusal of a line that does not convert as a whole."""
    with pytest.raises(tape.Refused) as caught:
        decode(tape.parse_line(line))
    return caught.value.refusal


def trade(**changes: Any) -> dict[str, Any]:
    row = {"number": 1, "contract": "BTC-PERP", "buyer": "alice", "seller": "bob", "lots": 5, "price": "50000.5"}
    return {name: value for name, value in {**row, **changes}.items() if value is not ...}


def trades(*rows: Any) -> dict[str, Any]:
    return {"command": "trades", "source": "venue", "rows": list(rows)}


# --- numbers ----------------------------------------------------------------------------------------------------


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(0, 18))
def test_decimals_round_trip_exactly(value: int, places: int) -> None:
    written = decimals.text(value, places)
    assert decimals.scaled(written, places, "units") == value
    assert Fraction(written) == Fraction(value, 10**places)
    assert "e" not in written.lower()


@given(st.integers(-(10**30), 10**30), st.integers(0, 18))
def test_decimal_is_exact_whatever_the_context(value: int, places: int) -> None:
    assert Fraction(decimals.decimal(value, places)) == Fraction(value, 10**places)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_rates_round_trip(value: Decimal) -> None:
    ppm = decimals.rate(format(value, "f"), 10**6, "ppm")
    assert Fraction(decimals.rate_text(ppm, 10**6)) == Fraction(value)
    assert decimals.rate(f"{format(value * 100, 'f')}%", 10**6, "ppm") == ppm


@given(st.integers(0, 2**63 - 1))
def test_times_and_durations_round_trip(value: int) -> None:
    assert decimals.time_ns(decimals.time_text(value)) == value
    assert decimals.duration_ns(decimals.duration_text(value)) == value


@pytest.mark.parametrize(
    ("written", "value_ns"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:01Z", 10**9),
        ("2008-09-15T13:30:00+00:00", 1_221_485_400 * 10**9),
        ("2000-02-29T00:00Z", 951_782_400 * 10**9),
        ("1970-01-01T00:00:00.000000001Z", 1),
        (17, 17),
    ],
)
def test_times(written: str | int, value_ns: int) -> None:
    assert decimals.time_ns(written) == value_ns


@pytest.mark.parametrize(
    "written",
    ["2008-09-15T13:30:00", "2008-09-15T13:30:00+02:00", "2008-02-30", "2008-09-15T24:00Z", "yesterday", -1, 2**63],
)
def test_a_time_that_is_none_is_refused(written: str | int) -> None:
    with pytest.raises(decimals.Unfit):
        decimals.time_ns(written)


@pytest.mark.parametrize(
    ("written", "value_ns"), [("8h", 28_800 * 10**9), ("1h30m", 5_400 * 10**9), ("5ms", 5 * 10**6)]
)
def test_durations(written: str, value_ns: int) -> None:
    assert decimals.duration_ns(written) == value_ns


@pytest.mark.parametrize("written", ["1e3", "+1", "1,000", ".5", "5.", "", " 1", "0x10", "٣", "1_000", "NaN", "1\n"])
def test_what_is_no_plain_decimal_is_refused(written: str) -> None:
    with pytest.raises(decimals.Unfit, match="is not a decimal number"):
        decimals.fraction(written)


def test_finer_than_the_unit_is_refused_not_rounded() -> None:
    with pytest.raises(decimals.TooFine, match=r"1\.005 has more than 2 decimals of USD"):
        decimals.scaled("1.005", 2, "USD")
    with pytest.raises(decimals.TooFine, match=r"0\.0000005 is finer than ppm"):
        decimals.rate("0.0000005", 10**6, "ppm")


# --- lines ------------------------------------------------------------------------------------------------------

BAD_LINES = [
    (b'{"command":"clock"', "$", "not JSON at column 19"),
    (b"[]", "$", "expected an object, got a list"),
    (b"{}", "$.command", "is missing"),
    (b'{"command":"trade"}', "$.command", 'did you mean "trades"?'),
    (b'{"command":"clock","tick":1}', "$.tick", "is not a field"),
    (b'{"command":"clock","time":1,"time":2}', "$", 'the field "time" is given twice'),
    (b'{"command":"clock","time":"noon"}', "$.time", "is not a time in UTC"),
    (b'{"command":"clock","time":1.5}', "$.time", 'write "1.5" in quotes'),
    (b'{"command":"trades","source":"venue"}', "$.rows", "is missing"),
    (b'{"command":"trades","source":"venue","rows":[]}', "$.rows", "is empty"),
    (b'{"command":"trades","source":"venue","rows":{}}', "$.rows", "expected a list, got an object"),
    (b'{"command":"expire","contract":"BTC-PERP","price":50000.5}', "$.price", 'write "50000.5" in quotes'),
    (b'{"command":"expire","contract":"BTC-PERP","price":NaN}', "$.price", "got the number NaN"),
    (b'{"command":"expire","contract":"BTC-PERP","price":true}', "$.price", "got true"),
    (b'{"command":"expire","contract":"BTC-PERP","price":"50000.25"}', "$.price", "nearest are 50000 and 50000.5"),
    (b'{"command":"expire","contract":"BTC-PERPS","price":"1"}', "$.contract", 'did you mean "BTC-PERP"?'),
    (b'{"command":"expire","contract":"\\ud800","price":"1"}', "$", "not UTF-8"),
    (b'{"command":"expire","contract":"\xff","price":"1"}', "$", "not UTF-8"),
    (b'{"command":"open_account","member":"Alpha","name":" x"}', "$.name", "is not a name"),
    (b'{"command":"open_account","member":"Alpha","name":"a\\u0007"}', "$.name", "is not a name"),
    (b'{"command":"list_contract","kind":"perp"}', "$.kind", 'did you mean "perpetual"?'),
    (b'{"command":"add_asset","symbol":"X","decimals":1e2,"fine_decimals":2}', "$.decimals", "without fraction"),
    (b'{"command":"add_asset","symbol":"X","decimals":99,"fine_decimals":2}', "$.decimals", "give 0 to 18"),
    (b"[" * 100_000, "$", "nested too deep"),
    (b'{"command":"clock","time":' + b"9" * 5_000 + b"}", "$.time", "the number is too long"),
    (b'{"command":"clock","time":' + b"9" * 50 + b"}", "$.time", "is not a time"),
]


@pytest.mark.parametrize(("line", "path", "message"), BAD_LINES)
def test_a_bad_line_is_refused_with_its_path_and_cure(line: bytes, path: str, message: str) -> None:
    refusal = refusal_of(line)
    assert refusal.path == path
    assert message in refusal.message
    assert refusal.row is None
    assert len(str(refusal)) < 1_000


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_line_whatever_raises_anything_but_refused(line: bytes) -> None:
    with contextlib.suppress(tape.Refused):
        decode(tape.parse_line(line))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["BTC-PERP", "alice", "1", "USD"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(sorted(tape.read.COMMANDS)).flatmap(
        lambda name: st.fixed_dictionaries(
            {"command": st.just(name)},
            optional=dict.fromkeys(tape.read.COMMANDS[name].__struct_fields__, JSON),
        )
    )
)
def test_no_object_whatever_raises_anything_but_refused(value: Any) -> None:
    with contextlib.suppress(tape.Refused):
        decode(tape.parse_line(json.dumps(value)))


def test_a_tape_has_blank_lines_comments_and_windows_ends() -> None:
    data = b'\xef\xbb\xbf# a day\r\n\r\n{"command":"clock"}\r\n  \n{"command":"clock"}'
    assert list(tape.tape_lines(data)) == [(3, b'{"command":"clock"}'), (5, b'{"command":"clock"}')]
    assert list(tape.tape_lines(b"")) == []


# --- rows -------------------------------------------------------------------------------------------------------

BAD_TRADES = [
    ({"price": "50000.25"}, Reason.PRICE_OFF_TICK, "price", "50000.25 is not a multiple of the tick 0.5"),
    ({"price": 50000.5}, Reason.MALFORMED, "price", "a float is not exact"),
    ({"price": "x"}, Reason.MALFORMED, "price", '"x" is not a decimal number'),
    ({"price": "9" * 30}, Reason.PRICE_OUT_OF_LIMITS, "price", "beyond the range of the house"),
    ({"lots": ..., "quantity": "0.0015"}, Reason.QUANTITY_OFF_LOT, "quantity", "nearest are 0.001 and 0.002"),
    ({"lots": 2**63}, Reason.POSITION_LIMIT_EXCEEDED, "lots", "beyond the range of the house"),
    ({"lots": ...}, Reason.MALFORMED, "lots", "give the size once"),
    ({"quantity": "1"}, Reason.MALFORMED, "lots", "give the size once"),
    ({"number": 2**70}, Reason.MALFORMED, "number", "beyond the range"),
    ({"number": ...}, Reason.MALFORMED, "number", "is missing"),
    ({"contract": "BTC-PREP"}, Reason.CONTRACT_UNKNOWN, "contract", 'did you mean "BTC-PERP"?'),
    ({"buyer": "carol"}, Reason.ACCOUNT_UNKNOWN, "buyer", 'no account is called "carol"'),
    ({"seller": 3}, Reason.MALFORMED, "seller", "expected a string, got the number 3"),
    ({"side": "buy"}, Reason.MALFORMED, "side", "is not a field"),
]


@pytest.mark.parametrize(("changes", "reason", "field", "message"), BAD_TRADES)
def test_a_bad_row_is_refused_alone(changes: dict[str, Any], reason: Reason, field: str, message: str) -> None:
    decoded = decode(trades(trade(), trade(number=2), trade(**changes), trade(number=4)))
    (refusal,) = decoded.refusals
    assert (refusal.row, refusal.reason, refusal.path) == (2, reason, f"$.rows[2].{field}")
    assert message in refusal.message
    assert decoded.kept == (0, 1, 3)
    assert decoded.places == ("$.rows[0]", "$.rows[1]", "$.rows[3]")
    assert isinstance(decoded.command, core.SubmitTrades)
    assert np.frombuffer(decoded.command.rows, TRADE)["number"].tolist() == [1, 2, 4]


def test_a_row_that_is_no_object_is_refused_alone() -> None:
    decoded = decode(trades(7, trade()))
    assert str(decoded.refusals[0]) == "malformed at `$.rows[0]`: expected an object, got the number 7"
    assert decoded.kept == (1,)


def test_when_no_row_converts_nothing_is_submitted() -> None:
    decoded = decode(trades(trade(price="0.3"), trade(buyer="nobody")))
    assert decoded.command is None
    assert [refusal.row for refusal in decoded.refusals] == [0, 1]


def test_a_trade_becomes_ticks_lots_and_indices() -> None:
    command = decode(trades(trade(lots=..., quantity="0.25"))).command
    assert isinstance(command, core.SubmitTrades)
    assert np.frombuffer(command.rows, TRADE).tolist() == [(1, 250, 100_001, 0, 7, 8, 0)]


def test_deposits_become_minor_units() -> None:
    row = {"number": 1, "account": "alice", "asset": "BTC", "amount": "0.00000001"}
    rows = [row, {**row, "number": 2, "amount": "0.000000001"}, {**row, "asset": "EUR"}, {**row, "amount": "1" * 25}]
    decoded = decode({"command": "deposit", "source": "bank", "rows": rows})
    assert isinstance(decoded.command, core.Deposit)
    assert np.frombuffer(decoded.command.rows, CASH).tolist() == [(1, 1, 7, 1)]
    reasons = [refusal.reason for refusal in decoded.refusals]
    assert reasons == [Reason.AMOUNT_TOO_FINE, Reason.ASSET_UNKNOWN, Reason.MONEY_LIMIT_EXCEEDED]


def test_marks_of_contracts_and_assets() -> None:
    prices = {"BTC-PERP": "50100", "BTC": "50090.12345678", "ETH": None, "XRP": "1", "ETH-C-2000": 3.5}
    decoded = decode({"command": "marks", "prices": prices, "asset_prices": {"BTC": None}})
    assert isinstance(decoded.command, core.PublishMarks)
    assert np.frombuffer(decoded.command.rows, MARK).tolist() == [(100_200, 0, 0), (0, 1, 1)]
    assert decoded.command.assets == (core.AssetPrice(1, None), core.AssetPrice(1, 5_009_012_345_678))
    assert decoded.kept == (0, 2)
    assert (decoded.asset_kept, decoded.rows) == ((5, 1), 6)
    assert [refusal.path for refusal in decoded.refusals] == ["$.prices.XRP", "$.prices.ETH-C-2000"]


def test_asset_prices_need_a_numeraire() -> None:
    decoded = decode({"command": "marks", "prices": {"BTC": "1"}}, registers(rulebook=None))
    assert decoded.refusals[0].reason is Reason.RULEBOOK_MISSING


def test_funding_and_expiry() -> None:
    decoded = decode({"command": "funding", "rates": {"BTC-PERP": "-0.01%", "ETH": "1e-4"}})
    assert isinstance(decoded.command, core.PublishFunding)
    assert np.frombuffer(decoded.command.rows, FUNDING).tolist() == [(-(10**8), 0, 0)]
    assert decoded.refusals[0].path == "$.rates.ETH"
    # The final price of an option is that of its underlying, in the underlying's ticks.
    assert decode({"command": "expire", "contract": "ETH-C-2000", "price": "2100.01"}).command == core.ExpireContract(
        2, 210_001
    )


def test_executions_take_the_tick_of_their_order() -> None:
    fill = {"command": "execute", "source": "desk", "number": 1, "order": 7, "quantity": "0.01", "price": "49999.5"}
    fill["counterparty"] = "bob"
    assert decode(fill).command == core.ExecuteLiquidation("desk", 1, 7, 10, 99_999, 8)
    with pytest.raises(tape.Refused, match="no liquidation order has the number 8"):
        decode({**fill, "order": 8})


def test_sales_take_the_assets_of_their_order() -> None:
    sale = {"command": "execute_conversion", "source": "desk", "number": 1, "order": 3, "sold": "0.001"}
    sale["received"] = "45.01"
    assert decode(sale).command == core.ExecuteConversion("desk", 1, 3, 100_000, 45_01)
    for order, message in ((2, "conversion order 2 is closed"), (4, "no conversion order has the number 4")):
        with pytest.raises(tape.Refused, match=message):
            decode({**sale, "order": order})
    with pytest.raises(tape.Refused, match="more than 2 decimals of USD"):
        decode({**sale, "received": "45.001"})


def test_asset_price_limit_is_in_the_numeraire_or_a_named_asset() -> None:
    wanted = {"command": "add_asset", "symbol": "ETH", "decimals": 8, "fine_decimals": 12, "price_max": "2.5"}
    assert decode(wanted).command == core.AddAsset(Asset("ETH", 8, 12, 250_000_000))
    assert decode({**wanted, "price_in": "BTC"}).command == core.AddAsset(Asset("ETH", 8, 12, 2_500_000_000_000))
    assert decode(wanted, Registers()).command == core.AddAsset(Asset("ETH", 8, 12, 2_500_000_000_000))


def test_rulebook_in_percent_and_in_another_asset() -> None:
    value = {**tape.encode_command(core.AdoptRulebook(RULES), registers()), "slippage": "1.5%"}
    tiers = [{"above": "0", "initial": "10%", "maintenance": "5%"}, {"above": "1.5", "initial": 1, "maintenance": 1}]
    value["margin_classes"] = {"coin": {"asset": "BTC", "tiers": tiers}}
    command = decode(value).command
    assert isinstance(command, core.AdoptRulebook)
    assert command.rulebook.slippage_ppm == 15_000
    assert command.rulebook.margin_classes["coin"] == (Tier(0, 100_000, 50_000), Tier(15 * 10**11, 10**6, 10**6))
    tiers[1]["initial"] = "10.00001%"
    with pytest.raises(tape.Refused, match=r"\$.margin_classes.coin.tiers\[1\].initial.*finer than ppm"):
        decode(value)
    with pytest.raises(tape.Refused, match=r"\$.collateral.BTC.*expected a decimal string"):
        decode({**value, "collateral": {"BTC": [1]}})


# --- both ways --------------------------------------------------------------------------------------------------

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
RULEBOOK = st.builds(
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
)
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
    st.builds(core.AdoptRiskSheet, SHEET),
    st.builds(core.SetMarginMode, ACCOUNT, st.sampled_from(MarginMode)),
    st.just(core.Clock()),
)


@given(COMMANDS | LIFECYCLE, st.none() | NS)
def test_every_command_goes_through_the_tape_and_back(command: AnyCommand, time_ns: int | None) -> None:
    known = registers()
    line = tape.to_line(tape.encode_command(command, known, time_ns))
    assert "\n" not in line
    decoded = decode(tape.parse_line(line), known)
    assert decoded.refusals == ()
    assert decoded.command == command
    assert decoded.time_ns == time_ns
    assert tape.to_line(tape.encode_command(command, known, time_ns)) == line


def test_what_a_tape_cannot_say_is_said() -> None:
    twice = core.PublishMarks(packed(MARK, [(1, 0, 0), (2, 0, 0)]))
    with pytest.raises(LookupError, match="BTC-PERP occurs twice"):
        tape.encode_command(twice, registers())
    with pytest.raises(LookupError, match="there is no account 99"):
        tape.encode_command(core.Deposit("bank", packed(CASH, [(1, 1, 99, 0)])), registers())


# --- answers of the core ----------------------------------------------------------------------------------------


def explained(value: Any, *rows: tuple[int, int, Reason], side: int = 0) -> list[tape.Refusal]:
    """The refusals of a command, the core having refused ``(figure, row, reason)`` of what it saw."""
    known = registers()
    decoded = decode(value, known)
    return list(tape.explain_refusals(decoded, [RowsRefused(packed(REFUSED, [(*row, side) for row in rows]))], known))


def test_answers_of_the_core_carry_the_row_numbers_of_the_tape() -> None:
    value = trades(trade(price="0.3"), trade(number=2), trade(number=3, price="0.5"), trade(number=4))
    answers = explained(value, (6_000_000_000, 0, Reason.MARGIN_INSUFFICIENT), (1, 1, Reason.PRICE_OUT_OF_LIMITS))
    assert [(answer.row, answer.path) for answer in answers] == [
        (0, "$.rows[0].price"),
        (1, "$.rows[1]"),
        (2, "$.rows[2].price"),
    ]
    assert "alice or bob would be 60 USD short of its initial requirement" in answers[1].message
    assert answers[2].message == "0.5 is outside the limits of BTC-PERP, 1 to 1000000"


@pytest.mark.parametrize(("side", "field", "who"), [(1, "buyer", "alice"), (2, "seller", "bob")])
def test_answers_name_the_side_that_failed(side: int, field: str, who: str) -> None:
    (lacking,) = explained(trades(trade()), (6_000_000_000, 0, Reason.MARGIN_INSUFFICIENT), side=side)
    assert lacking.path == f"$.rows[0].{field}"
    assert lacking.message.startswith(f"{who} would be 60 USD short")
    (reducing,) = explained(trades(trade()), (0, 0, Reason.MEMBER_IN_DEFAULT), side=side)
    assert (reducing.path, who in reducing.message) == (f"$.rows[0].{field}", True)


def test_rows_refused_before_sides_were_named_read_as_neither() -> None:
    before = np.dtype([("figure", "<i8"), ("row", "<i4"), ("reason", "<i4")])
    old = np.array([(7, 3, Reason.MARGIN_INSUFFICIENT)], before).tobytes()
    assert np.frombuffer(old, REFUSED).tolist() == [(7, 3, Reason.MARGIN_INSUFFICIENT, 0)]


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.ACCEPTED])
def test_every_reason_has_a_sentence_in_every_command(reason: Reason) -> None:
    cash = {"number": 1, "account": "alice", "asset": "USD", "amount": "5"}
    transfer = {"number": 1, "payer": "alice", "payee": "bob", "asset": "USD", "amount": "5"}
    for value in (
        trades(trade()),
        {"command": "deposit", "source": "bank", "rows": [cash]},
        {"command": "withdraw", "source": "bank", "rows": [cash]},
        {"command": "announce_deposit", "source": "bank", "rows": [cash]},
        {"command": "request_withdrawal", "source": "bank", "rows": [cash]},
        {"command": "transfer", "source": "bank", "rows": [transfer]},
        {"command": "funding", "rates": {"BTC-PERP": "0"}},
    ):
        (answer,) = explained(value, (1, 0, reason))
        assert answer.reason is reason
        assert len(answer.message) > 10


def test_rejections_of_terms_name_the_fields_of_the_tape() -> None:
    known = registers()
    decoded = decode(tape.encode_command(core.ListContract(PERPETUAL), known), known)
    fact = Rejected(Reason.TERMS_INVALID, "$.contract.price_min_ticks", "0 < price_min is needed")
    (answer,) = tape.explain_refusals(decoded, [fact], known)
    assert (answer.row, answer.path) == (None, "$.price_min")


def test_rejected_asset_prices_are_rows() -> None:
    known = registers()
    decoded = decode({"command": "marks", "prices": {"BTC-PERP": "1", "BTC": "2"}}, known)
    fact = Rejected(Reason.ASSET_NOT_ELIGIBLE, "$.assets[0]", "BTC is not priced as collateral")
    (answer,) = tape.explain_refusals(decoded, [fact], known)
    assert (answer.row, answer.path) == (1, "$.prices.BTC")


def test_refusals_are_plain_values() -> None:
    refusal = decode(trades(7)).refusals[0]
    assert msgspec.to_builtins(refusal)["path"] == "$.rows[0]"
