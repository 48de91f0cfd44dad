"""Margin models: from instruments, factor history and levels to a risk sheet, and to an estimate of what it asks."""
