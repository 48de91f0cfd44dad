"""Our own rulebook with other parameters, and what it asks for."""

from dataclasses import replace
from typing import Any

import msgspec

from novate.risk.factors import FactorHistory
from novate.risk.venues.book import Book
from novate.rulebooks import Rulebook, load, margin

CCP = load("ccp")


def ruled(**changes: Any) -> Rulebook:
    """The rulebook with other parameters."""
    return replace(CCP, rules=msgspec.structs.replace(CCP.rules, **changes))


def modelled(**changes: Any) -> Rulebook:
    """The rulebook with other parameters of its model."""
    return ruled(model=replace(CCP.rules.model, **changes))


def asked(held: Book, history: FactorHistory, rulebook: Rulebook = CCP) -> float:
    return margin(held, rulebook, history).initial
