"""Why a decision fell as it did, for operators only."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from broker.errors import AccessDeniedError, NotFoundError
from broker.governance.published import Published
from broker.ids import DecisionId
from broker.model.principal import Kind, Principal
from broker.ownership import is_operator_of
from broker.policy.query import Query
from broker.store.decision_log import DecisionLog

_QUERY: Final = msgspec.json.Decoder(Query)


class Explain:
    """Finds recorded refusals and lets the engine say what was missing."""

    def __init__(self, log: DecisionLog, published: Callable[[], Published]) -> None:
        self._log = log
        self._published = published

    async def decision(self, caller: Principal, decision: DecisionId) -> Mapping[str, object]:
        """Return a refusal as it was recorded, with the engine's explanation.

        The engine explains the same question by the revision that is published now
        (``explained_at_revision``).

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
        explanation = await published.decider.explain(_QUERY.decode(question))
        return {
            **record,
            "explained_at_revision": published.revision,
            "explanation": msgspec.to_builtins(explanation),
        }
