"""Operators learn where an issuer of people does not say whose people they are."""

from typing import Any

import pytest

from broker.attestation.settings import AttestationSettings
from tests.fakes.attestation import settings_of
from tests.unit.attestation.spiffe.test_declared import declare_domain

PEOPLE = {
    "kind": "person",
    "name": {"claim": "email", "prefix": ""},
    "instance": {"claim": "session"},
}
CLAIMS = {"required": ["sub", "email", "session", "part"], "optional": ["org"]}
BY_CLAIM = {"claim": "part", "values": {"p": "person", "o": "operator"}}


def warned(settings: AttestationSettings) -> list[str]:
    """Return what is said of whose people they are, each with a place and a remedy."""
    found = [fault for fault in settings.warnings() if "people" in fault.message]
    assert all("identities" in fault.remedy for fault in found)
    return [str(fault.path[-1]) for fault in found]


@pytest.mark.parametrize("kind", ["person", BY_CLAIM], ids=["people", "people-and-others"])
def test_an_issuer_of_people_that_maps_no_tenant_is_warned_of(kind: Any) -> None:
    """It vouches in all tenants, whoever else it vouches for."""
    assert warned(settings_of(claims=CLAIMS, map={**PEOPLE, "kind": kind})) == ["tenant"]


def test_one_whose_tokens_may_lack_the_tenant_is_warned_of() -> None:
    """Where it vouches for people alone: of operators of all tenants the claim rightly lacks."""
    optional = {**PEOPLE, "tenant": {"claim": "org"}}

    assert warned(settings_of(claims=CLAIMS, map=optional)) == ["tenant"]
    assert warned(settings_of(claims=CLAIMS, map={**optional, "kind": BY_CLAIM})) == []


@pytest.mark.parametrize(
    "more",
    [
        {"tenant": {"value": "acme"}},
        {"tenant": {"claim": "part"}},
        {"kind": "agent"},
        {"kind": {"claim": "part", "values": {"a": "agent"}}},
    ],
    ids=["one-tenant", "a-claim", "agents", "agents-by-claim"],
)
def test_any_other_issuer_is_not(more: dict[str, Any]) -> None:
    """It says the tenant, or vouches for nobody who is a person."""
    assert warned(settings_of(claims=CLAIMS, map={**PEOPLE, **more})) == []


def test_rules_for_people_without_a_tenant_are_warned_of() -> None:
    """By position, as the file has them."""
    rules = [
        {"path": "/p/{name}/{instance}", "kind": "person"},
        {"path": "/q/{tenant}/{name}/{instance}", "kind": "person"},
        {"path": "/r/{name}/{instance}", "kind": "person", "tenant": "acme"},
        {"path": "/s/{name}/{instance}"},
    ]
    settings = AttestationSettings(trust_domains=(declare_domain(map=rules),))

    found = [fault.path for fault in settings.warnings()]

    assert found == [("trust_domains", 0, "map", 0, "tenant")]
