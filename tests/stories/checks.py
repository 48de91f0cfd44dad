"""The ``Then`` sentences: what a table says against what the house says, cell by cell.

A table names the accounts it speaks of and is complete for them (positions) or for the whole house (calls, orders,
facts, refusals). A wrong cell fails with the place, what the story says and what the house says.
"""

from collections.abc import Callable

from novate import views
from novate.core import layout
from novate.core.margin import judge
from novate.core.registers import Call
from novate.core.relief import relief_at
from novate.views.rules import block_name
from tests.stories.compare import account_of, compare
from tests.stories.figures import moment
from tests.stories.parse import Step, StoryError
from tests.stories.reads import largest_orders, liquidation_prices, trades_would_be
from tests.stories.sentences import act
from tests.stories.words import UNSPOKEN, Words
from tests.stories.world import World, told

STATES = {layout.UNMARKED: "unmarked", layout.LIVE: "live", layout.HALTED: "halted", layout.EXPIRED: "expired"}


def check(world: World, step: Step) -> None:
    """One Then. Raises ``StoryError`` where the house disagrees."""
    if step.phrase not in CHECKS:
        raise StoryError(f'{step.place}: no sentence is "Then {step.phrase}"; known are {", ".join(CHECKS)}')
    CHECKS[step.phrase](world, step)


# --- sentences ----------------------------------------------------------------------------------------------------


def balances(world: World, step: Step) -> None:
    """Settled balances: one column per asset."""
    _money(world, step, "balance_minor")


def carries(world: World, step: Step) -> None:
    """What an account carries over: fees, finals and fractions of a cent that are not settled yet."""
    _money(world, step, "carry_fine")


def _money(world: World, step: Step, field: str) -> None:
    words, said, found = Words(world.book), step.records(), []
    for row in said:
        account = account_of(world, step, row["account"])
        own = {"account": row["account"]}
        for index, asset in enumerate(world.book.registers.assets):
            amount = int(world.book.balances[account, index][field])
            scale = words.unit(index) if field == "balance_minor" else 1
            own[asset.symbol.lower()] = words.fine(amount * scale, index)
        found.append(own)
    compare(step, said, found)


def positions(world: World, step: Step) -> None:
    """Lots and costs, complete for each account that is named; a flat account says none."""
    words, said, found = Words(world.book), step.records(), []
    for name in dict.fromkeys(row["account"] for row in said):
        held = world.book.positions_of(account_of(world, step, name))
        for contract, lots, cost in held:
            found.append(
                {
                    "account": name,
                    "contract": words.contract(contract),
                    "lots": str(lots),
                    "cost": words.fine(cost, words.asset_of(contract)),
                }
            )
        if not held:
            found.append({"account": name, "contract": "none"})
    compare(step, said, found)


def accounts(world: World, step: Step) -> None:
    """Each account judged in the numeraire."""
    words, said, found = Words(world.book), step.records(), []
    for row in said:
        account = account_of(world, step, row["account"])
        verdict = judge(world.book, account)
        figures = {
            "equity": verdict.equity_fine,
            "settled": verdict.settled_fine,
            "initial": verdict.initial_fine,
            "maintenance": verdict.maintenance_fine,
            "free": verdict.free_fine if verdict.priced else 0,
            "relief": relief_at(world.book, account, verdict),
        }
        own = {name: words.fine(figure, words.numeraire()) for name, figure in figures.items()}
        found.append({"account": row["account"], **own})
    compare(step, said, found)


def contracts(world: World, step: Step) -> None:
    """State, value per lot and statistics of contracts: traded is gross, open is net."""
    words, said, found = Words(world.book), step.records(), []
    for row in said:
        index = world.book.contract_index(row["contract"])
        if index is None:
            raise StoryError(f"{step.place}: the house has no contract {row['contract']!r}")
        own, asset = world.book.contracts[index], words.asset_of(index)
        found.append(
            {
                "contract": row["contract"],
                "state": STATES[int(own["state"])],
                "trading": halt.cause if (halt := world.book.registers.halts.get(index)) else "open",
                "price": words.price(int(own["price_ticks"]), index),
                "value": words.fine(int(own["value_fine"]), asset),
                "traded": str(own["traded_lots"]),
                "open": str(own["open_lots"]),
            }
        )
    compare(step, said, found)


