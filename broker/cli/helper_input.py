"""What a tool says on standard input: bytes, and never more than a bound."""

import sys


def said(most_bytes: int) -> bytes:
    """Read it to its end, or one byte beyond the bound, which no reader takes."""
    return sys.stdin.buffer.read(most_bytes + 1)
