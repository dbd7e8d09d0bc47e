"""What a kind may say of the tokens by which the broker logs in at its targets."""

from typing import Protocol, runtime_checkable

import msgspec


@runtime_checkable
class LogsIn(Protocol):
    """A kind at whose targets the broker may log in with tokens that it signs."""

    def algorithms(self, options: msgspec.Struct) -> frozenset[str]:
        """Name the algorithms (RFC 7518) that such a target believes; none: any, or no tokens."""
        ...
