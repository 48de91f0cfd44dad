"""What the models refuse: one exception, with the place, the values and the cure in its message."""


class RiskError(ValueError):
    """Data or parameters that no margin may be computed from: names the series, day or parameter, and the cure."""
