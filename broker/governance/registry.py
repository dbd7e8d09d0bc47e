"""From what was attested to who it is here: only the registered are anybody.

- Tenants come from the registry, never from the evidence; evidence that names a tenant must agree.
- Unknown, suspended and retired are refused, with a reason for audit and none for the caller.
"""

from collections.abc import Mapping
from copy import copy
from typing import Protocol

from msgspec import UNSET
from msgspec.structs import replace

from broker.errors import AttestationError
from broker.facts.facts import Facts
from broker.governance.agent_things import record_of
from broker.governance.document import BundleDocument
from broker.governance.identities import is_allowed
from broker.governance.people import tenants_of
from broker.governance.reasons import IDENTITY_NOT_ALLOWED, SUSPENDED, UNREGISTERED
from broker.governance.records import AgentRecord, Status
from broker.governance.shown import Shown
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.proof.confirmation import Confirmation


class Attested(Shown, Protocol):
    """What attestation shows. ``tenant`` is empty when the evidence does not say."""

    @property
    def tenant(self) -> str:
        """The tenant that the evidence names, or empty."""
        ...

    @property
    def instance(self) -> str:
        """Which running copy it is."""
        ...

    @property
    def expires_at_ms(self) -> int:
        """The end of the evidence itself."""
        ...

    @property
    def claims(self) -> Mapping[str, str | int | bool]:
        """The claims that the issuer's declaration lets through."""
        ...

    @property
    def evidence(self) -> str:
        """The one name of the evidence."""
        ...

    @property
    def begins_at_ms(self) -> int:
        """The first instant at which anybody can have taken the evidence."""
        ...

    @property
    def session(self) -> str:
        """The issuer's session with the bearer, or empty."""
        ...

    @property
    def bound_to(self) -> Confirmation | None:
        """The key that the evidence is bound to, if any."""
        ...


class Registry:
    """The registered of one published bundle, and agents and people of the facts. Immutable.

    A name that the bundle registers is the bundle's, whatever the log says.
    """

    def __init__(self, document: BundleDocument) -> None:
        self._facts: Facts | None = None
        self._agents = {agent.name: agent for agent in document.agents}
        self._tenants: dict[Kind, dict[str, tuple[str, ...]]] = {
            Kind.ORCHESTRATOR: {each.name: each.tenants for each in document.orchestrators},
            Kind.OPERATOR: {each.name: each.tenants for each in document.operators},
            Kind.RESOURCE: {each.audience: each.tenants for each in document.resource_servers},
        }

    def over(self, facts: Facts) -> "Registry":
        """Return the same registry, with the agents and the people that these facts know."""
        other = copy(self)
        other._facts = facts  # noqa: SLF001 - its own kind
        return other

    def agent(self, name: str) -> AgentRecord | None:
        """Return an agent's record, whatever its status."""
        known = self._agents.get(name)
        if known is not None or self._facts is None:
            return known
        thing = self._facts.agent(name)
        return None if thing is None else record_of(thing)

    def resolve(self, attested: Attested) -> Principal:
        """Say who this is.

        Raises:
            AttestationError: nobody who may act, with reason ``unregistered``, ``suspended`` or
                ``identity-not-allowed``.
        """
        tenants = self._registered(attested, attested.tenant)
        return Principal(
            kind=attested.kind,
            name=attested.name,
            tenants=_confined(attested, tenants),
            instance=attested.instance,
            issuer=attested.issuer,
            subject=attested.subject,
            expires_at_ms=attested.expires_at_ms,
            claims=dict(attested.claims),
            evidence=attested.evidence,
            begins_at_ms=attested.begins_at_ms,
            bound_to=attested.bound_to,
            session=attested.session,
        )

    def confirm(self, caller: Principal) -> Principal:
        """Say who a caller is here whom another revision has resolved: never more than there.

        Of an agent that is in another tenant nothing else is said: it is told where it was (I16).

        Raises:
            AttestationError: nobody who may act, as :meth:`resolve`.
        """
        kept = _shared(caller.tenants, self._tenants_of(caller))
        if not kept:
            raise AttestationError(UNREGISTERED, f"{caller.ref} has moved to other tenants")
        self._registered(caller, _only(caller.tenants))
        return caller if kept == caller.tenants else replace(caller, tenants=kept)

    def _tenants_of(self, caller: Principal) -> frozenset[str]:
        if caller.kind is not Kind.AGENT:
            return frozenset(self._registered(caller, _only(caller.tenants)))
        agent = self.agent(caller.name)
        return frozenset() if agent is None else frozenset({agent.tenant})

    def _registered(self, shown: Shown, within: str) -> tuple[str, ...]:
        """Return all of its tenants; of a person those that ``within`` leaves, if it names one."""
        if shown.kind is Kind.AGENT:
            return self._registered_agent(shown)
        if shown.kind is Kind.PERSON:
            return tenants_of(self._facts, shown, within)
        tenants = self._tenants[shown.kind].get(shown.name)
        if tenants is None:
            raise AttestationError(UNREGISTERED, f"no {shown.kind} is called {shown.name!r}")
        return tenants

    def _registered_agent(self, shown: Shown) -> tuple[str, ...]:
        agent = self.agent(shown.name)
        if agent is None:
            raise AttestationError(UNREGISTERED, f"no {shown.kind} is called {shown.name!r}")
        _refuse_inactive(agent)
        _refuse_other_identities(agent, shown)
        return (agent.tenant,)


def _only(tenants: frozenset[str]) -> str:
    """Return the one tenant among them, or empty when there are more."""
    return next(iter(tenants)) if len(tenants) == 1 else ""


def _shared(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    if ALL_TENANTS in other:
        return one
    return other if ALL_TENANTS in one else one & other


def _refuse_inactive(agent: AgentRecord) -> None:
    if agent.status is Status.SUSPENDED:
        raise AttestationError(SUSPENDED, f"agent {agent.name} is suspended")
    if agent.status is not Status.ACTIVE:
        raise AttestationError(UNREGISTERED, f"agent {agent.name} is {agent.status}")


def _refuse_other_identities(agent: AgentRecord, shown: Shown) -> None:
    stated = agent.identities
    if stated is not UNSET and not is_allowed(stated, shown.issuer, shown.subject):
        raise AttestationError(
            IDENTITY_NOT_ALLOWED, f"agent {agent.name} is not shown by any of its identities"
        )


def _confined(attested: Attested, tenants: tuple[str, ...]) -> frozenset[str]:
    """Hold the caller to the tenant that its evidence names, if it names one."""
    if not attested.tenant:
        return frozenset(tenants)
    if attested.tenant not in tenants and ALL_TENANTS not in tenants:
        message = f"{attested.kind} {attested.name} is not registered in {attested.tenant!r}"
        raise AttestationError(UNREGISTERED, message)
    return frozenset({attested.tenant})
