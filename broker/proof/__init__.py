"""Proof of possession: which keys a request has shown to hold (RFC 7800, RFC 8705, RFC 9449).

Light, and the same for the broker and for resource servers: whoever accepts a bound token checks
by this package that the bearer holds the key.
"""
