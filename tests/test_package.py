"""The package itself: what it exports, and what importing it costs."""

import subprocess
import sys

import pytest

import novate


def test_importing_novate_loads_nothing_heavy() -> None:
    code = "import novate, sys; print(*sorted({'numba', 'numpy', 'arch', 'pyarrow', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_what_novate_exports() -> None:
    for name in novate.__all__:
        assert getattr(novate, name) is not None
        assert name in dir(novate)
    with pytest.raises(AttributeError, match="it has ClearingHouse"):
        _ = novate.Clearinghouse  # type: ignore[attr-defined]
