"""Stanzas of trust domains: what is refused, and where it is said."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.attestation.settings import AttestationSettings
from broker.attestation.spiffe.declared import TrustDomainDeclaration
from broker.errors import ConfigurationError
from broker.settings.load import load_document
from tests.fakes.attestation import DECLARED as ISSUER
from tests.fakes.attestation import stanza
from tests.fakes.spiffe import DECLARED, declare_domain

SPIFFE_ENDPOINT = {
    "url": "https://spire.example/bundle",
    "profile": "https_spiffe",
    "endpoint_id": "spiffe://prod.example/spire/server",
    "file": "bundle.json",
}


def bundle(**members: object) -> Mapping[str, Any]:
    """Change the bundle's members."""
    return {"bundle": {"file": "b.json", **members}}


FAULTS: dict[str, tuple[Mapping[str, Any], tuple[str | int, ...]]] = {
    "name with space": ({"name": "a b"}, ("name",)),
    "upper case": ({"trust_domain": "Prod.example"}, ("trust_domain",)),
    "with scheme": ({"trust_domain": "spiffe://prod.example"}, ("trust_domain",)),
    "no audience": ({"audience": ""}, ("audience",)),
    "SP-7 EdDSA": ({"algorithms": ["EdDSA"]}, ("algorithms",)),
    "B1 HS256": ({"algorithms": ["ES256", "HS256"]}, ("algorithms",)),
    "no algorithm": ({"algorithms": []}, ("algorithms",)),
    "leeway": ({"leeway_seconds": 31}, ("leeway_seconds",)),
    "endless": ({"max_lifetime_seconds": 86_401}, ("max_lifetime_seconds",)),
    "no rule": ({"map": []}, ("map",)),
    "overlapping": (
        {"map": [{"path": "/agents/{name}"}, {"path": "/agents/x", "name": "y"}]},
        ("map", 1, "path"),
    ),
    "bad rule": ({"map": [{"path": "/{name}"}]}, ("map", 0, "path")),
    "neither": ({"bundle": {}}, ("bundle",)),
    "both": (bundle(url="https://spire.example"), ("bundle",)),
    "SP-11 plain http": ({"bundle": {"url": "http://spire.example"}}, ("bundle", "url")),
    "id without profile": (
        bundle(endpoint_id="spiffe://prod.example/x"),
        ("bundle", "endpoint_id"),
    ),
    "spiffe without file": ({"bundle": {**SPIFFE_ENDPOINT, "file": None}}, ("bundle",)),
    "spiffe over http": (
        {"bundle": {**SPIFFE_ENDPOINT, "url": "http://127.0.0.1/bundle"}},
        ("bundle",),
    ),
    "spiffe without id": (
        {"bundle": {**SPIFFE_ENDPOINT, "endpoint_id": ""}},
        ("bundle", "endpoint_id"),
    ),
    "id of another domain": (
        {"bundle": {**SPIFFE_ENDPOINT, "endpoint_id": "spiffe://other.example/spire/server"}},
        ("bundle", "endpoint_id"),
    ),
    "no refresh": (bundle(refresh_seconds=0), ("bundle", "refresh_seconds")),
    "stale for ever": (bundle(max_stale_seconds=10**6), ("bundle", "max_stale_seconds")),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_faulty_stanza_is_located(case: str) -> None:
    """Each mistake names its member and a remedy."""
    changes, path = FAULTS[case]

    faults = list(declare_domain(**changes).faults())

    assert path in [fault.path for fault in faults]
    assert all(fault.remedy for fault in faults)


@pytest.mark.parametrize(
    "changes", [{}, {"bundle": {"url": "https://spire.example/b"}}, {"bundle": SPIFFE_ENDPOINT}]
)
def test_a_sound_stanza_has_no_faults(changes: Mapping[str, Any]) -> None:
    """From a file, from a web endpoint, from a SPIFFE endpoint."""
    assert not list(declare_domain(**changes).faults())


def test_an_unknown_member_or_profile_is_refused() -> None:
    """A mistyped setting would otherwise do nothing."""
    for changes in ({"issuer": "x"}, {"bundle": {"url": "https://x", "profile": "web"}}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({**DECLARED, **changes}, TrustDomainDeclaration)


def test_two_stanzas_are_never_of_one_trust_domain_or_name() -> None:
    """Nor is an issuer's ``iss`` the ID of a declared trust domain."""
    twins = AttestationSettings(trust_domains=(declare_domain(), declare_domain()))
    mixed = AttestationSettings(
        issuers=(stanza(**{**ISSUER, "issuer": "spiffe://prod.example"}),),
        trust_domains=(declare_domain(),),
    )

    assert ("trust_domains", 1, "trust_domain") in [fault.path for fault in twins.faults()]
    assert ("trust_domains", 1, "name") in [fault.path for fault in twins.faults()]
    assert ("issuers", 0, "issuer") in [fault.path for fault in mixed.faults()]


def test_a_trust_domain_alone_is_enough_and_nothing_is_not() -> None:
    """Somebody has to be able to call."""
    assert not list(AttestationSettings(trust_domains=(declare_domain(),)).faults())
    assert list(AttestationSettings().faults())


def test_rules_without_an_instance_are_warned_of() -> None:
    """By position, as the file has them."""
    rules = [{"path": "/a/{name}/{instance}"}, {"path": "/b/{name}"}]
    settings = AttestationSettings(trust_domains=(declare_domain(map=rules),))

    assert [fault.path for fault in settings.warnings()] == [("trust_domains", 0, "map", 1)]
    assert declare_domain(bundle={"file": "x"}).bundle.file == Path("x")


def test_a_stanza_is_read_from_a_file_with_all_its_faults(tmp_path: Path) -> None:
    """The loader finds them, each once and in its line; a sound one comes out whole."""
    sound = """
trust_domains:
  - name: prod
    trust_domain: prod.example
    audience: jit-broker
    bundle: {file: bundle.json}
    map:
      - path: /agents/{name}/{instance}
        tenant: acme
"""
    file = tmp_path / "issuers.yaml"
    file.write_text(sound)
    loaded = load_document(file, AttestationSettings)
    assert loaded.trust_domains[0].bundle.file == tmp_path / "bundle.json"

    file.write_text(
        sound.replace("prod.example", "Prod").replace("bundle.json", "x, url: 'http://x'")
    )
    with pytest.raises(ConfigurationError) as caught:
        load_document(file, AttestationSettings)
    assert [fault.line for fault in caught.value.faults] == [4, 6, 6]
