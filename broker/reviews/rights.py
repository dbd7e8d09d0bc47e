"""What an agent could be granted as things stand: asked of the policies, scope by scope.

Each scope of each capability of its tenant is asked for by itself, once for a task that names no
ticket and once for one that names every open ticket of the agent's. What policies permit only for
other reasons (a person's, a label's, a time's) is not found so: it shows where it was granted.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from broker.facts.facts import Facts
from broker.facts.reach import reach_above
from broker.model.capability import Capability, Ceiling
from broker.model.decision import Decision, Deny, NeedsApproval, Permit
from broker.model.fact import Thing, ThingKind
from broker.model.principal import Kind, Principal
from broker.policy.decider import Decider
from broker.policy.engine import OF_POLICY
from broker.policy.query import Action, Query, TaskFacts

_TTL_MS: Final = 1_000
"""As short as can be: a longer life is a matter of its own."""

_TICKETS: Final = 32
"""As many as a task can name."""


class Rights(msgspec.Struct, frozen=True):
    """Lines that are permitted, and those that are after a human's yes.

    ``refused`` is why nothing is, whatever is asked for: it is held, or overdue.
    """

    possible: tuple[str, ...] = ()
    after_approval: tuple[str, ...] = ()
    refused: str = ""


async def rights_of(
    agent: Thing,
    facts: Facts,
    capabilities: Mapping[str, Capability],
    decider: Decider,
    now_ms: int,
) -> Rights:
    """Ask for everything that there is in the agent's tenant."""
    lines = list(_lines(agent, capabilities))
    tickets = _tickets(agent, facts, now_ms)
    ways: list[tuple[str, ...]] = [(), tickets] if tickets else [()]
    asked = [(line, _query(agent, *line, named)) for line in lines for named in ways]
    answers = await decider.decide_many([query for _, query in asked])
    return _told(
        [(f"{c.name} {scope}", answer) for ((c, scope), _), answer in _zip(asked, answers)]
    )


_Line = tuple[Capability, str]


def _zip(
    asked: Sequence[tuple[_Line, Query]], answers: Sequence[Decision]
) -> Iterator[tuple[tuple[_Line, Query], Decision]]:
    return zip(asked, answers, strict=True)


def _lines(agent: Thing, capabilities: Mapping[str, Capability]) -> Iterator[_Line]:
    for capability in sorted(capabilities.values(), key=lambda each: each.name):
        if agent.tenant in capability.tenants:
            yield from ((capability, scope) for scope in sorted(capability.scopes))


def _tickets(agent: Thing, facts: Facts, now_ms: int) -> tuple[str, ...]:
    found = reach_above(facts, agent.ref, now_ms).found
    names = {each.ref.name for each in found if each.ref.kind is ThingKind.TICKET}
    return tuple(sorted(names)[:_TICKETS])


def _query(agent: Thing, capability: Capability, scope: str, tickets: tuple[str, ...]) -> Query:
    scopes = frozenset({scope})
    issuer, _, subject = (agent.identities[0] if agent.identities else "").partition(" ")
    return Query(
        action=Action.REQUEST_CREDENTIAL,
        principal=Principal(
            kind=Kind.AGENT,
            name=agent.name,
            tenants=frozenset({agent.tenant}),
            instance="review",
            issuer=issuer,
            subject=subject.removesuffix("*"),
            expires_at_ms=0,
        ),
        task=TaskFacts(
            id="",
            name="review",
            tenant=agent.tenant,
            agent=agent.name,
            opener="orchestrator:review",
            tickets=tickets,
        ),
        capability=capability,
        ceiling=(Ceiling(capability.name, scopes),),
        scopes=scopes,
        ttl_ms=_TTL_MS,
    )


def _told(answers: Sequence[tuple[str, Decision]]) -> Rights:
    possible = {line for line, answer in answers if isinstance(answer, Permit)}
    approved = {line for line, answer in answers if isinstance(answer, NeedsApproval)}
    against = [a.reason for _, a in answers if isinstance(a, Deny) and a.reason not in _ITS_OWN]
    refused = str(against[0]) if against and not possible and not approved else ""
    return Rights(tuple(sorted(possible)), tuple(sorted(approved - possible)), refused)


_ITS_OWN: Final = frozenset({*OF_POLICY, "beyond-agent-ceiling"})
"""Reasons that are about what is asked for, and not about who asks."""
