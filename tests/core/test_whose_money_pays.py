"""No client ever pays for its member: thin members, rich clients, and each fact asked who paid. Money is cents."""

from random import Random

import pytest

from novate.core import commands as c
from novate.core import facts as f
from novate.core import laws
from novate.core.book import Book
from tests.core.seniority import fold_watching
from tests.core.test_transit import money_house, on, paid_in, request, reverse, transfer
from tests.core.worlds import BTC, DAY, HOUR, USD, House, coin_house, decoded, fill


@pytest.mark.parametrize("form", ["clearing_house", "venue"])
@pytest.mark.parametrize("seed", range(12))
def test_no_client_pays_for_its_member_in_any_world(form: str, seed: int) -> None:
    """Thin members, rich clients, crashing prices, reversals and money on its way out; each fact is asked who paid."""
    random = Random(seed)
    gates = {"USD": random.choice([0, 10**5])}
    house = coin_house(form=form, deposit_final_after_ns=2 * DAY, withdrawal_gates=gates, client_transfers=True)
    names = ["m0", "m1", "m2"]
    for member in range(3):
        for client in "ab"[: 1 + member % 2]:
            house.ok(c.OpenAccount(member, f"m{member}/{client}"))
            names.append(f"m{member}/{client}")
    house.fund("treasury", USD, random.choice([0, 10**6]))
    house.fund("insurance_fund", USD, random.choice([0, 10**5]))
    for number, name in enumerate(names, 1):
        paid_in(house, name, random.choice([10**5, 10**6]) * (10 if "/" in name else 1), number)
    for number, name in enumerate(names, 101):
        paid_in(house, name, random.randint(1, 10**7), number, BTC)
    for _ in range(80):
        _something(house, random, names)
    watched = Book()
    for at_ns, facts in house.records:
        fold_watching(watched, decoded(facts), at_ns)
    assert watched.digest() == house.book.digest()
    laws.check_whole(house.book)


def _something(house: House, random: Random, names: list[str]) -> None:
    """One thing that happens to a house of the test above."""
    name, other = random.sample(names, 2)
    account, held = house.account(name), house.book.registers.withdrawals
    match random.randint(0, 9):
        case 0 | 1:
            house.trade(0, account, house.account(other), random.choice([10, 100, 400]), house_price(house))
        case 2:
            price = max(2, house_price(house) * random.choice([700, 900, 1_000, 1_100, 1_400]) // 1_000)
            house.mark((0, price))
        case 3:
            reverse(house, random.choice([random.randint(1, 10), random.randint(101, 110)]))
        case 4:
            share = random.choice([100, 500, 1_000])
            request(house, name, max(1, house.balance(account) * share // 1_000))
        case 5 if held:
            kind = random.choice([c.ReleaseWithdrawal, c.ConfirmWithdrawal, c.ReturnWithdrawal])
            on(house, kind, random.choice([*held]))
        case 6:
            transfer(house, name, other, max(1, house.balance(account) // 3))
        case 7 if house.book.registers.orders:
            fill(house, random.choice(names))
        case 8:
            house.clock(house.time_ns + random.choice([HOUR, DAY]))
        case _:
            house.withdraw(account, USD, max(1, house.balance(account) // 2))


def house_price(house: House) -> int:
    return int(house.book.contracts[0]["price_ticks"])


def test_the_watch_finds_a_client_that_pays_for_its_member() -> None:
    """A planted fact: a transfer out of client money for the member's loss."""
    house = money_house()
    house.deposit(house.account("a"), USD, 1_000)
    planted = f.Transferred("shortfall", house.account("a"), house.account("m0"), USD, 10)
    with pytest.raises(AssertionError, match="took 10 of asset 0 from client a"):
        fold_watching(house.book, [planted], house.time_ns)
