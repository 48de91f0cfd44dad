"""What tests side by side would each compile for themselves: the largest kernels, compiled before the first test.

A house with a risk sheet asks for other forms of them than one without (decision 17): a process compiles each.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from novate.core.book import Book
from novate.core.kernels import orders
from novate.core.rows import ORDER
from novate.core.sheet_columns import lay_out_sheet
from novate.sim.rehearsal import compile_for, compile_others, compile_trades
from tests.core.sheets import small_sheet


def compile_ahead() -> None:
    """Compile what is not in the cache yet."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for compiled in [pool.submit(without_sheet), pool.submit(with_sheet)]:
            compiled.result()


def without_sheet() -> None:
    """The forms for tiers alone."""
    compile_all(Book())


def with_sheet() -> None:
    """The forms that judge by a risk sheet, too."""
    book = Book()
    book.sheet = lay_out_sheet(small_sheet(), {"FUT": 0}, [])
    compile_all(book)


def compile_all(book: Book) -> None:
    compile_others(book)
    compile_trades(book)
    rows = np.frombuffer(b"", ORDER)
    compile_for(orders.judge_orders, rows, 0, 0, 0, book.tables(), book.sheet)
