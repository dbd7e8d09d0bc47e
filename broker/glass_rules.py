"""What is refused of an emergency by the broker itself, whatever policy says.

Policy's word about the agent is what an emergency overrides, for the one capability. It overrides
nothing else: who is held stays held, what is cut or frozen stays so, a ceiling is a ceiling.
"""

import hashlib
from collections.abc import Sequence

from broker.errors import AccessDeniedError, GlassStateError, InvalidRequestError, NotFoundError
from broker.governance.approvers import Parties, may_answer, unmet
from broker.governance.published import Published
from broker.model.approval import Requirement
from broker.model.break_glass import Glass, GlassSpec
from broker.model.capability import BreakGlass, Capability, covers
from broker.model.decision import Decision, Deny, NeedsApproval
from broker.model.fact import person_ref
from broker.model.principal import Kind, Principal
from broker.model.task import TaskSpec
from broker.policy.built_in import refusal
from broker.policy.engine import OF_POLICY
from broker.renewability import capability_of
from broker.store import codec


def require_person(caller: Principal) -> None:
    """Let only people pass.

    Raises:
        AccessDeniedError: it is none.
    """
    if caller.kind is not Kind.PERSON:
        raise AccessDeniedError("people-only")


def require_visible(caller: Principal, glass: Glass) -> None:
    """Let the people and the operators of its tenant look.

    Raises:
        NotFoundError: to everybody else.
    """
    is_theirs = caller.kind in (Kind.PERSON, Kind.OPERATOR)
    if not is_theirs or not caller.answers_for(glass.spec.tenant):
        raise NotFoundError("no such break-glass")


def rule_of(published: Published, name: str, tenant: str) -> tuple[Capability, BreakGlass]:
    """Find a capability that people may have in an emergency.

    Raises:
        InvalidRequestError: there is none of that name in this tenant.
    """
    capability = capability_of(published, name, tenant)
    if capability is None or capability.break_glass is None:
        raise InvalidRequestError("no such capability for emergencies", field="capability")
    return capability, capability.break_glass


def require_within(
    task: TaskSpec, capability: Capability, rule: BreakGlass, scopes: frozenset[str], ttl_ms: int
) -> None:
    """Hold what is asked to what was declared for emergencies, and to the task's ceiling.

    Raises:
        InvalidRequestError: it is wider, or longer.
    """
    if not scopes or not scopes <= rule.scopes:
        listed = " ".join(sorted(rule.scopes))
        raise InvalidRequestError(f"in an emergency there are: {listed}", field="scopes")
    is_bounded = not task.bounds.admits(capability.audience)
    if is_bounded or not covers(task.ceiling, capability.name, scopes):
        raise InvalidRequestError("beyond the ceiling of the task", field="scopes")
    if ttl_ms > rule.max_ttl_ms:
        most = rule.max_ttl_ms // 1000
        raise InvalidRequestError(f"at most {most} s in an emergency", field="ttl_seconds")


def template_of(capability: Capability) -> str:
    """Name all that a capability is: another digest, another thing than was agreed to."""
    return hashlib.sha256(codec.encode(capability).encode()).hexdigest()


def is_overridden(decision: Decision) -> bool:
    """Tell whether it is policy's own no, which an emergency overrides."""
    return isinstance(decision, NeedsApproval) or (
        isinstance(decision, Deny) and decision.reason in OF_POLICY
    )


def require_same(published: Published, spec: GlassSpec) -> Capability:
    """Find the capability as it was when people were asked.

    Raises:
        GlassStateError: it is another thing by now, or other policies are in force.
    """
    capability = capability_of(published, spec.capability, spec.tenant)
    if capability is None or template_of(capability) != spec.template:
        raise GlassStateError("the capability is another thing by now: ask anew")
    if published.decider.version != spec.policy_version:
        raise GlassStateError("other policies are in force by now: ask anew")
    return capability


def require_standing(published: Published, spec: GlassSpec, now_ms: int) -> None:
    """Let nothing open for an agent, a tenant or a person that is held or gone by now.

    Raises:
        AccessDeniedError: one of them is.
    """
    facts = published.facts
    agent = facts.agent(spec.agent)
    person = person_ref(spec.tenant, spec.opener)
    agents = () if agent is None else (agent,)
    found = refusal(facts, spec.tenant, agents, spec.actors[:-1], now_ms, person=person)
    if agent is None or found is not None:
        raise AccessDeniedError("agent-held" if found is None else str(found.reason))


def parties_of(spec: GlassSpec) -> Parties:
    """Name who has a part in it, and so agrees to nothing in it."""
    agents = tuple(dict.fromkeys((*spec.actors, spec.agent)))
    return Parties(spec.tenant, agents, spec.task_opener, spec.on_behalf_of, spec.opener)


def require_voice(published: Published, spec: GlassSpec, person: str, now_ms: int) -> None:
    """Let only those agree who may.

    Raises:
        AccessDeniedError: this person may not, as things are now.
    """
    if not may_answer(published.facts, person, spec.requirements, parties_of(spec), now_ms):
        raise AccessDeniedError("may-not-agree")


def missing(published: Published, glass: Glass, now_ms: int) -> Sequence[Requirement]:
    """Return what is not agreed to yet, by those who may agree now."""
    spec = glass.spec
    return unmet(published.facts, glass.voices, spec.requirements, parties_of(spec), now_ms)
