"""Why a decision fell as it did, for operators. (stub)"""

from collections.abc import Mapping

from broker.ids import DecisionId
from broker.model.principal import Principal


class Explain:
    async def decision(self, caller: Principal, decision: DecisionId) -> Mapping[str, object]:
        """The recorded decision: outcome, policies, errors, missing facts, the request it judged."""
        raise NotImplementedError
