"""Omnibus accounts as a risk officer reads them: what the pool has, and who of it asks for how much."""

from decimal import Decimal

from novate.report.omnibus import omnibus_accounts
from tests.report.pooled_house import moved, pooled_house


def test_a_gross_pool_and_its_sub_accounts() -> None:
    with pooled_house() as house:
        house.marks({"OIL": 90}).expect()
        pool, net = house.read(omnibus_accounts)
        assert (pool.account.name, pool.account.role, pool.account.member) == ("Pool", "gross_omnibus", "Alpha")
        assert pool.account.initial == Decimal(720)  # (50 + 30) x 90 x 10 %: gross, for 20 lots net
        assert pool.account.equity == Decimal(9800)
        assert pool.coverage == Decimal(9800) / 720
        first, second = pool.subs
        assert (first.name, first.positions, first.initial, first.maintenance) == ("Pool/1", 1, 450, 225)
        assert (second.name, second.initial, second.share) == ("Pool/2", 270, Decimal("0.375"))
        assert first.unsettled == (("USD", Decimal(-500)),)
        assert second.unsettled == (("USD", Decimal(300)),)
        assert (net.account.name, net.subs, net.coverage) == ("Net", (), None)


def test_settlement_pays_the_pool_what_its_clients_gained() -> None:
    with pooled_house() as house:
        moved(house, 90, 8)
        pool, _ = house.read(omnibus_accounts)
        assert pool.account.balance("USD") == Decimal(9800)
        assert [sub.unsettled for sub in pool.subs] == [(), ()]
        assert sum(sub.share for sub in pool.subs) == 1
