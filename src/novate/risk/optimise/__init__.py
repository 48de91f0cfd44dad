"""What is best to do about a requirement: the cheapest collateral for it, the trades that lower it most.

Needs ``highspy``: ``pip install 'novate[optimise]'``. A solver computes in floats; every answer is counted again in
whole numbers before it is given.
"""
