"""Compiled loops over the columns. Each has a slow, readable twin in Python integers in ``core/plain``.

Rows are the records of ``layout.py`` and the tables come together as one ``Tables``. Nothing here decides a rule
that is not also written in the twin; the bounds that keep every product and sum inside 64 bits are argued in
``money.py`` and checked at listing and on every trade.
"""
