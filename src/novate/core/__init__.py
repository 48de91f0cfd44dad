"""The clearing house itself: deterministic, integers only; no input or output, no clock, no randomness."""
