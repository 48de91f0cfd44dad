"""What all tests share: the folder of recorded market data, and Hypothesis' profile.

The data is not part of the repository. ``NOVATE_DATA`` names its folder, ``../shared/data`` beside the checkout is the
default. A test that needs what is not there is skipped and says so; but where the variable names a folder that exists,
the data was promised, and the test fails.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA_PROMISED = bool(os.environ.get("NOVATE_DATA"))
TOGETHER = (
    "tests/bench/test_bench.py",
    "tests/service/test_flips.py",
    "tests/service/test_power.py",
    "tests/sim/test_demo.py",
)
"""Files whose tests share what one of them made: they stay in one process."""
DATA = Path(os.environ.get("NOVATE_DATA") or ROOT / "../shared/data").resolve()

# A first call may compile a kernel, so no example has a deadline; a failure prints the line that repeats it. The same
# commit passes or fails alike each time; `make test-long` searches on, with other examples at each run.
hypothesis.settings.register_profile("search", deadline=None, print_blob=True)
hypothesis.settings.register_profile("same", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("same")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the largest kernels before tests run side by side: each process would compile them for itself."""
    if session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput"):
        from tests.ahead import compile_ahead

        compile_ahead()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Worlds first, which take longest: at the end no process waits for another's."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/sim/"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests go to whichever process is free, but for the files whose tests share what one of them made.

    xdist's own ``loadgroup`` writes the group into a test's id, which pytest 9.2 no longer lets it do.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", maxsplit=1)[0]
            return file if file in TOGETHER else nodeid

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of recorded market data. Ask ``market_file`` for a file in it."""
    return present(DATA)


@pytest.fixture(scope="session")
def market_file(market_data: Path) -> Callable[[str], Path]:
    """From the name of a recorded file to its path: ``market_file("vix_daily.parquet")``."""
    return lambda name: present(market_data / name)


def present(path: Path) -> Path:
    """The path itself where it exists; where not, the calling test ends here."""
    if path.exists():
        return path
    if DATA_PROMISED and DATA.is_dir():
        pytest.fail(f"{path} is missing, though NOVATE_DATA names its folder: complete it, or unset NOVATE_DATA")
    pytest.skip(f"no market data at {path}: set NOVATE_DATA to its folder")
