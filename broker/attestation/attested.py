"""What a verified token says."""

from collections.abc import Mapping

import msgspec

from broker.model.principal import Kind
from broker.proof.confirmation import Confirmation

Scalar = str | int | bool


class Attested(msgspec.Struct, frozen=True):
    """The result of attestation; only this package builds one. A registry makes a principal of it.

    ``tenant`` is empty when the issuer's declaration maps none. ``expires_at_ms`` is the token's
    own end, ``begins_at_ms`` the first instant at which anybody can have taken it. ``claims`` holds
    the declared claims that are strings, integers or booleans.
    ``evidence`` is the one name of what was shown (:mod:`broker.attestation.evidence`).
    ``session`` is what the issuer calls its session with the bearer; empty where nothing says.
    ``bound_to`` is the key whose possession the request that shows it has to prove, if any.
    """

    kind: Kind
    name: str
    tenant: str
    instance: str
    issuer: str
    subject: str
    expires_at_ms: int
    claims: Mapping[str, Scalar] = msgspec.field(default_factory=dict)
    evidence: str = ""
    begins_at_ms: int = 0
    bound_to: Confirmation | None = None
    session: str = ""
