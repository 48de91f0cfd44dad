"""The library's front door: a clearing house to drive in ten lines."""

from novate.house.house import ClearingHouse
from novate.house.outcome import Outcome, Recorded

__all__ = ["ClearingHouse", "Outcome", "Recorded"]
