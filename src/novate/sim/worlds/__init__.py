"""A seed is a world: what the house is asked is drawn from it, and an auditor stands beside the core at every step.

terms, prices, people   what there is: assets, contracts, rules, price paths, characters
world                   what people do next in the house they see
trading, resting        trades, and orders that rest until they are filled
pooling                 sub-accounts of one purse
isolating, banking      contracts in buckets of their own; money in steps
selling                 orders that sell collateral for what is owed
models, modelling       risk sheets, and who is margined by them
overseeing, ending      limits and halts; contracts that end
afterwards              what becomes of trades, positions and the clients of a member in default
script                  steps (commands and restarts) as data, so that any part can be played again
play                    the core, the auditor and the restarts, step by step
shrink                  fewest steps that still fail
many, console           many worlds on all cores; ``novate sim``
known                   the known ways to lose the fund, each a world of its own
"""
