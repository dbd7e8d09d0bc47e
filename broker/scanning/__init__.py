"""Finds long-lived secrets that should not lie about: what `broker scan` knows."""
