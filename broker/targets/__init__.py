"""Servers at which credentials live: how they are declared, reached, and kept from each other."""
