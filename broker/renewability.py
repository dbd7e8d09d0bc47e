"""What may be asked for, and what may be renewed, as things are published now."""

from broker.errors import LeaseNotRenewableError
from broker.governance.published import Published
from broker.model.capability import Capability
from broker.model.lease import Lease


def capability_of(published: Published, name: str, tenant: str) -> Capability | None:
    """Find a capability; absent and another tenant's look the same (I16)."""
    capability = published.capabilities.get(name)
    return capability if capability is not None and tenant in capability.tenants else None


def renewable(published: Published, held: Lease) -> Capability:
    """Find the capability of a lease that may be renewed.

    Raises:
        LeaseNotRenewableError: it is gone or forbids that, or has another audience by now: policy
            would judge the one audience, and the token would be for the other.
    """
    if held.spec.break_glass:
        raise LeaseNotRenewableError("what was had in an emergency is never prolonged")
    capability = capability_of(published, held.spec.capability, held.spec.tenant)
    if capability is None or not capability.renewable:
        raise LeaseNotRenewableError("this capability is not renewable")
    if capability.audience != held.spec.audience:
        raise LeaseNotRenewableError("this capability is for another audience by now")
    return capability
