"""Compiled loops over floats: numpy and numba, nothing else. What calls them checks their input; they check nothing."""
