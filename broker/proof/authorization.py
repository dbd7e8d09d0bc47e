"""The one parser of ``Authorization`` (RFC 6750 §2.1, RFC 9449 §7.1), for broker and verifiers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_CREDENTIALS: Final = re.compile(r"([A-Za-z]+) +([A-Za-z0-9._~+/-]+=*)", re.ASCII)
"""RFC 9110 §11.4, ``token68`` only."""


class Scheme(StrEnum):
    """How a token is shown. The names have no case (RFC 9110 §11.1)."""

    BEARER = "bearer"
    DPOP = "dpop"


_SCHEMES: Final = {scheme.value: scheme for scheme in Scheme}


class AuthorizationError(ValueError):
    """Two headers, or one that names a scheme of ours and is malformed. Nothing is echoed."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """A token as it was shown; nothing of it is checked but its alphabet."""

    scheme: Scheme
    token: str = field(repr=False)


def parse_authorization(headers: Sequence[str]) -> Authorization | None:
    """Read the values of all ``Authorization`` headers of a request.

    Returns:
        ``None`` when there is none, or only one of another scheme.

    Raises:
        AuthorizationError: it cannot be told which token is shown.
    """
    if not headers:
        return None
    if len(headers) > 1:
        raise AuthorizationError("two Authorization headers")
    scheme = _SCHEMES.get(headers[0].partition(" ")[0].lower())
    if scheme is None:
        return None
    credentials = _CREDENTIALS.fullmatch(headers[0])
    if credentials is None:
        raise AuthorizationError("not a scheme and one token")
    return Authorization(scheme, credentials[2])