def members(world: World, step: Step) -> None:
    """Whether members are in default."""
    of_members = world.book.registers.members
    states = {each.name: "in default" if each.defaulted else "in good standing" for each in of_members}
    said = step.records()
    compare(step, said, [{"member": row["member"], "state": states.get(row["member"], "unknown")} for row in said])


def calls(world: World, step: Step) -> None:
    """All open margin calls of the house."""
    words = Words(world.book)
    found = [
        {
            "account": words.account(bucket),
            "amount": words.judged(call.amount_fine),
            "due": moment(call.due_ns),
            "since": moment(call.since_ns),
            "because": ", ".join(
                f"{words.contract(part.contract)} {part.lots} lots: "
                f"{words.fine_money(part.initial_fine, _asset_of(words, call, part.contract))}"
                for part in call.largest
            ),
            "worst": ", ".join(
                f"{block_name(words.registers.sheet, part.block)} {part.scenario + 1}: {words.judged(part.loss_fine)}"
                for part in call.worst
            ),
        }
        for bucket, call in sorted(world.book.registers.calls.items())
    ]
    compare(step, step.records() if step.table else [], found)


def _asset_of(words: Words, call: Call, contract: int) -> int:
    """What a contributor's part is in: the numeraire where a risk sheet asked, else the contract's settlement asset."""
    return words.numeraire() if call.worst else words.asset_of(contract)


def orders(world: World, step: Step) -> None:
    """All open liquidation orders of the house."""
    words = Words(world.book)
    found = [
        {
            "order": str(number),
            "account": words.account(order.bucket),
            "contract": words.contract(order.contract),
            "lots": str(order.lots),
            "open": str(order.open_lots),
            "limit": words.price(order.limit_price_ticks, order.contract),
            "expires": moment(order.expiry_ns),
        }
        for number, order in sorted(world.book.registers.orders.items())
        if order.open_lots
    ]
    compare(step, step.records() if step.table else [], found)


def sales(world: World, step: Step) -> None:
    """All open conversion orders of the house."""
    found = [
        {
            "order": str(each.number),
            "account": each.account,
            "sell": f"{each.sell:f} {each.sold}",
            "open": f"{each.open:f} {each.sold}",
            "least": f"{each.least:f} {each.bought}",
            "due": moment(each.due_ns),
        }
        for each in views.conversions(world.book)
    ]
    compare(step, step.records() if step.table else [], found)


def limits(world: World, step: Step) -> None:
    """All limits of the house, with what counts against each."""
    found = [
        {
            "limit": each.name,
            "contract": each.contract,
            "measure": each.measure,
            "lots": str(each.lots),
            "of": " ".join((*each.members, *each.accounts)) or "everyone",
            "net": str(each.net_lots),
            "long": str(each.long_lots),
            "short": str(each.short_lots),
            "used": str(each.used_lots),
        }
        for each in views.limits(world.book)
    ]
    compare(step, step.records() if step.table else [], found)


def rules(world: World, step: Step) -> None:
    """The rulebook in force, then those to come."""
    found = [{"rulebook": world.book.rulebook.name, "from": "now"}]
    found += _to_come(world, "rulebook")
    compare(step, step.records(), found)


def sheets(world: World, step: Step) -> None:
    """The risk sheet in force, then those to come."""
    in_force = views.risk_sheet(world.book)
    found = [] if in_force is None else [{"risk sheet": in_force.name, "from": "now"}]
    found += _to_come(world, "risk sheet")
    compare(step, step.records(), found)


def _to_come(world: World, kind: str) -> list[dict[str, str]]:
    coming = [each for each in views.scheduled(world.book) if each.kind.replace("_", " ") == kind]
    return [{kind: each.name, "from": moment(each.effective_ns or 0)} for each in coming]


def statuses(world: World, step: Step) -> None:
    """What accounts may do, and whether they are warned."""
    found = []
    for row in step.records():
        own = views.account(world.book, account_of(world, step, row["account"]))
        found.append(
            {"account": own.name, "status": own.status.replace("_", " "), "warned": "yes" if own.warned else "no"}
        )
    compare(step, step.records(), found)


