"""What the broker itself holds a request for a credential to, besides policy."""

from broker.errors import BindingRequiredError
from broker.governance.published import Published
from broker.judgement import Judgement
from broker.model.capability import Capability, covers
from broker.model.decision import Obligations
from broker.model.task import TaskSpec
from broker.policy.query import Query


class IssueChecks:
    """Checks, in whatever order a verb needs them.

    Each raises AccessDeniedError where what it is named after does not hold.
    """

    def __init__(self, judgement: Judgement) -> None:
        self._judgement = judgement

    async def ceiling(
        self, published: Published, query: Query, spec: TaskSpec, capability: Capability
    ) -> None:
        """Hold a request to its task's ceiling and bounds."""
        if not query.scopes or not covers(spec.ceiling, capability.name, query.scopes):
            raise await self._judgement.refuse(
                published, query, "beyond-ceiling", "the task's ceiling covers these scopes"
            )
        missing = "an audience that the task is bounded to"
        if not spec.bounds.admits(capability.audience):
            raise await self._judgement.refuse(published, query, "beyond-audiences", missing)

    async def scopes(self, published: Published, query: Query, capability: Capability) -> None:
        """Hold old ceilings and old leases to what the capability is now."""
        if not query.scopes <= capability.scopes:
            raise await self._judgement.refuse(
                published, query, "beyond-capability", "the capability has these scopes"
            )

    async def narrowing(self, published: Published, query: Query, obligations: Obligations) -> None:
        """Hold a renewal to what policy leaves now: it has all of its scopes, or is none."""
        if obligations.scopes is not None and not query.scopes <= obligations.scopes:
            raise await self._judgement.refuse(
                published, query, "narrower-now", "the obligations leave all of its scopes"
            )

    async def binding(self, published: Published, query: Query, is_good: bool) -> None:  # noqa: FBT001 - a judgement
        """Refuse what is not bound as it has to be."""
        if not is_good:
            refusal = await self._judgement.refuse(
                published, query, "binding-required", "a key that policy allows, and its proof"
            )
            raise BindingRequiredError(refusal.reason, decision_id=refusal.decision_id)

    async def left(
        self, published: Published, query: Query, obligations: Obligations
    ) -> frozenset[str]:
        """Return what the obligations leave of the scopes that are asked for: at least one."""
        narrowed = obligations.scopes
        scopes = query.scopes if narrowed is None else query.scopes & narrowed
        if not scopes:
            raise await self._judgement.refuse(
                published, query, "nothing-left", "a scope that the obligations leave"
            )
        return scopes
