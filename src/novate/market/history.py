"""Recorded price histories: read, checked, never repaired.

A history is a table of closing prices, one row per time and one column per series. A price that the source does not
have stays missing (NaN in the table, a missing mark in the house): it is never carried forward or filled. Anything
else that cannot be cleared as it stands is refused with its place and the cure.
"""

import importlib.util
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

TIME_COLUMNS: Final = ("ts", "timestamp", "datetime", "time", "date")
PRICE_COLUMNS: Final = ("mark_close", "close", "settle", "price")
SYMBOL_COLUMNS: Final = ("symbol", "ticker", "instrument")
VENUE_COLUMNS: Final = ("venue", "exchange")

DEFAULT_NAME: Final = "package arch"
PACKAGED: Final = (
    ("S&P 500", "sp500/sp500.csv.gz", "close"),
    ("Nasdaq Composite", "nasdaq/nasdaq.csv.gz", "close"),
    ("WTI crude", "wti/wti.csv.gz", "dcoilwtico"),
)
"""The default history: a name, a file under ``arch/data`` and its price column."""


class HistoryError(ValueError):
    """A price history that cannot be cleared as it stands: where, what, and the cure."""


@dataclass(frozen=True, slots=True, eq=False)
class PriceHistory:
    """Closing prices of several series at common times.

    ``times_ns`` are strictly increasing UTC nanoseconds since 1970; ``close[time, series]`` is in the quote currency
    per unit, above zero unless read as signed, or NaN where the source has no price. ``source`` says where it comes
    from.
    """

    name: str
    source: str
    symbols: tuple[str, ...]
    times_ns: np.ndarray
    close: np.ndarray

    def __len__(self) -> int:
        return len(self.times_ns)

    @property
    def missing_count(self) -> int:
        """Prices missing between the first and the last of their series."""
        return sum(int(np.isnan(column[first : last + 1]).sum()) for column, first, last in self._spans())

    @property
    def step_ns(self) -> int:
        """The usual distance between two times: the median."""
        return int(np.median(np.diff(self.times_ns))) if len(self) > 1 else 0

    def rows(self, first: int, last: int) -> "PriceHistory":
        """The rows ``first`` to ``last`` (exclusive), without the series that have no price among them."""
        close = self.close[first:last]
        kept = np.flatnonzero((~np.isnan(close)).sum(axis=0))
        symbols = tuple(self.symbols[series] for series in kept)
        return PriceHistory(self.name, self.source, symbols, self.times_ns[first:last], close[:, kept])

    def between(self, first: str, last: str) -> "PriceHistory":
        """The rows from one ISO date to another, both included."""
        start, end = np.datetime64(first, "ns").astype(np.int64), np.datetime64(last, "D") + np.timedelta64(1, "D")
        stop = end.astype("datetime64[ns]").astype(np.int64)
        return self.rows(int(np.searchsorted(self.times_ns, start)), int(np.searchsorted(self.times_ns, stop)))

    def _spans(self) -> list[tuple[np.ndarray, int, int]]:
        spans = []
        for column in self.close.T:
            present = np.flatnonzero(~np.isnan(column))
            if len(present):
                spans.append((column, int(present[0]), int(present[-1])))
        return spans


def default_history() -> PriceHistory:
    """S&P 500 and Nasdaq Composite (daily, 1999-2018) and WTI crude (daily, 1986-2019), from the ``arch`` package.

    The CSV files are found without importing the package. Raises ``HistoryError`` where it is not installed.
    """
    spec = importlib.util.find_spec("arch")
    if spec is None or spec.origin is None:
        raise HistoryError("the package `arch` with the default price history is missing: pip install arch")
    folder = Path(spec.origin).parent / "data"
    series = []
    for symbol, file, column in PACKAGED:
        table = pa_csv.read_csv(folder / file, convert_options=_csv_options("%m/%d/%Y"))
        lower = table.rename_columns([name.lower() for name in table.column_names])
        times, prices = _times(lower["date"], file), _floats(lower[column])
        codes = np.zeros(len(times), np.int64)
        _check_prices(prices, times, codes, (symbol,), file)
        _check_order(times, codes, (symbol,), file)
        series.append((symbol, times, prices))
    # The oil series starts in 1986 and runs on after the indices end: the common span is what can be cleared.
    first, last = max(times[0] for _, times, _ in series), min(times[-1] for _, times, _ in series)
    times = np.concatenate([times for _, times, _ in series])
    codes = np.repeat(np.arange(len(series)), [len(times) for _, times, _ in series])
    prices = np.concatenate([prices for _, _, prices in series])
    kept = (times >= first) & (times <= last) & ~np.isnan(prices)
    source = (
        "S&P 500 and Nasdaq Composite daily closes and WTI crude spot (Cushing), "
        "from the data files of the Python package arch"
    )
    symbols = tuple(symbol for symbol, _, _ in series)
    return _pivot(DEFAULT_NAME, source, symbols, times[kept], codes[kept], prices[kept])


