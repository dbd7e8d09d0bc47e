"""Why a decision fell as it did, for operators only."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from broker.clock import Clock
from broker.counterfactual import Counterfactual
from broker.errors import AccessDeniedError, NotFoundError
from broker.governance.published import Published
from broker.ids import DecisionId
from broker.model.principal import Kind, Principal
from broker.model.requests import Supposed
from broker.ownership import is_operator_of
from broker.policy.query import Query
from broker.store.decision_log import DecisionLog
from broker.supposing import supposed_query

_QUERY: Final = msgspec.json.Decoder(Query)


class Explain:
    """Finds recorded refusals and lets the engine say what was missing."""

    def __init__(self, log: DecisionLog, published: Callable[[], Published], clock: Clock) -> None:
        self._log = log
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
        if caller.kind is not Kind.OPERATOR:
            raise AccessDeniedError("operators-only")
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

    async def supposed(self, caller: Principal, asked: Supposed) -> Mapping[str, object]:
        """Return what policy would say to a request that nobody has made, and what would turn it.

        Only policy is asked: ceilings, quotas and the state of a task have no part in it.

        Raises:
            AccessDeniedError: the caller is no operator.
            NotFoundError: the tenant, agent, caller or capability is none, or another tenant's.
            InvalidRequestError: the action is none, or goes with a capability and has none, or the
                other way round.
        """
        if caller.kind is not Kind.OPERATOR:
            raise AccessDeniedError("operators-only")
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
