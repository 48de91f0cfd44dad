"""The Given and When sentences of stories, and the commands of the tape that they are."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.stories.cells import WHOLE, fields_of, plain
from tests.stories.parse import Step, StoryError, parse_file
from tests.stories.world import World

FOLDER = Path(__file__).resolve().parents[2] / "stories"
FUNDS = {"house:skin": "skin_in_the_game", "house:insurance": "insurance_fund", "house:treasury": "treasury"}


@functools.cache
def setups() -> dict[str, tuple[Step, ...]]:
    """The named set-ups of ``stories/README.md``."""
    return parse_file(FOLDER / "README.md").setups


Records = list[dict[str, Any]]


def _each(command: str) -> Callable[[World, Records], None]:
    def send(world: World, records: Records) -> None:
        for record in records:
            world.send(command, record)

    return send


def _rows(command: str) -> Callable[[World, Records], None]:
    return lambda world, records: world.rows(command, records)


def _named(command: str, column: str) -> Callable[[World, Records], None]:
    def send(world: World, records: Records) -> None:
        for record in records:
            world.send(command, {"name": record[column]})

    return send


def _members(world: World, records: Records) -> None:
    for record in records:
        world.send("add_member", {"name": record["member"]})
        for name in record.get("clients", "").split():
            world.send("open_account", {"member": record["member"], "name": name})


def _clients(world: World, records: Records) -> None:
    for record in records:
        world.send("open_account", {"member": record["member"], "name": record.get("client", "")})


def _accounts(world: World, records: Records) -> None:
    for record in records:
        fields = {"member": record["member"], "name": record["account"]}
        world.send("open_account", fields | ({"kind": record["kind"].replace(" ", "_")} if "kind" in record else {}))


def _contributions(world: World, records: Records) -> None:
    for record in records:
        account = record.pop("to")
        own = {"fund": "default_fund", "member": account.split(":")[0]}
        fund = {"fund": FUNDS[account]} if account in FUNDS else own
        source = record.pop("source", "story")
        world.send("contribute", {**fund, **record, "source": source, "number": world.number(source, record)})


def _isolations(world: World, records: Records) -> None:
    for record in records:
        money = {record["asset"]: record["amount"]} if "amount" in record else {}
        world.send("isolate", {"account": record["account"], "contract": record["contract"], "collateral": money})


def _collateral_moves(world: World, records: Records) -> None:
    for record in records:
        source = record.pop("source", "story")
        world.send("move_collateral", {**record, "source": source, "number": world.number(source, record)})


def _prices(world: World, records: Records) -> None:
    prices = {record["of"]: None if record["price"] == "none" else record["price"] for record in records}
    world.send("marks", {"prices": prices})


def _funding(world: World, records: Records) -> None:
    world.send("funding", {"rates": {record["contract"]: record["rate"] for record in records}})


def _numbered(command: str) -> Callable[[World, Records], None]:
    """A single command per row, from the house's operations desk unless a source is given."""

    def send(world: World, records: Records) -> None:
        for record in records:
            source = record.pop("source", "operations")
            world.send(command, {**record, "source": source, "number": world.number(source, record)})

    return send


def _of_trades(command: str) -> Callable[[World, Records], None]:
    """A command about one trade per row, by its number; the venue's unless a source is given."""

    def send(world: World, records: Records) -> None:
        _numbered(command)(world, [{"trade_source": "venue", **_renamed(record)} for record in records])

    return send


def _renamed(record: dict[str, Any]) -> dict[str, Any]:
    return {"trade_number" if name == "trade" else name: value for name, value in record.items()}


def _compression(world: World, records: Records) -> None:
    legs = [{"account": record["account"], "lots": record["lots"]} for record in records]
    _numbered("compress_positions")(world, [{"contract": records[0]["contract"], "legs": legs}])


def _fills(world: World, records: Records) -> None:
    for record in records:
        source = record.pop("source", "market")
        world.send("execute", {**record, "source": source, "number": world.number(source, record)})


