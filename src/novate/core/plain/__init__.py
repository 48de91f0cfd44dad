"""What the compiled loops compute, in plain Python integers and fractions: slow, and meant to be read.

This is the specification of ``kernels``: it works from the terms as people wrote them and from whole brackets, keeps no
running totals and judges a bucket afresh after every leg. The tests compare the two on random houses.
"""
