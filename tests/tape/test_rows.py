"""What a line says, in the units and indices of the core; a bad row is refused alone."""

from typing import Any

import numpy as np
import pytest

from novate import tape
from novate.core import commands as core
from novate.core.reasons import Reason
from novate.core.registers import Registers
from novate.core.rows import CASH, FUNDING, MARK, TRADE
from novate.core.terms import Asset, OpenInterest, Tier
from tests.tape.known import RULES, decode, registers, trade, trades

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
    value["margin_classes"]["coin"] |= {"whole_initial": True, "open_interest": {"lower": 1, "upper": "2.5"}}
    command = decode(value).command
    assert isinstance(command, core.AdoptRulebook)
    assert command.rulebook.whole_initial == ("coin",)
    assert command.rulebook.open_interest == {"coin": OpenInterest(10**12, 25 * 10**11)}
    tiers[1]["initial"] = "10.00001%"
    with pytest.raises(tape.Refused, match=r"\$.margin_classes.coin.tiers\[1\].initial.*finer than ppm"):
        decode(value)
    with pytest.raises(tape.Refused, match=r"\$.collateral.BTC.*expected a decimal string"):
        decode({**value, "collateral": {"BTC": [1]}})
