"""Which facts are whose: operators see and change what is of their tenants (I16)."""

from broker.errors import NotFoundError
from broker.facts.change import Change, ChangeSet, tenants_of
from broker.model.principal import ALL_TENANTS, Principal


def require_tenants(caller: Principal, change: ChangeSet) -> None:
    """Let a caller change only what is its tenants'; what all share, only who answers for all.

    Raises:
        NotFoundError: something in it is another's. Absent and foreign look the same.
    """
    if not all(_answers_for(caller, tenant) for tenant in tenants_of(change)):
        raise NotFoundError("no such tenant")


def is_hers(caller: Principal, change: Change) -> bool:
    """Tell whether a change is one of the caller's tenants'."""
    return all(_answers_for(caller, tenant) for tenant in tenants_of_change(change))


def is_all_hers(caller: Principal) -> bool:
    """Tell whether the caller answers for every tenant."""
    return ALL_TENANTS in caller.tenants


def tenants_of_change(change: Change) -> frozenset[str]:
    """Return whose a change is; "" is among them when it is something all share."""
    return tenants_of(ChangeSet("", "", (change,)))


def _answers_for(caller: Principal, tenant: str) -> bool:
    return caller.answers_for(tenant) if tenant else is_all_hers(caller)
