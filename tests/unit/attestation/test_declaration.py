from typing import Any

import msgspec
import pytest

from broker.attestation.declaration import IssuerDeclaration
from broker.attestation.settings import AttestationSettings
from broker.settings.fault import Fault
from tests.fakes.attestation import DECLARED, declare, settings_of, stanza


def faults_of(**changes: object) -> list[Fault]:
    """Return what is wrong with a changed declaration."""
    return list(declare(**changes).faults())


def changed(part: str, **members: object) -> dict[str, Any]:
    """Change members of one part of the declaration."""
    return {part: {**DECLARED[part], **members}}


def test_a_sound_declaration_has_no_faults() -> None:
    """Neither alone nor among all."""
    assert faults_of() == []
    assert list(settings_of().faults()) == []


FAULTS: dict[str, tuple[dict[str, Any], tuple[str | int, ...]]] = {
    "no audience": ({"audience": ""}, ("audience",)),
    "audience with control": ({"audience": "a\n"}, ("audience",)),
    "no issuer": ({"issuer": ""}, ("issuer",)),
    "name with space": ({"name": "a b"}, ("name",)),
    "B1 symmetric": ({"algorithms": ["HS256"]}, ("algorithms", 0)),
    "B3 none": ({"algorithms": ["ES256", "none"]}, ("algorithms", 1)),
    "unknown algorithm": ({"algorithms": ["ES256K"]}, ("algorithms", 0)),
    "no algorithm": ({"algorithms": []}, ("algorithms",)),
    "algorithm twice": ({"algorithms": ["ES256", "ES256"]}, ("algorithms",)),
    "unknown typ": ({"typ": ["logout+jwt"]}, ("typ", 0)),
    "no typ": ({"typ": []}, ("typ",)),
    "B16 leeway": ({"leeway_seconds": 31}, ("leeway_seconds",)),
    "negative leeway": ({"leeway_seconds": -1}, ("leeway_seconds",)),
    "no lifetime": ({"max_lifetime_seconds": 0}, ("max_lifetime_seconds",)),
    "endless lifetime": ({"max_lifetime_seconds": 604_801}, ("max_lifetime_seconds",)),
    "plain http": (changed("keys", url="http://issuer.example/jwks"), ("keys", "url")),
    "http by name": (changed("keys", url="http://127.0.0.1.evil.example/"), ("keys", "url")),
    "B5 file URL": (changed("keys", url="file:///etc/keys"), ("keys", "url")),
    "no host": (changed("keys", url="https:///jwks"), ("keys", "url")),
    "no URL": (changed("keys", url="https://[x/"), ("keys", "url")),
    "bad port": (changed("keys", url="https://x:99999/"), ("keys", "url")),
    "user in URL": (changed("keys", url="https://u:p@x/"), ("keys", "url")),
    "fragment": (changed("keys", url="https://x/#y"), ("keys", "url")),
    "url and file": (changed("keys", file="/keys"), ("keys",)),
    "neither": (changed("keys", url=""), ("keys",)),
    "no refresh": (changed("keys", refresh_seconds=0), ("keys", "refresh_seconds")),
    "refresh in cool-down": (changed("keys", refresh_seconds=19), ("keys", "refresh_seconds")),
    "stale before refresh": (changed("keys", max_stale_seconds=299), ("keys", "max_stale_seconds")),
    "endless": (changed("keys", max_stale_seconds=604_801), ("keys", "max_stale_seconds")),
    "no cool-down": (changed("keys", cooldown_seconds=0), ("keys", "cooldown_seconds")),
    "no timeout": (changed("keys", timeout_seconds=0), ("keys", "timeout_seconds")),
    "claim twice": (changed("claims", optional=["sub"]), ("claims",)),
    "implicit claim": (changed("claims", optional=["aud"]), ("claims",)),
    "broken pointer": (changed("claims", optional=["/a//b"]), ("claims",)),
    "B12 wildcard": (
        changed("claims", verified={"repo": "repo:acme/*"}),
        ("claims", "verified", "repo"),
    ),
    "no value": (changed("claims", verified={"repo": []}), ("claims", "verified", "repo")),
    "empty value": (changed("claims", verified={"repo": ""}), ("claims", "verified", "repo")),
    "name from optional": (changed("map", name={"claim": "run"}), ("map", "name")),
    "instance from nowhere": (changed("map", instance=["sub", "zzz"]), ("map", "instance")),
    "kind from optional": (
        changed("map", kind={"claim": "run", "values": {"a": "agent"}}),
        ("map", "kind"),
    ),
    "tenant from nowhere": (changed("map", tenant={"claim": "zzz"}), ("map", "tenant")),
    "kind without values": (
        changed("map", kind={"claim": "kind", "values": {}}),
        ("map", "kind", "values"),
    ),
    "B25 prefix without end": (
        changed("map", name={"claim": "sub", "prefix": "repo:acme"}),
        ("map", "name", "prefix"),
    ),
    "no instance": (changed("map", instance=[]), ("map", "instance")),
    "tenant twice": (changed("map", tenant={"claim": "tenant", "value": "x"}), ("map", "tenant")),
    "tenant empty": (changed("map", tenant={}), ("map", "tenant")),
    "B12 no condition on the subject": (changed("map", kind="agent"), ("claims", "verified")),
}


