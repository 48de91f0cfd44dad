"""Who takes part in a world, and what each is like."""

from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True)
class Character:
    """A way to behave, as chances and sizes.

    ``appetite`` is the part of its spare margin that a trade uses. ``pays`` is the chance that it answers a call when
    it is its turn. ``off_market`` is the chance that its trades have a price that is nobody's, ``odd`` that what it
    sends is wrong on purpose, ``greed`` that it takes out all that it can (and a unit more).
    """

    name: str
    appetite: float
    pays: float
    off_market: float
    odd: float
    greed: float


HONEST = Character("honest", 0.2, 0.95, 0.0, 0.0, 0.1)
SLOW = Character("slow", 0.3, 0.2, 0.0, 0.02, 0.2)
RECKLESS = Character("reckless", 0.97, 0.1, 0.05, 0.05, 0.6)
MALICIOUS = Character("malicious", 1.0, 0.0, 0.6, 0.35, 0.9)
CHARACTERS = (HONEST, HONEST, SLOW, RECKLESS, RECKLESS, MALICIOUS)


@dataclass
class Person:
    """An account that acts, the member behind it, what it is like, and whether it is a client's.

    A sub-account acts for itself with the money of its ``pool``.
    """

    account: int
    member: int
    character: Character
    client: bool = False
    pool: int = -1

    @property
    def purse(self) -> int:
        """The account that has its money."""
        return self.pool if self.pool >= 0 else self.account


@dataclass
class Numbers:
    """The numbers that each source gives its rows; now and then one comes twice."""

    random: Random
    given: dict[str, int] = field(default_factory=dict)

    def next(self, source: str, *, odd: bool = False) -> int:
        """The next number of a source; where something is ``odd`` one that was given before."""
        last = self.given.get(source, 0)
        if odd and last and self.random.random() < 0.5:
            return self.random.randint(max(1, last - 3), last)
        self.given[source] = last + self.random.choice([1, 1, 1, 7])
        return self.given[source]
