"""Everything that touches the outside: the journal on disk and the engine that owns the book."""