@pytest.mark.parametrize(("changes", "path"), FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_is_found_where_it_is(
    changes: dict[str, Any], path: tuple[str | int, ...]
) -> None:
    """The path leads to the value, the message says what is wrong and the remedy what to do."""
    faults = faults_of(**changes)

    assert path in [fault.path for fault in faults]
    assert all(fault.message and fault.remedy for fault in faults)


def test_an_empty_declaration_of_claims_is_a_fault() -> None:
    """Whoever trusts an issuer knows its claims."""
    assert ("claims",) in [fault.path for fault in faults_of(claims={})]


@pytest.mark.parametrize(
    "url",
    [
        "https://issuer.example/jwks",
        "http://127.0.0.1:8080/jwks",
        "http://[::1]/j",
        "http://localhost/j",
    ],
)
def test_sound_key_urls_pass(url: str) -> None:
    """TLS anywhere, plain HTTP on this machine."""
    assert faults_of(**changed("keys", url=url)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {
            "claims": {"verified": {"org": "acme"}, "required": ["sub", "instance"]},
            "map": {"kind": "agent", "name": {"claim": "sub"}, "instance": {"claim": "instance"}},
        },
        {
            "claims": {"required": ["sub", "/kubernetes.io/pod/uid"]},
            "map": {
                "kind": "agent",
                "name": {"claim": "sub", "prefix": "system:serviceaccount:"},
                "instance": {"claim": "/kubernetes.io/pod/uid"},
            },
        },
    ],
)
def test_b12_a_verified_claim_or_a_prefix_is_a_condition(changes: dict[str, Any]) -> None:
    """Either narrows an issuer that many share."""
    assert faults_of(**changes) == []


def test_the_same_name_or_issuer_twice_is_a_fault() -> None:
    """One issuer has one declaration: which of two would judge its tokens?"""
    faults = list(AttestationSettings((stanza(), stanza())).faults())

    assert {fault.path for fault in faults} == {
        ("issuers", 0, "name"),
        ("issuers", 1, "name"),
        ("issuers", 0, "issuer"),
        ("issuers", 1, "issuer"),
    }


def test_no_issuer_is_a_fault_and_paths_run_through_the_list() -> None:
    """Faults below carry the position of their issuer."""
    assert [fault.path for fault in AttestationSettings(()).faults()] == [("issuers",)]
    bad = stanza(**{**DECLARED, "audience": ""})
    assert [fault.path for fault in AttestationSettings((stanza(), bad)).faults()][-1] == (
        "issuers",
        1,
        "audience",
    )


@pytest.mark.parametrize("part", [(), ("keys",), ("claims",), ("map",), ("map", "name")])
def test_unknown_members_are_refused_at_every_level(part: tuple[str, ...]) -> None:
    """A misspelt setting never means its default."""
    whole = msgspec.json.decode(msgspec.json.encode(DECLARED))
    target = whole
    for step in part:
        target = target[step]
    target["mispelt"] = 1
    with pytest.raises(msgspec.ValidationError, match="mispelt"):
        msgspec.convert(whole, IssuerDeclaration)
