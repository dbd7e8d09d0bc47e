"""Lists that capabilities can have, whether the ledger ever wanted anything to stand there or not.

A ledger that was lost and begun anew knows no list; what another one has left in them is found by
what is published.
"""

from collections.abc import Iterable

import structlog

from backends.errors import BackendError
from broker import kinds
from broker.errors import ConfigurationError
from broker.model.ban import ListName
from broker.model.capability import Capability
from broker.targets.target import Target

_log = structlog.get_logger(__name__)


async def foreseen(
    targets: Iterable[Target], capabilities: Iterable[Capability]
) -> frozenset[ListName]:
    """Name the lists of these capabilities at these targets; what cannot be named is logged."""
    by_name = {each.name: each for each in targets if each.lists is not None}
    found = set[ListName]()
    for capability in capabilities:
        target = by_name.get(capability.target)
        if target is not None and target.kind == capability.backend:
            found |= await _of(target, capability)
    return frozenset(found)


async def _of(target: Target, capability: Capability) -> frozenset[ListName]:
    try:
        kind = kinds.find(capability.backend)
        if kind is None:
            return frozenset()
        at = await target.list_of(kinds.read_template(kind, capability.template or "{}"))
    except (BackendError, ConfigurationError) as error:
        _log.warning("deny-list-not-named", capability=capability.name, why=str(error))
        return frozenset()
    return frozenset() if at is None else frozenset({ListName(target.name, at.identity, at.at)})
