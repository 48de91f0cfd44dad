"""A folder, and a day of the small house in it."""

from pathlib import Path

import pytest

from tests.service.house import a_day_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "house"


@pytest.fixture
def digest(folder: Path) -> bytes:
    """The state hash after a day that lies in ``folder``."""
    return a_day_in(folder)
