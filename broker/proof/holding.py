"""Whether a request holds the key of the token that it shows: the one rule, for every bound token.

The broker judges workload tokens by it, and verifiers the broker's own access tokens:

- a token that is bound to a DPoP key is shown under ``DPoP``, with a proof by that key that names
  it; shown as a bearer token it is refused, whatever else the request proves (RFC 9449 §7.1, §7.2);
- one that is bound to a client certificate is shown as ``Bearer``, over a connection with that
  certificate (RFC 8705 §3).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from broker.proof.authorization import Scheme
from broker.proof.confirmation import Binding, Confirmation, ProvenKeys

_SCHEMES: Final[Mapping[Binding, Scheme]] = MappingProxyType(
    {Binding.DPOP: Scheme.DPOP, Binding.MTLS: Scheme.BEARER}
)


class UnheldError(ValueError):
    """The request does not hold the token's key. The text is a constant, for logs."""


def ensure_scheme(bound_to: Confirmation, scheme: Scheme | None) -> None:
    """Return if a token is shown under the scheme of its binding: before any proof is looked at.

    Raises:
        UnheldError: it is shown otherwise, or without a request.
    """
    if scheme is not _SCHEMES[bound_to.binding]:
        raise UnheldError("a bound token is shown under another scheme than its binding's")


def ensure_held(bound_to: Confirmation, scheme: Scheme | None, proven: ProvenKeys) -> None:
    """Return if a request holds the key that its token is bound to.

    ``proven`` is what this very request has proven: a DPoP key by a proof that named the token,
    which is checked wherever the scheme is ``DPoP``.

    Raises:
        UnheldError: it does not.
    """
    ensure_scheme(bound_to, scheme)
    if not proven.include(bound_to):
        raise UnheldError("the token is bound to a key that this request does not prove")
