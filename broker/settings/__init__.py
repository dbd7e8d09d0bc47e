"""Typed configuration: read once, every fault reported together with file, line, key and remedy."""
