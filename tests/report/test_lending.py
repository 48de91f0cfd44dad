"""Balances below zero, told again from the journal: how far, how long, for what interest, and what was lost."""

from decimal import Decimal

from novate import ClearingHouse
from novate.core.facts import LossAbsorbed
from novate.core.overdraft_facts import InterestCharged
from novate.core.terms import Layer
from novate.report.lending import Lent, Loan, lending
from tests.report.pooled_house import HOUR, lending_rules, moved, pooled_house


def told(house: ClearingHouse) -> tuple[list[Lent], list[Loan]]:
    """The report, whose standing loans are the house's own overdrafts."""
    lent, loans = house.read(lambda book: lending(house.records(), book))
    standing = {(loan.account, loan.asset): loan.owed for loan in loans if loan.until_ns is None}
    assert standing == {(row.account, row.asset): row.amount for row in house.overdrafts()}
    return lent, loans


def test_a_house_that_lends_nothing_has_nothing_to_tell() -> None:
    with pooled_house() as house:
        moved(house, 101, 8)
        assert told(house) == ([], [])


def test_a_loan_from_the_first_cycle_to_its_repayment() -> None:
    with pooled_house() as house:
        moved(house, 90, 8)  # 20 lots lose 10 each
        moved(house, 85, 16)  # and 5 each, and the interest of eight hours
        (line,), (stands,) = told(house)
        assert (stands.account, stands.asset, stands.since_ns, stands.until_ns) == ("Alpha", "USD", 8 * HOUR, None)
        assert (stands.deepest, stands.owed, stands.limit) == (Decimal("300.07"), Decimal("300.07"), Decimal(500))
        assert stands.due_ns == (8 + 48) * HOUR
        assert stands.interest == Decimal("0.06666667")  # 200 x 0.001 / 3
        assert not stands.beyond
        assert (line.loans, line.most, line.owed, line.held) == (1, stands.owed, stands.owed, Decimal("1000.06"))
        moved(house, 120, 24)  # 35 each are paid back with
        (line,), (repaid,) = told(house)
        assert (repaid.until_ns, repaid.owed, repaid.deepest) == (24 * HOUR, Decimal(0), Decimal("300.07"))
        assert (line.most, line.owed, line.lost) == (Decimal("300.07"), Decimal(0), Decimal(0))
        charged = [fact for record in house.records() for fact in record.facts if isinstance(fact, InterestCharged)]
        assert line.interest == repaid.interest == Decimal(sum(fact.amount_fine for fact in charged)).scaleb(-8)
        assert len(charged) == 2


def test_a_balance_that_goes_below_zero_again_is_another_loan() -> None:
    with pooled_house() as house:
        for price, hour in ((95, 8), (110, 16), (90, 24)):
            moved(house, price, hour)
        (line,), loans = told(house)
        assert [(loan.since_ns // HOUR, loan.until_ns) for loan in loans] == [(24, None), (8, 16 * HOUR)]
        assert line.loans == 2


def test_what_stands_beyond_a_lower_limit_is_told() -> None:
    with pooled_house(treasury=200) as house:  # it lends all it has, and has nothing left to convert against
        moved(house, 90, 8)
        assert not told(house)[1][0].beyond
        house.adopt_rulebook("strict", **lending_rules(50)).expect()
        (line,), (loan,) = told(house)
        assert (loan.owed, loan.limit, loan.beyond) == (Decimal(200), Decimal(50), True)
        assert line.held == line.owed


def test_what_the_treasury_lost_is_told_of_the_loan() -> None:
    with pooled_house() as house:
        moved(house, 90, 8)
        house.marks({"EUR": "0.01"}).expect()  # the collateral behind the loan is gone
        moved(house, 90, 16)
        facts = [fact for record in house.records() for fact in record.facts]
        paid = sum(
            fact.amount_minor for fact in facts if isinstance(fact, LossAbsorbed) and fact.layer is Layer.TREASURY
        )
        assert paid > 0
        (line,), loans = told(house)
        assert line.lost == sum(loan.lost for loan in loans) == Decimal(paid).scaleb(-2)
