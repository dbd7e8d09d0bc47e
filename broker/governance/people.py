"""People: only those are anybody whom the facts log knows, in each tenant by itself.

A person of one tenant is nobody in another, whatever both are called. In a tenant she is somebody
while her thing is active and not held there, and what shows her name is one of the identities that
she has there.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from broker.errors import AttestationError
from broker.facts.facts import Facts
from broker.facts.relations import stands_by_itself
from broker.governance.agent_things import identities_of
from broker.governance.identities import is_allowed
from broker.governance.reasons import IDENTITY_NOT_ALLOWED, SUSPENDED, UNREGISTERED
from broker.governance.shown import Shown
from broker.model.fact import Thing, person_ref

_TELLING: Final = (IDENTITY_NOT_ALLOWED, SUSPENDED, UNREGISTERED)
"""Of several tenants' objections the one that says most comes first."""


def tenants_of(facts: Facts | None, shown: Shown, within: str) -> tuple[str, ...]:
    """Return the tenants in which whoever is shown is a person who may act, in order.

    ``within`` is the only one that her evidence speaks of; empty where it names none.

    Raises:
        AttestationError: in none, with reason ``unregistered``, ``suspended`` or
            ``identity-not-allowed``.
    """
    found = () if facts is None else tuple(_things(facts, shown.name, within))
    objections = {thing.tenant: _objection(thing, shown) for thing in found}
    standing = tuple(sorted(tenant for tenant, why in objections.items() if not why))
    if standing:
        return standing
    raise _refused(objections.values(), shown)


def _things(facts: Facts, name: str, within: str) -> Iterator[Thing]:
    tenants = (within,) if within else facts.base.tenants
    found = (facts.thing(person_ref(tenant, name)) for tenant in tenants)
    yield from (thing for thing in found if thing is not None)


def _objection(thing: Thing, shown: Shown) -> str:
    """Say why a thing is not whoever is shown; empty when it is."""
    if thing.hold is not None:
        return SUSPENDED
    if not stands_by_itself(thing):
        return UNREGISTERED
    stated = identities_of(thing)
    is_hers = not stated or is_allowed(stated, shown.issuer, shown.subject)
    return "" if is_hers else IDENTITY_NOT_ALLOWED


def _refused(objections: Iterable[str], shown: Shown) -> AttestationError:
    known = set(objections)
    reason = next((each for each in _TELLING if each in known), UNREGISTERED)
    return AttestationError(reason, f"no {shown.kind} called {shown.name!r} may act")
