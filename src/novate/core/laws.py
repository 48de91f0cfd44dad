"""The conservation laws. Always on: running totals after every command, the whole book at settlement and snapshot."""

import numpy as np

from novate.core import layout
from novate.core.book import Book
from novate.core.kernels.limits import recount_limits
from novate.core.kernels.lots import set_lots
from novate.core.kernels.portfolio import first_uncovered, same_sheet
from novate.core.kernels.settle import first_unbalanced, recount
from novate.core.ledger import balance_of
from novate.core.margin import JUDGED_ACCESS, judge_many
from novate.core.open_interest import rows_at, rows_of
from novate.core.relief import is_sound
from novate.core.sheet_columns import columns_of
from novate.core.terms import TREASURY, Role
from novate.core.withdrawals import TRANSIT


class LawBroken(AssertionError):
    """The house broke one of its laws: a defect of the program, not of a command. It stops; nothing is written."""


def check_running(book: Book) -> None:
    """The laws that running totals can show, in time that does not grow with the book."""
    positions_face_each_other(book)
    money_is_conserved(book)
    lent_is_held(book)
    sales_are_held(book)


def check_whole(book: Book) -> None:
    """Every law, recounted from the whole book."""
    check_running(book)
    totals_recount(book)
    balances_recount(book)
    overdrafts_are_lent(book)
    withdrawals_are_held(book)
    house_is_flat(book)
    sub_accounts_have_no_money(book)
    lot_terms_are_current(book)
    scaled_tiers_are_current(book)
    sheet_covers(book)
    reliefs_are_due(book)
    limits_recount(book)
    record_of_trades_is_whole(book)


def positions_face_each_other(book: Book) -> None:
    """In every contract the lots of all accounts sum to zero, and so do the costs: variation sums to zero."""
    at = first_unbalanced(book.contract_count, book.contracts)
    if at >= 0:
        lots, cost = book.contracts[at]["net_lots"], book.contracts[at]["net_cost_fine"]
        raise LawBroken(f"{book.registers.contracts[at].symbol}: lots sum to {lots} and costs to {cost}, not to zero")


def money_is_conserved(book: Book) -> None:
    """In every asset all balances sum to what came in less what went out."""
    all_held, all_external = (
        book.assets["balance_total_minor"][: book.asset_count].tolist(),
        book.registers.external_minor,
    )
    if all_held == all_external:
        return
    for asset, held, external in zip(book.registers.assets, all_held, all_external, strict=True):
        if held != external:
            raise LawBroken(f"{asset.symbol}: balances sum to {held} minor units, {external} came in")


def totals_recount(book: Book) -> None:
    """The running totals of lots, costs, open interest, exposure and premium equal a fresh count."""
    count, contracts = book.account_count, book.contract_count
    width = book.balances.shape[1]
    lots, costs, long_lots = (np.zeros(contracts, np.int64) for _ in range(3))
    exposure, premium = (np.zeros((count, width), np.int64) for _ in range(2))
    recount(count, book.tables(), lots, costs, long_lots, exposure, premium)
    table = book.contracts[:contracts]
    for name, fresh in (("net_lots", lots), ("net_cost_fine", costs), ("open_lots", long_lots)):
        if (table[name] != fresh).any():
            at = int(np.flatnonzero(table[name] != fresh)[0])
            symbol = book.registers.contracts[at].symbol
            raise LawBroken(f"{symbol}: {name} is {table[at][name]} but the positions count {fresh[at]}")
    for name, fresh in (("exposure_fine", exposure), ("premium_fine", premium)):
        wrong = np.argwhere(book.balances[:count][name] != fresh)
        if len(wrong):
            bucket, asset = wrong[0].tolist()
            raise LawBroken(f"{book.registers.accounts[bucket].name}: {name} of asset {asset} is not what it holds")


