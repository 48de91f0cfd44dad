"""How venues unwind an account that fails: at which price, in which order, and who bears the rest.

Exact integers and fractions throughout, in the smallest unit of the venue's money (micro-dollars on dYdX), with the
roundings that each venue states. Calculators, not the house: what the house itself does is in its rulebook.
"""
