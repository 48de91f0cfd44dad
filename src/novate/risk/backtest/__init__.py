"""Backtests: whether losses were as rare and as large as a model said, by tests that know how small samples behave."""