def deposits(world: World, step: Step) -> None:
    """All deposits of the house that are pending, may be reversed, or were reversed and are still owed."""
    words, registers = Words(world.book), world.book.registers
    kept = (
        ("pending", registers.deposits_pending),
        ("reversible", registers.deposits_reversible),
        ("owed", registers.reversals_owed),
    )
    found = [
        {
            "source": source,
            "number": str(number),
            "state": state,
            "account": words.account(receipt.account),
            "amount": words.money(receipt.amount_minor, receipt.asset),
            "final at": moment(receipt.final_at_ns) if receipt.final_at_ns else "",
        }
        for state, register in kept
        for source, numbered in register.items()
        for number, receipt in numbered.items()
    ]
    compare(step, step.records() if step.table else [], found)


def withdrawals(world: World, step: Step) -> None:
    """All withdrawals of the house that have neither left nor come back."""
    words = Words(world.book)
    found = [
        {
            "withdrawal": str(number),
            "account": words.account(held.account),
            "amount": words.money(held.amount_minor, held.asset),
            "state": held.state,
        }
        for number, held in world.book.registers.withdrawals.items()
    ]
    compare(step, step.records() if step.table else [], found)


def gates(world: World, step: Step) -> None:
    """All gates of the house that are closed."""
    words = Words(world.book)
    found = [
        {"of": words.registers.assets[asset].symbol, "cause": gate.cause, "since": moment(gate.since_ns)}
        for asset, gate in world.book.registers.gates.items()
    ]
    compare(step, step.records() if step.table else [], found)


def facts(world: World, step: Step) -> None:
    """All that happened since the last When began, in order; sources' marks and refusals are left out."""
    words = Words(world.book, world.orders)
    lines = [words.line(fact) for fact in world.facts if not isinstance(fact, UNSPOKEN)]
    found = [{"fact": kind, "who": who, "what": what} for kind, who, what in lines]
    compare(step, step.records() if step.table else [], found)


def refusals(world: World, step: Step) -> None:
    """All refusals since the last of these sentences; row "all" is the whole command, ``says`` part of a message."""
    found, said = [], step.records()
    for at, each in enumerate(world.refusals):
        own = said[at] if at < len(said) else {}
        says = own["says"] if own.get("says", "") in each.message and "says" in own else each.message
        row = "all" if each.row is None else str(each.row + 1)
        found.append({"row": row, "reason": each.reason.text.replace("_", " "), "path": each.path, "says": says})
    world.refusals = []
    compare(step, said, found)


def nothing_changed(world: World, step: Step) -> None:
    """The last command left everything as it was, but for the clock and its source's mark."""
    if world.essence() != world.before:
        raise StoryError(f"{step.place}: the last command changed the house")


CHECKS: dict[str, Callable[[World, Step], None]] = {
    "the balances are": balances,
    "the carries are": carries,
    "the positions are": positions,
    "the accounts are": accounts,
    "the contracts are": contracts,
    "the members are": members,
    "the calls are": calls,
    "no calls are open": calls,
    "the limits are": limits,
    "the rulebooks are": rules,
    "the risk sheets are": sheets,
    "the statuses are": statuses,
    "the orders are": orders,
    "no orders are open": orders,
    "the conversion orders are": sales,
    "no conversion orders are open": sales,
    "the deposits are": deposits,
    "no deposits are open": deposits,
    "the withdrawals are": withdrawals,
    "no withdrawals are open": withdrawals,
    "the closed gates are": gates,
    "no gates are closed": gates,
    "the facts are": facts,
    "nothing happened": facts,
    "the refusals are": refusals,
    "nothing changed": nothing_changed,
    "the trades would be": trades_would_be,
    "the largest orders are": largest_orders,
    "the liquidation prices are": liquidation_prices,
}


def run(steps: tuple[Step, ...]) -> World:
    """Tell a story from its first step to its last. Raises ``StoryError`` at the first figure that is not so."""
    world, word = World(), "Given"
    for step in steps:
        if step.word == "Then":
            try:
                check(world, step)
            except StoryError as error:
                unsaid = f"\nrefused and not mentioned so far: {told(world.refusals)}" if world.refusals else ""
                raise StoryError(f"{error}{unsaid}") from None
        else:
            if step.word != "When" or word != "When":
                world.settled(step.place)
                world.facts = []
            act(world, step)
        word = step.word
    world.close()
    return world
