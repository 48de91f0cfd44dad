"""Where a planted bug is found: the auditor plays the worlds in which the bug changes anything, until one fails.

Most worlds never come to where a bug is. Those end as without it, which a house alone shows in a tenth of the time.
"""

import functools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from novate.sim.worlds.play import Failure, Played, play

STEPS = 200
Bug = tuple[Any, str, Any]
"""Where, what, and what is there instead."""


def ended(seed: int) -> tuple[bytes, Counter[str], Failure | None]:
    """How a world ends without an auditor, with what happened in it."""
    played = play(seed, STEPS, audited=False)
    return played.digest, played.seen, played.failure


ended_soundly = functools.cache(ended)
"""How it ends without a bug: asked for while none is planted."""


def first_failure(bug: Bug, seeds: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> tuple[Played, Failure]:
    """The first world that fails where the bug is planted."""
    for seed in seeds:
        sound = ended_soundly(seed)
        with monkeypatch.context() as planted:
            planted.setattr(*bug)
            if ended(seed) == sound:
                continue
            played = play(seed, STEPS)
            if played.failure is not None:
                return played, played.failure
    raise AssertionError(f"{len(seeds)} worlds did not find the bug")
