"""The figures of novate: how fast, how big, and against what. See docs/benchmarks.md."""
