import msgspec
import pytest

from broker.attestation.declared_map import MapDeclaration
from broker.attestation.identity import instance_of, kind_of, name_of, tenant_of
from broker.attestation.reasons import Reason
from broker.errors import AttestationError
from broker.model.principal import Kind


def mapping(**members: object) -> MapDeclaration:
    """Read a map as the loader does."""
    whole = {"kind": "agent", "name": {"claim": "sub"}, "instance": {"claim": "pod"}, **members}
    return msgspec.convert(whole, MapDeclaration)


def test_a_fixed_kind_needs_no_claim() -> None:
    """All tokens of such an issuer are of one kind."""
    assert kind_of({}, mapping(kind="orchestrator")) is Kind.ORCHESTRATOR


def test_a_kind_by_claim_follows_its_value() -> None:
    """The declared value gives the kind."""
    rule = mapping(kind={"claim": "role", "values": {"ops": "operator"}})
    assert kind_of({"role": "ops"}, rule) is Kind.OPERATOR


@pytest.mark.parametrize("value", ["operator", "OPS", "ops "])
def test_an_unlisted_kind_is_refused(value: str) -> None:
    """Even the name of a kind is nothing when it is not a declared value."""
    rule = mapping(kind={"claim": "role", "values": {"ops": "operator"}})
    with pytest.raises(AttestationError) as caught:
        kind_of({"role": value}, rule)
    assert caught.value.reason == Reason.CLAIM_MISMATCH


def test_the_prefix_of_a_name_is_stripped_once() -> None:
    """What follows the prefix is the name."""
    rule = mapping(name={"claim": "sub", "prefix": "sa:"})
    assert name_of({"sub": "sa:sa:bot"}, rule) == "sa:bot"


def test_b25_a_name_without_its_prefix_is_refused() -> None:
    """The prefix is a condition, not a decoration."""
    with pytest.raises(AttestationError) as caught:
        name_of({"sub": "bot"}, mapping(name={"claim": "sub", "prefix": "sa:"}))
    assert caught.value.reason == Reason.CLAIM_MISMATCH


@pytest.mark.parametrize("value", ["", "a b", "a\n", "-x", "x" * 129, True])
def test_f17_a_claim_that_is_no_name_is_refused(value: str | bool) -> None:  # noqa: FBT001 - a claim's value
    """Names, tenants and instances keep the grammar of names."""
    for read, rule in (
        (name_of, mapping()),
        (tenant_of, mapping(tenant={"claim": "sub"})),
        (instance_of, mapping(instance={"claim": "sub"})),
    ):
        with pytest.raises(AttestationError) as caught:
            read({"sub": value}, rule)
        assert caught.value.reason == Reason.CLAIM_MALFORMED


def test_a_name_that_is_only_its_prefix_is_refused() -> None:
    """Nothing is left, and nothing is nobody's name."""
    with pytest.raises(AttestationError):
        name_of({"sub": "sa:"}, mapping(name={"claim": "sub", "prefix": "sa:"}))


def test_a_tenant_is_a_claim_or_fixed_or_left_open() -> None:
    """Without a map, or without its optional claim, the token says nothing about the tenant."""
    assert tenant_of({"org": "acme"}, mapping(tenant={"claim": "org"})) == "acme"
    assert tenant_of({}, mapping(tenant={"claim": "org"})) == ""
    assert tenant_of({"org": "x"}, mapping(tenant={"value": "acme"})) == "acme"
    assert tenant_of({"org": "x"}, mapping()) == ""


def test_i16_no_claim_makes_a_tenant_of_all() -> None:
    """The word for every tenant is no name."""
    with pytest.raises(AttestationError):
        tenant_of({"org": "*"}, mapping(tenant={"claim": "org"}))


def test_several_claims_join_into_one_instance() -> None:
    """A run, its attempt and its job tell copies apart together (GH-3)."""
    rule = mapping(instance=["run", "attempt", "job"])
    assert instance_of({"run": "42", "attempt": 1, "job": "7"}, rule) == "42/1/7"


def test_i6_joined_instances_cannot_collide() -> None:
    """A part that holds the separator is refused: ``a/b`` + ``c`` is not ``a`` + ``b/c``."""
    with pytest.raises(AttestationError) as caught:
        instance_of({"x": "a/b", "y": "c"}, mapping(instance=["x", "y"]))
    assert caught.value.reason == Reason.CLAIM_MALFORMED


def test_a_single_instance_claim_may_hold_the_separator() -> None:
    """Nothing is joined to it."""
    assert instance_of({"pod": "ns/pod-1"}, mapping()) == "ns/pod-1"


def test_a_listed_value_becomes_a_name_and_no_other_does() -> None:
    """Ids that mean nothing to people map to registered names; what is not listed is nobody."""
    name = {"claim": "repository_id", "values": {"700123": "invoice-bot"}}
    rules = mapping(name=name)

    assert name_of({"repository_id": "700123"}, rules) == "invoice-bot"
    assert name_of({"repository_id": 700123}, rules) == "invoice-bot"
    for other in ("700124", "7001230", "invoice-bot"):
        with pytest.raises(AttestationError) as caught:
            name_of({"repository_id": other}, rules)
        assert caught.value.reason == Reason.CLAIM_MISMATCH


def test_a_stand_in_is_never_taken_for_the_real_instance() -> None:
    """Where the machine's id is missing the subject stands in, and says so."""
    rules = mapping(instance={"claim": "machine", "otherwise": "sub"})

    assert instance_of({"machine": "42", "sub": "42"}, rules) == "42"
    assert instance_of({"sub": "42"}, rules) == "sub:42"