def read_history(path: Path, *, signed: bool = False) -> PriceHistory:
    """Read a Parquet or CSV file of prices, in long or in wide form.

    *Long*: a time (``ts``, ``timestamp``, ``datetime``, ``time`` or ``date``), a price (``mark_close``, ``close``,
    ``settle`` or ``price``: the first that is there), and optionally ``symbol`` and ``venue``. *Wide*: a time and one
    numeric column per series. Times are timestamps, dates, ISO 8601 text or whole seconds, milliseconds, microseconds
    or nanoseconds since 1970, in UTC unless they say otherwise; they increase strictly within each series. Where a
    file holds bars of several lengths in a column ``interval``, the shortest are read.

    A null (an empty CSV field) is a missing price and stays one. Raises ``HistoryError`` for anything else that is
    not a positive number (or, where ``signed``, no finite number), for times out of order or twice, and for columns
    that are not there.
    """
    table = _read_table(path)
    columns = [name.strip().lower() for name in table.column_names]
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise HistoryError(f"{path}: two columns are called `{twice[0]}`, whatever their case: give each its own name")
    table = table.rename_columns(columns)
    time_name = _pick(table, TIME_COLUMNS)
    if time_name is None:
        raise HistoryError(
            f"{path}: no column of times: expected one of {', '.join(TIME_COLUMNS)}, "
            f"got {', '.join(table.column_names)}"
        )
    if table.num_rows == 0:
        raise HistoryError(f"{path}: no rows: give at least two times with a price")
    price_name = _pick(table, PRICE_COLUMNS)
    if price_name is None and _pick(table, SYMBOL_COLUMNS) is not None:
        raise HistoryError(
            f"{path}: no column of prices: a file with symbols needs one of {', '.join(PRICE_COLUMNS)}, "
            f"got {', '.join(table.column_names)}"
        )
    if price_name is None:
        history = _read_wide(table, path, time_name, signed)
    else:
        history = _read_long(table, path, time_name, price_name, signed)
    if len(history) < 2:
        raise HistoryError(f"{path}: one time only: give at least two times with a price")
    return history


def _read_table(path: Path) -> pa.Table:
    if not path.is_file():
        raise HistoryError(f"{path}: no such file: give a Parquet or CSV file of prices")
    name = path.name.lower()
    try:
        if name.endswith((".parquet", ".pq")):
            return pa_parquet.read_table(path)
        if name.endswith((".csv", ".csv.gz")):
            return pa_csv.read_csv(path, convert_options=_csv_options())
    except pa.ArrowInvalid as error:
        raise HistoryError(f"{path}: cannot be read: {error}") from error
    raise HistoryError(f"{path}: unknown kind of file: expected .parquet, .csv or .csv.gz")


def _csv_options(*formats: str) -> pa_csv.ConvertOptions:
    """What an empty field looks like. NaN is not among it: it is a number that went wrong, and is refused."""
    return pa_csv.ConvertOptions(
        timestamp_parsers=[*formats, pa_csv.ISO8601],
        null_values=["", ".", "NA", "N/A", "null"],
        strings_can_be_null=True,
    )


def _pick(table: pa.Table, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in table.column_names), None)


def _read_long(table: pa.Table, path: Path, time_name: str, price_name: str, signed: bool) -> PriceHistory:
    if "interval" in table.column_names:
        table = _shortest_bars(table, path)
    symbol_name, venue_name = _pick(table, SYMBOL_COLUMNS), _pick(table, VENUE_COLUMNS)
    if symbol_name is None:
        labels = pa.array([path.name.split(".")[0]] * table.num_rows)
    else:
        labels = table[symbol_name].cast(pa.string())
    if venue_name is not None:
        labels = pc.call_function(
            "binary_join_element_wise", [labels, table[venue_name].cast(pa.string()), pa.scalar("@")]
        )
    if labels.null_count:
        raise HistoryError(
            f"{path}: row {_first_null(labels)}: no {symbol_name or venue_name}: name every row's series"
        )
    chunked = labels if isinstance(labels, pa.ChunkedArray) else pa.chunked_array([labels])
    encoded = chunked.combine_chunks().dictionary_encode()
    symbols = tuple(str(symbol) for symbol in encoded.dictionary.to_pylist())
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    times, prices = _times(table[time_name], str(path)), _price_column(table, price_name, path)
    _check_order(times, codes, symbols, str(path))
    if not signed:
        _check_prices(prices, times, codes, symbols, str(path))
    return _pivot(path.stem, f"{path.name}, column {price_name}", symbols, times, codes, prices)


def _shortest_bars(table: pa.Table, path: Path) -> pa.Table:
    units = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
    seconds = {}
    for text in table["interval"].unique().to_pylist():
        digits = str(text).rstrip("abcdefghijklmnopqrstuvwxyz")
        unit = str(text)[len(digits) :]
        if not digits.isdigit() or unit not in units:
            raise HistoryError(f"{path}: interval {text!r}: expected a number and s, m, h, d or w, such as 30m")
        seconds[text] = int(digits) * units[unit]
    shortest = min(seconds, key=lambda text: seconds[text])
    return table.filter(pc.call_function("equal", [table["interval"], pa.scalar(shortest)]))


