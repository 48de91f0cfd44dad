"""Risk models: pure functions over float arrays, which end where a risk sheet begins."""
