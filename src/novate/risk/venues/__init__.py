"""How venues margin: each mechanism a pure function from a book and its parameters to a requirement that says why."""
