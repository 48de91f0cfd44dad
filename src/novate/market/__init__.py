"""Prices from outside: what a source recorded, as it recorded it."""
