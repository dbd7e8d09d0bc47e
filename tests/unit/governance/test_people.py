"""People are anybody only where the facts know them, each tenant by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from broker.errors import AttestationError
from broker.facts.change import Change
from broker.facts.facts import Facts
from broker.governance.base_facts import base_of
from broker.governance.document import BundleDocument
from broker.governance.records import TenantRecord
from broker.governance.registry import Registry
from broker.model.principal import Kind, Principal
from broker.proof.confirmation import Confirmation
from tests.fakes.facts import GLOBEX, changes, hold, put

ISSUER = "https://login.example"
ONLY = (f"{ISSUER} 248289761001",)


@dataclass(frozen=True)
class Shown:
    """What an attestor shows of a person."""

    kind: Kind = Kind.PERSON
    name: str = "dana"
    tenant: str = ""
    instance: str = "browser-1"
    issuer: str = ISSUER
    subject: str = "248289761001"
    expires_at_ms: int = 5_000
    claims: Mapping[str, str | int | bool] = field(default_factory=dict)
    evidence: str = "its name"
    begins_at_ms: int = 1_000
    bound_to: Confirmation | None = None
    session: str = ""


DOCUMENT = BundleDocument(
    tenants=(TenantRecord(name="acme"), TenantRecord(name=GLOBEX)),
    teams=(),
    agents=(),
    orchestrators=(),
    operators=(),
    capabilities=(),
    resource_servers=(),
    schema="",
    policies=(),
)


def knowing(*more: Change) -> Registry:
    """Register those whom the facts know."""
    facts = Facts(base=base_of(DOCUMENT))
    return Registry(DOCUMENT).over(facts.changed(changes(*more), 1) if more else facts)


def resolved(registry: Registry, shown: Shown | None = None) -> Principal:
    """Say who it is."""
    return registry.resolve(shown or Shown())


def refused(registry: Registry, shown: Shown | None = None) -> str:
    """Return why somebody is refused."""
    with pytest.raises(AttestationError) as caught:
        registry.resolve(shown or Shown())
    assert caught.value.code == "unauthenticated"
    return caught.value.reason


def test_a_person_whom_the_facts_know_is_somebody_in_her_tenant() -> None:
    """The tenant comes from the facts, everything else from the evidence."""
    found = resolved(knowing(put("person:dana")))

    assert (found.ref, found.tenants) == ("person:dana", {"acme"})
    assert (found.issuer, found.subject, found.expires_at_ms) == (ISSUER, "248289761001", 5_000)


def test_without_facts_nobody_is_a_person() -> None:
    """The bundle registers none."""
    assert refused(Registry(DOCUMENT)) == "unregistered"
    assert refused(knowing()) == "unregistered"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ([put("person:erin")], "unregistered"),
        ([put("person:dana", status="gone")], "unregistered"),
        ([put("person:dana"), hold("person:dana")], "suspended"),
        ([put("person:dana", identities=(f"{ISSUER} other",))], "identity-not-allowed"),
        ([put("person:dana", identities=("https://x.example 2*",))], "identity-not-allowed"),
        ([put("team:dana"), put("ticket:dana")], "unregistered"),
    ],
)
def test_who_does_not_stand_is_nobody(more: list[Change], reason: str) -> None:
    """Unknown, gone, held, shown by another's identity, or something else of that name."""
    assert refused(knowing(*more), Shown()) == reason


def test_she_is_somebody_in_each_tenant_in_which_she_stands_and_in_no_other() -> None:
    """What is against her in one tenant is nothing in the other, either way."""
    both = knowing(put("person:dana"), put("person:dana", GLOBEX))
    one = knowing(put("person:dana"), put("person:dana", GLOBEX), hold("person:dana"))

    assert resolved(both).tenants == {"acme", GLOBEX}
    assert resolved(one).tenants == {GLOBEX}
    assert resolved(both, Shown(tenant="acme")).tenants == {"acme"}
    assert refused(one, Shown(tenant="acme")) == "suspended"
    assert refused(both, Shown(tenant="*")) == "unregistered"
    assert refused(both, Shown(tenant="elsewhere")) == "unregistered"


def test_stated_identities_decide_in_which_tenant_she_is_who_she_is() -> None:
    """Two people of one name in two tenants are not mixed up."""
    registry = knowing(
        put("person:dana", identities=ONLY),
        put("person:dana", GLOBEX, identities=("https://login.globex.example *dana",)),
    )

    assert resolved(registry).tenants == {"acme"}


def test_who_was_let_in_is_confirmed_by_the_same_rule() -> None:
    """Held or gone meanwhile she is nobody; in fewer tenants she is there no more."""
    both = knowing(put("person:dana"), put("person:dana", GLOBEX))
    caller = resolved(both)

    assert both.confirm(caller) == caller
    fewer = knowing(put("person:dana"), put("person:dana", GLOBEX, status="gone"))
    assert fewer.confirm(caller).tenants == {"acme"}
    confined = replace(caller, tenants=frozenset({GLOBEX}))
    with pytest.raises(AttestationError):
        fewer.confirm(confined)
    with pytest.raises(AttestationError):
        Registry(DOCUMENT).confirm(caller)


@pytest.mark.parametrize("kind", [Kind.AGENT, Kind.OPERATOR, Kind.ORCHESTRATOR, Kind.RESOURCE])
def test_a_person_is_nobody_of_another_kind(kind: Kind) -> None:
    """And whoever is of another kind is no person."""
    assert refused(knowing(put("person:dana")), Shown(kind=kind)) == "unregistered"
