"""Showing the caller's own workload token: as a bearer token, or with a proof of its key.

An issuer may bind a workload token to a key of its bearer (``cnf``, RFC 7800). One that is bound to
a DPoP key is of use only under the scheme ``DPoP``, with a proof for each request (RFC 9449 §7.1).
What the token says is read here for nothing else, and without being verified: it is our own. One
that is bound to another key goes as a bearer token: whether that will do, the broker decides.
"""

from collections.abc import Mapping

from broker import base64url, strict_json
from broker.errors import InvalidRequestError
from broker.proof.confirmation import Binding, Confirmation, ConfirmationError, read_claim
from broker.proof.dpop_key import DpopKey

_MAX_BYTES = 16_384


def authorization_headers(
    token: str | None, key: DpopKey | None, *, method: str, url: str, proves_key: bool
) -> dict[str, str]:
    """Return the headers that show a workload token with one request.

    Args:
        token: what the token source returned; without one the certificate says who calls.
        key: the agent's own, if it has one.
        method: the request's.
        url: the request's.
        proves_key: whether the answer shall be bound to the key.
    """
    if (
        token is not None
        and key is not None
        and _binding_of(token) == Confirmation(Binding.DPOP, key.thumbprint)
    ):
        return key.headers(method, url, token=token)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    if proves_key and key is not None:
        headers["DPoP"] = key.proof(method, url)
    return headers


def _binding_of(token: str) -> Confirmation | None:
    """Return the key that a token says it is bound to; None when that cannot be read."""
    parts = token.split(".")
    try:
        claims = strict_json.loads_object(base64url.decode(parts[1]), max_bytes=_MAX_BYTES)
    except (IndexError, ValueError, InvalidRequestError):
        return None
    return _read(claims)


def _read(claims: Mapping[str, object]) -> Confirmation | None:
    try:
        return read_claim(claims.get("cnf"))
    except ConfirmationError:
        return None
