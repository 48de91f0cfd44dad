"""What goes wrong, as one line and an exit code: the one place that says which (docs/reference/commands.md).

An error that is not named here is a fault of the program, and keeps its trace.
"""

from typing import Final

from novate.terminal import NOT_PASSED, Failure

IN_OPTIONS: Final = {
    "in `vouched`": "with --vouch",
    "rename one": "say which it is with --series",
    "make the factor absolute": "give the series as --absolute",
}
"""Cures of the library, and what they are on the command line."""


def failure_of(error: Exception) -> Failure | None:
    """The failure that an error is: of a check that did not pass, or of what was given; None for other errors."""
    from novate.risk.errors import RiskError
    from novate.service.chain import JournalError, JournalLocked, JournalNotThere
    from novate.service.tickets import EngineStopped

    if isinstance(error, Failure):
        return error
    if isinstance(error, OSError):
        return Failure(f"{error.filename or 'input/output'}: {error.strerror or error}")
    if isinstance(error, JournalLocked | JournalNotThere):
        return Failure(str(error))
    if isinstance(error, JournalError | EngineStopped):
        return Failure(str(error), NOT_PASSED)
    if isinstance(error, RiskError) or _is_of_history(error):
        return Failure(in_options(error))
    return None


def _is_of_history(error: Exception) -> bool:
    from novate.market.history import HistoryError  # last: it loads what reads Parquet

    return isinstance(error, HistoryError)


def in_options(error: Exception) -> str:
    """What is wrong, the cure in the command line's words."""
    message = str(error)
    for of_library, of_options in IN_OPTIONS.items():
        message = message.replace(of_library, of_options)
    return message