def _margin_classes(world: World, records: Records) -> None:
    classes: dict[str, Any] = {}
    for record in records:
        classes.setdefault(record.pop("class"), []).append(record)
    world.rules.setdefault("margin_classes", {}).update(classes)


def _whole_initial(world: World, records: Records) -> None:
    for record in records:
        _class(world, record["class"])["whole_initial"] = True


def _open_interest(world: World, records: Records) -> None:
    for record in records:
        _class(world, record.pop("class"))["open_interest"] = record


def _class(world: World, name: str) -> dict[str, Any]:
    """A margin class of which more is said than its tiers."""
    classes = world.rules["margin_classes"] = dict(world.rules["margin_classes"])
    own = classes[name]
    classes[name] = dict(own) if isinstance(own, dict) else {"tiers": own}
    return classes[name]


def _collateral(world: World, records: Records) -> None:
    world.rules["collateral"] = {record["asset"]: record["haircut"] for record in records}


def _rules(world: World, records: Records) -> None:
    for record in records:
        name, value = record["rule"].replace(" ", "_"), record["value"]
        if name == "waterfall":
            value = [layer.strip().replace(" ", "_") for layer in value.split(",")]
        elif name in ("form", "call_recovery", "missed_client_calls"):
            value = value.replace(" ", "_")
        elif name == "transfer_causes":
            value = [cause.strip().replace(" ", "_") for cause in value.split(",")]
        elif name in WHOLE:
            value = int(value)
        elif name == "client_transfers":
            value = value == "yes"
        world.rules[name] = value
    world.send("adopt_rulebook", world.rules)


def _rules_to_come(world: World, records: Records) -> None:
    """Rules for a later time: they do not change what the next sentence about the rules builds on."""
    rules, now = world.rules, world.rules.copy()
    world.rules = now
    effective = next(record["value"] for record in records if record["rule"] == "effective")
    now["effective"] = effective
    _rules(world, [record for record in records if record["rule"] != "effective"])
    world.rules = rules


def _bands(world: World, records: Records) -> None:
    world.rules["price_bands"] = {record["class"]: record["band"] for record in records}


def _limits(world: World, records: Records) -> None:
    for record in records:
        record["name"] = record.pop("limit")
        for field in ("members", "accounts"):
            record[field] = record.get(field, "").split()
        world.send("set_limit", record)


def _steps(command: str) -> Callable[[World, Records], None]:
    def send(world: World, records: Records) -> None:
        for record in records:
            source = record.pop("source", "story")
            world.send(command, {**record, "source": source, "number": world.number(source, record)})

    return send


def _caps(world: World, records: Records) -> None:
    world.rules["collateral_caps"] = {record.pop("of"): record for record in records}
    world.send("adopt_rulebook", world.rules)


def _gates(world: World, records: Records) -> None:
    world.rules["withdrawal_gates"] = {record["of"]: record["dust"] for record in records}
    world.send("adopt_rulebook", world.rules)


def _sheet_terms(world: World, records: Records) -> None:
    world.sheet |= {record["term"].replace(" ", "_"): record["value"] for record in records}
    if world.sheet.get("effective") == "at once":
        del world.sheet["effective"]


def _sheet_blocks(world: World, records: Records) -> None:
    for record in records:
        record["measure"] = record["measure"].replace(" ", "_")
        record["scenarios"], record["rank"] = int(record["scenarios"]), int(record.get("rank", 1))
        if "tail" in record:
            record["tail"] = [int(part) for part in record["tail"].split("/")]
    world.sheet["blocks"] = records


def _sheet_rows(world: World, records: Records) -> None:
    rows: dict[str, Any] = {"contracts": {}, "collateral": {}}
    for record in records:
        row = {"netting_set": record["netting_set"], "results": [int(part) for part in record["results"].split()]}
        pieces = [piece.split(":") for piece in record.get("add_ons", "").split(",") if piece]
        row["add_ons"] = [{"above": int(above), "per_lot": rate.strip()} for above, rate in pieces]
        if "lot" in record:
            row |= {"lot": record["lot"], "lots_max": int(record["lots_max"])}
        rows["collateral" if "lot" in record else "contracts"][record["of"]] = row
    world.send("adopt_risk_sheet", {**world.sheet, **rows})


