"""Who a caller has been shown to be."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from broker.proof.confirmation import NOTHING_PROVEN, Confirmation, ProvenKeys

ALL_TENANTS = "*"
"""What an operator's tenant list holds when the operator answers for every tenant."""


class Kind(StrEnum):
    """What part a principal plays."""

    AGENT = "agent"
    ORCHESTRATOR = "orchestrator"
    OPERATOR = "operator"
    RESOURCE = "resource"
    PERSON = "person"

    # The enum's own runs Python code, several times for each decision.
    __hash__ = str.__hash__


class Principal(msgspec.Struct, frozen=True):
    """The verified result of attestation. Only an attestor builds one.

    ``name`` is the registered identity (an agent's, orchestrator's or operator's name; for a
    resource server, its audience; for a person, what the facts call her in each of ``tenants``).
    ``instance`` tells two running copies apart. ``issuer`` is the ``iss`` of the evidence;
    ``expires_at_ms`` is the evidence's own end, which caps whatever is granted on it.
    ``claims`` holds only the claims that the issuer's declaration lets through.
    ``proven`` are the keys that this very request has shown to hold. ``evidence`` is the one name
    of what was shown, by which single use is kept; what has no name cannot be used once.
    ``begins_at_ms`` is the first instant at which any broker can have taken it.
    ``bound_to`` is the key that the evidence itself is bound to; the edge lets nobody through whose
    request does not hold it. ``session`` is what the issuer calls the session that the evidence
    came from, where its declaration says which claim tells; empty otherwise.
    """

    kind: Kind
    name: str
    tenants: frozenset[str]
    instance: str
    issuer: str
    subject: str
    expires_at_ms: int
    claims: Mapping[str, str | int | bool] = msgspec.field(default_factory=dict)
    proven: ProvenKeys = NOTHING_PROVEN
    evidence: str = ""
    begins_at_ms: int = 0
    bound_to: Confirmation | None = None
    session: str = ""
    origin: str = ""
    """From where this request came, as far as evidence or connection says it: for detectors, and
    for no decision."""

    def answers_for(self, tenant: str) -> bool:
        """Tell whether this principal belongs to the tenant (I16)."""
        return tenant in self.tenants or ALL_TENANTS in self.tenants

    @property
    def ref(self) -> str:
        """The principal as one word, for records: ``agent:invoice-bot``."""
        return f"{self.kind}:{self.name}"
