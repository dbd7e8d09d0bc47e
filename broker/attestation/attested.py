"""What a verified token says."""

from collections.abc import Mapping

import msgspec

from broker.model.principal import Kind

Scalar = str | int | bool


class Attested(msgspec.Struct, frozen=True):
    """The result of attestation; only this package builds one. A registry makes a principal of it.

    ``tenant`` is empty when the issuer's declaration maps none. ``expires_at_ms`` is the token's
    own end, ``begins_at_ms`` the first instant at which anybody can have taken it. ``claims`` holds
    the declared claims that are strings, integers or booleans.
    ``evidence`` is the one name of what was shown (:mod:`broker.attestation.evidence`).
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