def _overdrafts(world: World, records: Records) -> None:
    world.rules["overdrafts"] = {record.pop("of"): record for record in records}
    world.send("adopt_rulebook", world.rules)


SENTENCES: dict[str, Callable[[World, Records], None]] = {
    "the assets": _each("add_asset"),
    "the margin classes": _margin_classes,
    "the classes whose initial rate is on the whole": _whole_initial,
    "the open interest between which initial rates rise": _open_interest,
    "the collateral": _collateral,
    "the rules": _rules,
    "the contracts": _each("list_contract"),
    "the members": _members,
    "the clients": _clients,
    "the accounts opened": _accounts,
    "the sub-accounts": _each("open_sub_account"),
    "the contributions": _contributions,
    "the deposits": _rows("deposit"),
    "the withdrawals": _rows("withdraw"),
    "the announced deposits": _rows("announce_deposit"),
    "the finalised deposits": _steps("finalise_deposit"),
    "the cancelled deposits": _steps("cancel_deposit"),
    "the reversed deposits": _steps("reverse_deposit"),
    "the withdrawal requests": _rows("request_withdrawal"),
    "the released withdrawals": _steps("release_withdrawal"),
    "the confirmed withdrawals": _steps("confirm_withdrawal"),
    "the returned withdrawals": _steps("return_withdrawal"),
    "the transfers": _rows("transfer"),
    "the caps": _caps,
    "the gates": _gates,
    "the overdrafts": _overdrafts,
    "the interest": _each("interest"),
    "the trades": _rows("trades"),
    "the orders": _rows("orders"),
    "the prices": _prices,
    "the funding rates": _funding,
    "the isolations": _isolations,
    "the rejoins": _each("rejoin"),
    "the collateral moves": _collateral_moves,
    "the fills": _fills,
    "the sales": _steps("execute_conversion"),
    "the rules to come": _rules_to_come,
    "the price bands": _bands,
    "the limits": _limits,
    "the lifted limits": _named("remove_limit", "limit"),
    "the cancelled rulebooks": _named("cancel_rulebook", "rulebook"),
    "the cancelled risk sheets": _named("cancel_risk_sheet", "sheet"),
    "the halts": _each("halt"),
    "the resumptions": _each("resume"),
    "the busts": _of_trades("bust_trade"),
    "the corrections": _of_trades("correct_trade"),
    "the offsets": _of_trades("offset_trade"),
    "the give-ups": _of_trades("give_up"),
    "the answers to give-ups": _numbered("answer_give_up"),
    "the position transfers": _numbered("transfer_position"),
    "the compression": _compression,
    "the portings": _numbered("port_account"),
    "the answers to portings": _numbered("answer_porting"),
    "the sheet terms": _sheet_terms,
    "the sheet blocks": _sheet_blocks,
    "the risk sheet": _sheet_rows,
    "the margin modes": _each("set_margin_mode"),
}


def act(world: World, done: Step) -> None:
    """One Given or When."""
    if done.clock:
        world.time_ns = world.moment(done.clock)
    if match := re.fullmatch(r"(?P<contract>\S+) expires at (?P<price>\S+)", done.phrase):
        world.send("expire", {"contract": match["contract"], "price": plain(match["price"])})
    elif match := re.fullmatch(r"(?P<contract>\S+) (?P<how>resolves|is voided) at (?P<price>\S+)", done.phrase):
        outcome = "resolved" if match["how"] == "resolves" else "voided"
        world.send("resolve", {"contract": match["contract"], "price": plain(match["price"]), "outcome": outcome})
    elif done.phrase == "the clock strikes":
        world.send("clock", {})
    elif done.phrase in (pages := setups()):
        for inner in pages[done.phrase]:
            act(world, inner)
    elif done.phrase in SENTENCES:
        SENTENCES[done.phrase](world, [fields_of(record) for record in done.records()])
    else:
        known = ", ".join([*SENTENCES, *setups()])
        raise StoryError(f'{done.place}: no sentence is "{done.phrase}"; known are {known}')
