"""Whose quotas a lease counts against: its agent's, the root task's agent's, its tenant's (I14)."""

from collections.abc import Callable, Sequence

from broker.governance.published import Quotas
from broker.store.quotas import Quota


def counted(actors: Sequence[str], tenant: str, most: Quotas) -> list[Quota]:
    """Name the quotas, and how much each allows. ``actors`` run from the root task's agent on."""
    return _quotas(actors, tenant, most.of_agent, most.of_tenant)


def held(actors: Sequence[str], tenant: str) -> list[Quota]:
    """Name the same quotas where only freeing places matters, whatever they allow."""
    return _quotas(actors, tenant, _nothing, _nothing)


def _quotas(
    actors: Sequence[str], tenant: str, agent: Callable[[str], int], whole: Callable[[str], int]
) -> list[Quota]:
    names = dict.fromkeys((actors[-1], actors[0]))
    return [
        *(Quota("agent", name, agent(name)) for name in names),
        Quota("tenant", tenant, whole(tenant)),
    ]


def _nothing(_name: str) -> int:
    return 0
