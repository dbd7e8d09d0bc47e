"""Evidence that serves one decision, where policy asks for it (B21).

- It is used up after everything that may refuse has agreed, and before anything is granted. What
  fails after that, a quota for instance, leaves it used: the other order would let two requests
  through that race.
- A repeat under the same idempotency key is the same use, and gets the first answer (I10).
- Whoever cannot say whether evidence was used refuses it (I5).
"""

from broker.errors import EvidenceUsedError
from broker.governance.published import Published
from broker.idempotency import Repeatable
from broker.ids import IdFactory
from broker.judgement import Judgement
from broker.model.decision import Obligations
from broker.policy.query import Query
from broker.store.evidence_ledger import EvidenceLedger, Lasting, Use


class SingleUse:
    """Uses evidence up."""

    def __init__(self, used: EvidenceLedger, judgement: Judgement, ids: IdFactory) -> None:
        self._used = used
        self._judgement = judgement
        self._ids = ids

    def begin(self, same: Repeatable) -> Use:
        """Name what a request is about to do: once, however often it is decided again."""
        return Use(same.key or self._ids.operation(), same.digest)

    async def spend(
        self, published: Published, query: Query, obligations: Obligations, use: Use
    ) -> None:
        """Use up the evidence of the caller in question, if the obligations say so.

        Raises:
            EvidenceUsedError: it has served another such decision, may have done so before the
                ledger went back, or nothing tells it apart.
            IdempotencyConflictError: it has served another request under the same key.
            StoreUnavailableError: nobody can say.
        """
        if not obligations.single_use:
            return
        caller = query.principal
        lasting = Lasting(caller.begins_at_ms, caller.expires_at_ms)
        if caller.evidence and await self._used.is_first(caller.evidence, lasting, use):
            return
        refusal = await self._judgement.refuse(
            published, query, EvidenceUsedError.code, "evidence that is known to be unused"
        )
        raise EvidenceUsedError(refusal.reason, decision_id=refusal.decision_id)
