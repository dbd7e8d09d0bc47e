"""What kubectl says to a credential plugin, and takes from it.

``client.authentication.k8s.io/v1``: the question is in ``KUBERNETES_EXEC_INFO``, the answer an
``ExecCredential`` on standard output. A plugin here never asks anybody anything.
"""

import json
import re
from typing import Any, Final

from broker.errors import InvalidRequestError
from broker.shapes import instants
from broker.shapes.given import Given, UnfitError
from broker.strict_json import loads_object

VERSION: Final = "client.authentication.k8s.io/v1"
KIND: Final = "ExecCredential"

VARIABLE: Final = "KUBERNETES_EXEC_INFO"

_MOST_BYTES: Final = 1_048_576
"""Cluster information may bring a bundle of authorities."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]+", re.ASCII)
"""What a header can carry; kubectl puts it there as it is."""


def server(said: str) -> str:
    """Read the question; return the API server's address if kubectl was told to say it.

    Raises:
        UnfitError: it is none of this version.
    """
    try:
        asked = loads_object(said.encode(), max_bytes=_MOST_BYTES, field=VARIABLE)
    except (InvalidRequestError, UnicodeEncodeError) as error:
        raise UnfitError(f"{VARIABLE} is no question of kubectl's: {error}") from None
    version, spec = asked.get("apiVersion"), asked.get("spec")
    if asked.get("kind") != KIND or version != VERSION:
        raise UnfitError(f"{VARIABLE} asks for another form: write apiVersion: {VERSION}")
    if not isinstance(spec, dict) or not isinstance(spec.get("interactive"), bool):
        raise UnfitError(f"{VARIABLE} has no spec.interactive of true or false")
    return _address(spec)


def _address(spec: dict[str, Any]) -> str:
    cluster = spec.get("cluster", {})
    address = cluster.get("server", "") if isinstance(cluster, dict) else None
    if not isinstance(address, str):
        raise UnfitError(f"{VARIABLE} has a spec.cluster that is none")
    return address


def require_server(named: str, declared: tuple[str, ...]) -> None:
    """Refuse any other cluster than the declared ones; without any, all are served.

    Raises:
        UnfitError: it is another one, or kubectl was not told to say.
    """
    if not declared or named.rstrip("/") in {each.rstrip("/") for each in declared}:
        return
    why = f"{named[:200]!r} is none of the declared servers"
    raise UnfitError(why if named else "write provideClusterInfo: true: --server compares it")


def answer(given: Given, *, word: str = "") -> str:
    """Write the token, and until when kubectl may keep it.

    Raises:
        UnfitError: the credential is no token.
    """
    token = given.token(word).reveal()
    if _TOKEN.fullmatch(token) is None:
        raise UnfitError("its token has what no header can carry")
    end = instants.written(given.expires_at_ms)
    status = {"token": token, "expirationTimestamp": end}
    return json.dumps({"apiVersion": VERSION, "kind": KIND, "status": status})
