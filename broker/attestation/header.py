"""The three header members that count: ``alg``, ``kid``, ``typ``, each checked by type and form."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from broker.attestation.reasons import Reason
from broker.errors import AttestationError

ABSENT: Final = "absent"
"""How a declaration says that a token may come without ``typ``."""

KEY_ID: Final = re.compile(r"[A-Za-z0-9._:+=/-]{1,256}", re.ASCII)
"""A ``kid`` is looked up in a dictionary and is never a path, a URL or a query (B4)."""

_MEDIA_PREFIX: Final = "application/"


@dataclass(frozen=True, slots=True)
class JoseHeader:
    """A checked header. The token is still unverified."""

    algorithm: str
    key_id: str


def check_header(
    unverified_header: Mapping[str, object], *, algorithms: Collection[str], types: Collection[str]
) -> JoseHeader:
    """Check a header against what its issuer declares.

    ``types`` are media types in lower case without ``application/``, or ``absent``.

    Raises:
        AttestationError: ``algorithm``, ``type`` or ``key-id``.
    """
    algorithm = unverified_header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise AttestationError(
            Reason.ALGORITHM, f"alg is not one of {', '.join(algorithms)}", claim="alg"
        )
    if _media_type(unverified_header) not in types:
        raise AttestationError(
            Reason.TYPE, f"typ is not one of {', '.join(sorted(types))}", claim="typ"
        )
    key_id = unverified_header.get("kid")
    if not isinstance(key_id, str) or KEY_ID.fullmatch(key_id) is None:
        raise AttestationError(Reason.KEY_ID, "kid is missing or malformed", claim="kid")
    return JoseHeader(algorithm=algorithm, key_id=key_id)


def _media_type(unverified_header: Mapping[str, object]) -> str:
    """Fold ``typ`` as RFC 7515 §4.1.9 compares it: without case, ``application/`` optional."""
    if "typ" not in unverified_header:
        return ABSENT
    declared = unverified_header["typ"]
    if not isinstance(declared, str):
        return ""
    folded = declared.lower().removeprefix(_MEDIA_PREFIX)
    # Who writes "absent" there means some type that nobody declares, not a missing member.
    return "" if folded == ABSENT else folded