def balances_recount(book: Book) -> None:
    """All balances sum to their running total, and all carries to zero."""
    table = book.balances[: book.account_count, : book.asset_count]
    for index, asset in enumerate(book.registers.assets):
        held = int(table[:, index]["balance_minor"].sum())
        if held != int(book.assets[index]["balance_total_minor"]):
            raise LawBroken(f"{asset.symbol}: balances sum to {held}, the running total differs")
        carried = int(table[:, index]["carry_fine"].sum())
        if carried:
            raise LawBroken(f"{asset.symbol}: carries sum to {carried} fine units, not to zero")


def overdrafts_are_lent(book: Book) -> None:
    """A balance is negative only on record, and never the house's own; the treasury holds what all of them sum to."""
    table = book.balances[: book.account_count, : book.asset_count]["balance_minor"]
    for bucket, asset in np.argwhere(table < 0).tolist():
        account, stands = book.registers.accounts[bucket], book.registers.overdrafts.get(bucket, {}).get(asset)
        own = account.member < 0 and account.role is not Role.LIQUIDATION
        if own or stands is None or stands.amount_minor != -int(table[bucket, asset]):
            raise LawBroken(f"{account.name} has a negative balance of asset {asset} that is not on record")
    lent_is_held(book)


def lent_is_held(book: Book) -> None:
    """The treasury holds what all balances below zero sum to: nobody is paid what the house does not have."""
    for asset in range(book.asset_count if book.registers.overdrafts else 0):
        lent = sum(owed[asset].amount_minor for owed in book.registers.overdrafts.values() if asset in owed)
        held = int(book.balances[TREASURY, asset]["balance_minor"])
        if lent > held:
            raise LawBroken(f"{book.registers.assets[asset].symbol}: {lent} is lent, the treasury holds {held}")


def sales_are_held(book: Book) -> None:
    """What is for sale of an account's collateral it holds."""
    for_sale: dict[tuple[int, int], int] = {}
    for number, order in book.registers.conversions.items():
        of = order.account, order.sold_asset
        for_sale[of] = for_sale.get(of, 0) + order.open_minor
        held = balance_of(book, *of)
        if order.open_minor <= 0 or for_sale[of] > held:
            name, asset = book.registers.accounts[order.account].name, book.registers.assets[order.sold_asset]
            raise LawBroken(f"order {number} of {name}: {for_sale[of]} {asset.symbol} are for sale, it holds {held}")


def withdrawals_are_held(book: Book) -> None:
    """What stands in the withdrawals account is what was asked for and has neither left nor come back."""
    held = [0] * book.asset_count
    for withdrawal in book.registers.withdrawals.values():
        held[withdrawal.asset] += withdrawal.amount_minor
    transit = book.registers.names.get(TRANSIT)
    for index, asset in enumerate(book.registers.assets):
        stands = 0 if transit is None else int(book.balances[transit, index]["balance_minor"])
        if stands != held[index]:
            raise LawBroken(f"{asset.symbol}: {stands} minor units are held for withdrawals of {held[index]}")


def house_is_flat(book: Book) -> None:
    """Outside liquidation accounts the house holds no position."""
    buckets = book.buckets[: book.account_count]
    for bucket in np.flatnonzero((buckets["member"] < 0) & (buckets["count"] > 0)).tolist():
        account = book.registers.accounts[bucket]
        if account.role is not Role.LIQUIDATION:
            raise LawBroken(f"{account.name} holds positions, and only liquidation accounts of the house may")


def sub_accounts_have_no_money(book: Book) -> None:
    """A sub-account holds positions; all money, and all that is counted against it, is its omnibus account's."""
    count = book.account_count
    apart = np.flatnonzero(book.buckets["contract"][:count] <= layout.SUB)
    for bucket in apart[(book.balances[apart] != np.zeros(1, book.balances.dtype)).any(axis=1)].tolist():
        raise LawBroken(f"{book.registers.accounts[bucket].name} is a sub-account and has money of its own")


