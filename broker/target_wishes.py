"""What a target is asked for, and what its refusals mean to whoever asked."""

import hashlib

import structlog

from backends.contract import Place, Wish
from backends.errors import BackendError
from broker import kinds
from broker.errors import ConfigurationError, IssuanceError, TargetBusyError
from broker.model.capability import Capability
from broker.model.lease import LeaseSpec
from broker.model.target import TargetRef

_log = structlog.get_logger(__name__)


def wish_of(spec: LeaseSpec, capability: Capability) -> Wish:
    """Say for whom and what a credential is.

    Raises:
        IssuanceError: this broker does not have its kind, or cannot read its template.
    """
    try:
        kind = kinds.find(capability.backend)
        if kind is None:
            raise failed(capability, "this broker does not have that kind")
        template = kinds.read_template(kind, capability.template or "{}")
    except ConfigurationError as error:
        raise failed(capability, str(error)) from error
    return Wish(
        lease=spec.id,
        task=spec.task,
        tenant=spec.tenant,
        agent=spec.agent,
        capability=spec.capability,
        on_behalf_of=spec.on_behalf_of,
        scopes=spec.scopes,
        template=template,
    )


def digest_of(capability: Capability) -> str:
    """Name what a capability gives at which target: another digest, another thing."""
    said = f"{capability.backend}\n{capability.target}\n{capability.template}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def place_of(spec: LeaseSpec) -> Place:
    """Say where a credential is, and who its target was."""
    at = spec.target or TargetRef("", "")
    return Place(locator=spec.locator, identity=at.identity, trail=at.trail, probe=at.probe)


def failed(capability: Capability, why: str) -> IssuanceError:
    """Say what went wrong, with target and capability."""
    return IssuanceError(f"target {capability.target}, capability {capability.name}: {why}")


def refused(capability: Capability, error: BackendError) -> IssuanceError:
    """Say why nothing was asked of a target."""
    return TargetBusyError(
        f"target {capability.target}, capability {capability.name}: {error.trouble.value}"
    )


def refused_at(spec: LeaseSpec, what: str, error: BackendError) -> IssuanceError:
    """Say, and log, what became of an order that may have been carried out."""
    name = spec.target.name if spec.target is not None else ""
    _log.warning(
        what, target=name, capability=spec.capability, credential=spec.id, error=str(error)
    )
    return IssuanceError(f"target {name}, capability {spec.capability}: {error.trouble.value}")
