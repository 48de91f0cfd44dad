"""Memory that was let go, filled with rubbish: on Linux whatever still reads it is found at once."""

RUBBISH = {"MALLOC_PERTURB_": "85", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
"""The environment of a process in which that is so."""
