"""Simulated participants over recorded prices: everything here comes from a seed and stays outside the core."""
