"""Why a decision fell as it did, for operators only."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from broker.clock import Clock, rfc3339
from broker.counterfactual import Counterfactual
from broker.errors import NotFoundError
from broker.governance.published import Published
from broker.ids import DecisionId, LeaseId
from broker.model.lease import Lease
from broker.model.principal import Principal
from broker.model.redecision import NoLonger
from broker.model.requests import Supposed
from broker.ownership import is_operator_of, require_operator
from broker.policy.query import Query
from broker.questions import told_of
from broker.redeciding import action_of, asked_for, question, redecide
from broker.store.ledger import Ledger
from broker.store.recorded import Grant
from broker.supposing import supposed_query

_QUERY: Final = msgspec.json.Decoder(Query)


class Explain:
    """Finds what was decided and lets the engine say what it thinks of that now."""

    def __init__(self, ledger: Ledger, published: Callable[[], Published], clock: Clock) -> None:
        self._log = ledger.decisions
        self._leases = ledger.leases
        self._recorded = ledger.recorded
        self._published = published
        self._counterfactual = Counterfactual(clock)

    async def decision(self, caller: Principal, decision: DecisionId) -> Mapping[str, object]:
        """Return a refusal as it was recorded, with the engine's explanation.

        The engine explains the same question by the revision that is published now
        (``explained_at_revision``), and so it is searched for what would turn its answer.

        Raises:
            AccessDeniedError: the caller is no operator.
            NotFoundError: not kept, or another tenant's.
        """
        require_operator(caller)
        record = dict(await self._log.find(decision))
        question = str(record.pop("question"))
        if not is_operator_of(caller, str(record["tenant"])):
            raise NotFoundError("no such decision is kept")
        published = self._published()
        query = _QUERY.decode(question)
        explanation = await published.decider.explain(query)
        turned = await self._counterfactual.of(published, query)
        return {
            **record,
            "explained_at_revision": published.revision,
            "explanation": msgspec.to_builtins(explanation),
            "counterfactuals": msgspec.to_builtins(turned),
        }

    async def credential(self, caller: Principal, lease: LeaseId) -> Mapping[str, object]:
        """Return by what a credential was granted, why it ended, and what would be said now.

        The request is the recorded one, that of its last renewal; a narrower answer is a no, as it
        is where live credentials are decided again (:mod:`broker.redeciding`).

        Raises:
            AccessDeniedError: the caller is no operator.
            NotFoundError: not kept, or another tenant's.
        """
        require_operator(caller)
        seen = await self._leases.view(lease)
        if not is_operator_of(caller, seen.spec.tenant):
            raise NotFoundError("no such credential")
        grant = await self._recorded.grant(lease)
        return {**_then(seen, grant), **await self._now(self._published(), grant)}

    async def _now(self, published: Published, grant: Grant) -> Mapping[str, object]:
        case = (grant.held, grant.task)
        [answer] = await redecide(published, [case])
        refused = answer if isinstance(answer, NoLonger) else None
        query = question(published, *case)
        explanation = turned = None
        if isinstance(query, Query):
            explanation = await published.decider.explain(query)
            if refused is not None and explanation.outcome != "permit":
                turned = await self._counterfactual.of(published, query)
        return {
            "explained_at_revision": published.revision,
            "explained_at_facts_revision": published.graph,
            "granted_now": refused is None,
            "no_longer": None if refused is None else refused.told(),
            "explanation": msgspec.to_builtins(explanation),
            "counterfactuals": msgspec.to_builtins(turned),
        }

    async def supposed(self, caller: Principal, asked: Supposed) -> Mapping[str, object]:
        """Return what policy would say to a request that nobody has made, and what would turn it.

        Only policy is asked: ceilings, quotas and the state of a task have no part in it.

        Raises:
            AccessDeniedError: the caller is no operator.
            NotFoundError: the tenant, agent, caller or capability is none, or another tenant's.
            InvalidRequestError: the action is none, or goes with a capability and has none, or the
                other way round.
        """
        require_operator(caller)
        if not is_operator_of(caller, asked.tenant):
            raise NotFoundError("no such tenant")
        published = self._published()
        query = supposed_query(published, asked)
        explanation = await published.decider.explain(query)
        turned = await self._counterfactual.of(published, query)
        return {
            "explained_at_revision": published.revision,
            "explanation": msgspec.to_builtins(explanation),
            "counterfactuals": msgspec.to_builtins(turned),
        }


def _then(seen: Lease, grant: Grant) -> Mapping[str, object]:
    spec = grant.held.spec
    ended = {} if seen.why is None else {"why": seen.why.told()}
    return {
        "credential": spec.id,
        "tenant": spec.tenant,
        "state": seen.state,
        "alive": seen.is_alive,
        "ended_by": seen.ended_by,
        "trace": msgspec.to_builtins(spec.trace),
        "request": _request(grant),
        "used": _used(grant),
        **ended,
    }


def _used(grant: Grant) -> Mapping[str, object]:
    """Return what was seen of its use, and beside that what its agent's own side says."""
    return {
        "seen_at": rfc3339(grant.used_at_ms) if grant.used_at_ms else None,
        "said_times": grant.said_times,
        "said_at": rfc3339(grant.said_at_ms) if grant.said_at_ms else None,
    }


def _request(grant: Grant) -> Mapping[str, object]:
    """Return what was asked, as the record of a refusal tells it: no labels, no claims."""
    asked, spec = asked_for(grant.held), grant.held.spec
    return {
        "action": action_of(asked),
        "principal": asked.by.principal().ref,
        "instance": asked.by.instance,
        "task": spec.task,
        "task_name": grant.task.name,
        "agent": spec.agent,
        "capability": spec.capability,
        "scopes": sorted(asked.scopes),
        "ttl_ms": asked.ttl_ms,
        **told_of(asked.tool),
    }