def _read_wide(table: pa.Table, path: Path, time_name: str, signed: bool) -> PriceHistory:
    names = [
        field.name
        for field in table.schema
        if field.name != time_name and (pa.types.is_floating(field.type) or pa.types.is_integer(field.type))
    ]
    if not names:
        raise HistoryError(
            f"{path}: no column of prices: expected {' or '.join(PRICE_COLUMNS)}, or one numeric column per series"
        )
    times = _times(table[time_name], str(path))
    _check_order(times, np.zeros(len(times), np.int64), (path.stem,), str(path))
    columns = []
    for code, name in enumerate(names):
        prices = _price_column(table, name, path)
        if not signed:
            _check_prices(prices, times, np.full(len(times), code), tuple(names), str(path))
        columns.append(prices)
    close = np.stack(columns, axis=1)
    return PriceHistory(path.stem, f"{path.name}, one column per series", tuple(names), times, close).rows(
        0, len(times)
    )


def _price_column(table: pa.Table, name: str, path: Path) -> np.ndarray:
    column = table[name]
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_decimal(column.type)):
        raise HistoryError(f"{path}: column `{name}` is {column.type}: expected numbers")
    values = _floats(column)
    nulls = column.is_null().to_numpy()
    unusable = np.flatnonzero(~np.isfinite(values) & ~nulls)
    if len(unusable):
        row = int(unusable[0])
        raise HistoryError(
            f"{path}: row {row + 1}: `{name}` is {values[row]}: expected a positive number; "
            "write a price that is missing as null, and it stays missing"
        )
    return values


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.float64()).to_numpy().astype(np.float64)


def _times(column: pa.ChunkedArray, place: str) -> np.ndarray:
    """UTC nanoseconds of a column of times."""
    kind = column.type
    if column.null_count:
        raise HistoryError(f"{place}: row {_first_null(column)}: no time: every row needs one")
    try:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            column = pc.cast(column.cast(pa.string()), pa.timestamp("ns"))
        elif pa.types.is_integer(kind):
            column = column.cast(pa.int64()).cast(pa.timestamp(_epoch_unit(int(column[0].as_py()), place)))
        elif not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            raise HistoryError(f"{place}: times are {kind}: expected timestamps, dates, ISO 8601 text or whole numbers")
        return column.cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64()).to_numpy().astype(np.int64)
    except pa.ArrowInvalid as error:
        raise HistoryError(f"{place}: a time cannot be read: {error}; write ISO 8601, such as 2008-09-15") from error


def _epoch_unit(first: int, place: str) -> str:
    """The unit of whole numbers since 1970, by their size: unambiguous from 2001 to 2286."""
    for unit, scale in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        if 10**9 * scale <= first < 10**10 * scale:
            return unit
    raise HistoryError(f"{place}: time {first} is no count of s, ms, us or ns since 1970: write ISO 8601 instead")


def _first_null(column: pa.Array | pa.ChunkedArray) -> int:
    return int(np.flatnonzero(np.asarray(column.is_null()))[0]) + 1


def _check_order(times: np.ndarray, codes: np.ndarray, symbols: tuple[str, ...], place: str) -> None:
    """Times must increase strictly within each series."""
    by_series = np.argsort(codes, kind="stable")
    later, earlier = by_series[1:], by_series[:-1]
    bad = np.flatnonzero((codes[later] == codes[earlier]) & (times[later] <= times[earlier]))
    if not len(bad):
        return
    row, before = int(later[bad[0]]), int(earlier[bad[0]])
    symbol, when = symbols[int(codes[row])], _iso(int(times[row]))
    if times[row] == times[before]:
        raise HistoryError(f"{place}: row {row + 1}: {symbol} has a second price at {when}: keep one of them")
    raise HistoryError(
        f"{place}: row {row + 1}: {symbol} goes back to {when} after {_iso(int(times[before]))}: sort the rows by time"
    )


def _check_prices(
    prices: np.ndarray, times: np.ndarray, codes: np.ndarray, symbols: tuple[str, ...], place: str
) -> None:
    """Prices must be above zero: contracts have positive price limits."""
    bad = np.flatnonzero(prices <= 0)
    if len(bad):
        row = int(bad[0])
        raise HistoryError(
            f"{place}: row {row + 1}: {symbols[int(codes[row])]} is {prices[row]:g} at {_iso(int(times[row]))}: "
            "contracts have positive price limits, so that a price must be above zero; cut the history before it, or "
            "leave the field empty: the contract is then halted, as it would be"
        )


def _pivot(
    name: str, source: str, symbols: tuple[str, ...], times: np.ndarray, codes: np.ndarray, prices: np.ndarray
) -> PriceHistory:
    common, rows = np.unique(times, return_inverse=True)
    close = np.full((len(common), len(symbols)), np.nan)
    close[rows, codes] = prices
    return PriceHistory(name, source, symbols, common, close).rows(0, len(common))


def _iso(time_ns: int) -> str:
    when = datetime.fromtimestamp(time_ns // 10**9, UTC)
    return when.date().isoformat() if time_ns % (86_400 * 10**9) == 0 else when.strftime("%Y-%m-%d %H:%M:%S")
