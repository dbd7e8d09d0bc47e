"""Logout tokens of OpenID Connect Back-Channel Logout 1.0: an issuer says that a session has ended.

A logout token is no evidence of who calls, and evidence is no logout token: the type in the header
tells them apart, then what only the one may have (``events``) and the other (``nonce``).
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from broker import text
from broker.attestation.reasons import Reason
from broker.errors import AttestationError, InvalidRequestError

TYPE: Final = "logout+jwt"
"""§2.4. As explicit typing only tells tokens apart where everybody insists on it, we do."""

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"

_MAX_WORD: Final = 512


class LoggedOut(msgspec.Struct, frozen=True):
    """What a verified logout token says: a session (``sid``), or all of a subject's, has ended.

    ``evidence`` is the one name of the token. One of ``subject`` and ``session`` may be empty.
    """

    issuer: str
    subject: str
    session: str
    evidence: str


def read_logout(claims: Mapping[str, object], issuer: str, evidence: str) -> LoggedOut:
    """Read the claims of a logout token whose signature, audience and dates have been verified.

    Raises:
        AttestationError: ``claim-missing``, ``claim-mismatch`` or ``claim-malformed``: it is none.
    """
    if "nonce" in claims:
        raise AttestationError(Reason.CLAIM_MISMATCH, "a logout token has no nonce", claim="nonce")
    _check_events(claims.get("events"))
    _word(claims, "jti")
    subject = _word(claims, "sub") if "sub" in claims else ""
    session = _word(claims, "sid") if "sid" in claims else ""
    if not subject and not session:
        raise AttestationError(Reason.CLAIM_MISSING, "neither sub nor sid is there", claim="sid")
    return LoggedOut(issuer, subject, session, evidence)


def _check_events(events: object) -> None:
    """Take exactly the one event: whatever else a token announces is not for this door."""
    if not isinstance(events, dict) or set(events) != {EVENT}:
        raise AttestationError(Reason.CLAIM_MISMATCH, "events is not a logout", claim="events")
    if not isinstance(events[EVENT], dict):
        raise AttestationError(Reason.CLAIM_MALFORMED, "the event is no object", claim="events")


def _word(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise AttestationError(Reason.CLAIM_MISSING, f"{name} is missing", claim=name)
    try:
        return text.parse_text(value, field=name, max_length=_MAX_WORD)
    except InvalidRequestError as error:
        raise AttestationError(Reason.CLAIM_MALFORMED, f"{name} {error}", claim=name) from error
