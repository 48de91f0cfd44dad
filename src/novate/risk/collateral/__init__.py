"""What collateral counts for: haircuts from its history, weights by size, none where it fails with its owner."""
