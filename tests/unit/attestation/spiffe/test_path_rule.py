"""Paths to bearers, by segments (B25), and what a declaration of them must not say."""

from typing import Any

import pytest

from broker.attestation.dates import Validity
from broker.attestation.reasons import Reason
from broker.attestation.spiffe.bearer import SHARED, bearer_of
from broker.attestation.spiffe.path_rule import PathRule
from broker.attestation.spiffe.spiffe_id import parse_spiffe_id
from broker.errors import AttestationError
from broker.model.principal import Kind

RULE = PathRule(path="/ns/{tenant}/agents/{name}/{instance}")


def bearer(text: str, *rules: PathRule, claims: dict[str, object] | None = None) -> Any:
    """Say who bears an ID."""
    return bearer_of(
        parse_spiffe_id(text),
        rules,
        svid="jwt-svid",
        validity=Validity(0, 1),
        evidence="its name",
        signed_claims=claims or {},
    )


def reason_of(text: str, *rules: PathRule, claims: dict[str, object] | None = None) -> str:
    """Return why nobody bears an ID."""
    with pytest.raises(AttestationError) as caught:
        bearer(text, *rules, claims=claims)
    return caught.value.reason


def test_the_placeholders_take_what_stands_there() -> None:
    """Name, tenant and instance come from the path; the ID is the subject."""
    found = bearer("spiffe://prod.example/ns/acme/agents/invoice-bot/pod-1", RULE)

    assert (found.kind, found.name, found.tenant, found.instance) == (
        Kind.AGENT,
        "invoice-bot",
        "acme",
        "pod-1",
    )
    assert found.issuer == "spiffe://prod.example"
    assert found.claims["sub"] == "spiffe://prod.example/ns/acme/agents/invoice-bot/pod-1"


@pytest.mark.parametrize(
    "path",
    [
        "/ns/acme/agents-evil/invoice-bot/pod-1",
        "/ns/acme/Agents/invoice-bot/pod-1",
        "/nsx/acme/agents/invoice-bot/pod-1",
        "/ns/acme/agents/invoice-bot",
        "/ns/acme/agents/invoice-bot/pod-1/more",
        "/x/ns/acme/agents/invoice-bot/pod-1",
        "/ns/acme/agents",
    ],
)
def test_b25_a_path_that_only_resembles_the_pattern_fits_nothing(path: str) -> None:
    """Words are whole segments, and the number of segments is exact."""
    assert reason_of(f"spiffe://prod.example{path}", RULE) == Reason.CLAIM_MISMATCH


def test_what_is_taken_must_be_a_name() -> None:
    """A segment may begin with a dot or a dash; a name may not."""
    path = "spiffe://prod.example/ns/acme/agents/-bot/pod-1"

    assert reason_of(path, RULE) == Reason.CLAIM_MALFORMED


def test_an_instance_can_come_from_a_claim_of_the_token() -> None:
    """And without the claim, as in every X.509-SVID, nobody is let in by that rule."""
    rule = PathRule(path="/agents/{name}", tenant="acme", instance_claim="/pod/uid")
    path = "spiffe://prod.example/agents/bot"

    assert bearer(path, rule, claims={"pod": {"uid": "u-1"}}).instance == "u-1"
    assert reason_of(path, rule) == Reason.CLAIM_MISSING
    assert reason_of(path, rule, claims={"pod": {"uid": 7}}) == Reason.CLAIM_MISSING


def test_without_anything_that_tells_them_apart_all_bearers_are_one_instance() -> None:
    """The rule says so itself, for the warning of `config check`."""
    rule = PathRule(path="/agents/{name}", tenant="acme")

    assert bearer("spiffe://prod.example/agents/bot", rule).instance == SHARED
    assert not rule.tells_instances_apart
    assert RULE.tells_instances_apart


def test_fixed_names_and_other_kinds_can_be_declared() -> None:
    """An operator or a resource server is named by the rule."""
    rule = PathRule(path="/ops/*/desk", kind=Kind.OPERATOR, name="desk")

    found = bearer("spiffe://prod.example/ops/anybody/desk", rule)

    assert (found.kind, found.name, found.tenant) == (Kind.OPERATOR, "desk", "")


FAULTS: dict[str, tuple[PathRule, tuple[str | int, ...]]] = {
    "no slash": (PathRule(path="agents/{name}"), ("path",)),
    "slash at the end": (PathRule(path="/agents/{name}/"), ("path",)),
    "dots": (PathRule(path="/agents/../{name}"), ("path",)),
    "unknown placeholder": (PathRule(path="/agents/{name}/{pod}"), ("path",)),
    "part of a segment": (PathRule(path="/agents/bot-{name}", name="x"), ("path",)),
    "wildcard in a segment": (PathRule(path="/agents*/{name}"), ("path",)),
    "placeholder twice": (PathRule(path="/agents/{name}/{name}"), ("path",)),
    "B12 no word": (PathRule(path="/{tenant}/{name}"), ("path",)),
    "no name": (PathRule(path="/agents/{instance}"), ()),
    "name twice": (PathRule(path="/agents/{name}", name="x"), ("name",)),
    "tenant twice": (PathRule(path="/a/{tenant}/{name}", tenant="x"), ("tenant",)),
    "instance twice": (
        PathRule(path="/a/{name}/{instance}", instance_claim="x"),
        ("instance_claim",),
    ),
    "no such name": (PathRule(path="/agents/x", name="-x"), ("name",)),
    "no such tenant": (PathRule(path="/agents/{name}", tenant="a b"), ("tenant",)),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_faulty_rule_is_located(case: str) -> None:
    """Each mistake names its member and a remedy."""
    rule, path = FAULTS[case]

    faults = list(rule.faults())

    assert path in [fault.path for fault in faults]
    assert all(fault.remedy for fault in faults)


def test_a_sound_rule_has_no_faults() -> None:
    """Neither the long one nor a fixed one."""
    assert not list(RULE.faults())
    assert not list(PathRule(path="/ops/*/desk", kind=Kind.OPERATOR, name="desk").faults())


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("/agents/{name}", "/agents/special", True),
        ("/agents/{name}", "/{tenant}/bot", True),
        ("/agents/{name}", "/robots/{name}", False),
        ("/agents/{name}", "/agents/{name}/{instance}", False),
        ("/agents/a/*", "/agents/b/*", False),
    ],
)
def test_overlap_is_whether_one_path_fits_both(one: str, other: str, *, expected: bool) -> None:
    """By that the declaration refuses rules that would make one workload two."""
    assert PathRule(path=one).overlaps(PathRule(path=other)) is expected