def lot_terms_are_current(book: Book) -> None:
    """The cache of what one lot is worth and asks for equals a fresh computation."""
    kept = book.lot_terms[: book.contract_count].copy()
    set_lots(book.contract_count, book.tables())
    stale = np.flatnonzero(kept != book.lot_terms[: book.contract_count])
    if len(stale):
        raise LawBroken(f"{book.registers.contracts[int(stale[0])].symbol}: its cached lot terms are not current")


def scaled_tiers_are_current(book: Book) -> None:
    """The tiers of every contract whose initial rates rise are those of the rules at its open interest on record."""
    scaled = book.registers.rulebook.open_interest if book.registers.rulebook else {}
    for contract, terms in enumerate(book.registers.contracts):
        if terms.margin_class in scaled:
            fresh = rows_at(book, contract, book.registers.open_interest.get(contract, 0))
            if not np.array_equal(book.tiers[rows_of(book, contract)], fresh):
                raise LawBroken(f"{terms.symbol}: its tiers are not those of its open interest on record")


def sheet_covers(book: Book) -> None:
    """The sheet's columns are those of the sheet on record, and it can judge every portfolio bucket exactly."""
    fresh, any_margined = columns_of(book.registers), book.buckets["portfolio"][: book.account_count].any()
    if (book.sheet is None) != (fresh is None) or (fresh is not None and not same_sheet(book.sheet, fresh)):
        raise LawBroken("the columns of the risk sheet are not those of the sheet on record")
    if not any_margined:
        return
    if book.sheet is None:
        raise LawBroken("a bucket is margined by a risk sheet and none is in force")
    bucket, contract = first_uncovered(book.account_count, book.tables(), book.sheet)
    if bucket >= 0:
        what = "more than the sheet can judge exactly" if contract < 0 else "a contract without a row in the sheet"
        raise LawBroken(f"{book.registers.accounts[int(bucket)].name} holds {what}")


def reliefs_are_due(book: Book) -> None:
    """Only whoever may trade at a venue, with money of its own and below its initial requirement, is relieved; of some
    of maintenance or by some credit, and never of more than all of it."""
    relieved = book.registers.relieved
    rows = judge_many(book, np.array([*relieved], np.int64)) if relieved else ()
    for (bucket, relief), row in zip(relieved.items(), rows, strict=True):
        name = book.registers.accounts[bucket].name
        acts = book.rulebook.form == "venue" and book.buckets[bucket]["access"] in JUDGED_ACCESS
        if not acts or book.purse_of(bucket) != bucket:
            raise LawBroken(f"{name} is relieved and is not a venue's to liquidate")
        amounts = 0 <= relief.kept_fine <= relief.asked_fine and relief.asked_fine > 0 and relief.credit_fine >= 0
        amounts = amounts and relief.uncounted_fine >= 0
        if not amounts or relief.credit_fine + relief.asked_fine == relief.kept_fine:
            raise LawBroken(f"{name} is relieved of nothing, or of more than it must hold: {relief}")
        if is_sound(row):
            raise LawBroken(f"{name} is relieved, and it is at its initial requirement")


def limits_recount(book: Book) -> None:
    """What is counted on each limit equals a fresh count of what its group holds."""
    fresh = book.limits.copy()
    recount_limits(book.contract_count, book.tables(), fresh)
    wrong = np.flatnonzero(fresh != book.limits)
    if len(wrong):
        name = book.registers.limits[int(fresh[wrong[0]]["number"])].name
        raise LawBroken(f"the limit {name!r} has counted {book.limits[wrong[0]]}, its group holds {fresh[wrong[0]]}")


def record_of_trades_is_whole(book: Book) -> None:
    """As many trades are on record as are counted, and none of the open cycle was made with nothing."""
    parts, counted = book.trades.parts(), book.blotter.count
    kept = sum(map(len, parts))
    if kept != counted:
        raise LawBroken(f"{kept} trades are on record, {counted} are counted")
    for rows in parts:
        empty = rows[rows["lots"] <= 0]
        if len(empty):
            raise LawBroken(f"trade {empty[0]['number']} is on record with {empty[0]['lots']} lots")
