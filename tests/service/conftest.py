"""A folder, and a day of the small house in it."""

from pathlib import Path

import pytest

from novate.service.engine import Engine
from tests.service.house import carry_out, day


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "house"


@pytest.fixture
def digest(folder: Path) -> bytes:
    """The state hash after a day that lies in ``folder``."""
    with Engine(folder) as engine:
        return carry_out(engine, day())
