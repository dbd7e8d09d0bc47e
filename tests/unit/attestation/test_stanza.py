"""Presets fill in, operators narrow, and nothing widens."""

from typing import Any

import msgspec
import pytest

from broker.attestation.declaration import IssuerDeclaration
from broker.attestation.presets import PRESETS
from broker.attestation.settings import AttestationSettings
from broker.attestation.stanza import IssuerStanza
from broker.settings.fault import Path as FaultPath
from tests.fakes.attestation import DECLARED, declare, stanza

OURS = "https://broker.example"
NAMESPACE = {"/kubernetes.io/namespace": "payments"}
MINIMAL: dict[str, dict[str, Any]] = {
    "oidc": {
        "issuer": "https://idp.example",
        "claims": {"verified": {"team": "payments"}, "required": ["run"]},
        "map": {"instance": {"claim": "run"}},
    },
    "kubernetes": {"issuer": "https://k8s.example", "claims": {"verified": NAMESPACE}},
    "github-actions": {
        "map": {"name": {"claim": "repository_id", "values": {"700123": "invoice-bot"}}}
    },
    "google": {"map": {"name": {"claim": "sub", "values": {"1082": "invoice-bot"}}}},
    "aws": {
        "issuer": "https://0aa1.tokens.sts.global.api.aws",
        "map": {"name": {"claim": "sub", "prefix": "arn:aws:iam::123456789012:role/"}},
    },
}
"""For each preset the least that an operator has to add."""


def preset(which: str, **changes: object) -> IssuerStanza:
    """Write a minimal stanza for a preset, with some members changed."""
    return stanza(**{"name": "x", "preset": which, "audience": OURS, **MINIMAL[which], **changes})


def whole(written: IssuerStanza) -> IssuerDeclaration:
    """Return the declaration that comes out of a stanza."""
    declaration = written.declaration()
    assert declaration is not None
    return declaration


def paths(written: IssuerStanza) -> list[FaultPath]:
    """Return where a stanza is faulty."""
    return [fault.path for fault in written.faults()]


def test_a_hand_written_stanza_is_the_declaration_as_it_stands() -> None:
    """Without a preset nothing is added and nothing taken away."""
    assert whole(stanza()) == declare()
    assert paths(stanza()) == []


@pytest.mark.parametrize("name", MINIMAL)
def test_every_preset_needs_little_more_than_whose_workloads_are_meant(name: str) -> None:
    """What comes out is a declaration without faults, and keys are found through the issuer."""
    written = preset(name)

    assert paths(written) == []
    assert whole(written).keys.discovery is True
    assert PRESETS[name].tells_apart


def test_every_preset_that_can_be_named_is_there() -> None:
    """And no other."""
    assert set(PRESETS) == set(MINIMAL)
    with pytest.raises(msgspec.ValidationError):
        stanza(name="x", preset="gitlab", audience=OURS)


@pytest.mark.parametrize("name", MINIMAL)
def test_b12_a_preset_alone_says_nothing_of_whose_workloads_are_meant(name: str) -> None:
    """Half the world is at these issuers: a stanza that does not narrow is a fault."""
    issuer = MINIMAL[name].get("issuer", "")
    written = stanza(name="x", preset=name, issuer=issuer, audience=OURS)

    assert ("claims", "verified") in paths(written)


@pytest.mark.parametrize("member", ["issuer", "algorithms", "keys", "claims"])
def test_without_a_preset_everything_has_to_be_there(member: str) -> None:
    """Each missing member is named; nothing has a silent default."""
    rest = {name: value for name, value in DECLARED.items() if name != member}

    assert (member,) in paths(stanza(**rest))
    assert stanza(**rest).declaration() is None


@pytest.mark.parametrize("member", ["kind", "name", "instance"])
def test_without_a_preset_the_whole_map_has_to_be_there(member: str) -> None:
    """Who the bearer is, is never guessed."""
    rest = {name: value for name, value in DECLARED["map"].items() if name != member}

    assert ("map", member) in paths(stanza(**{**DECLARED, "map": rest}))


@pytest.mark.parametrize(
    ("name", "audience"),
    [
        ("kubernetes", "https://kubernetes.default.svc"),
        ("kubernetes", "https://kubernetes.default.svc.cluster.local"),
        ("kubernetes", "https://k8s.example"),
        ("kubernetes", "sts.amazonaws.com"),
        ("github-actions", "https://github.com/acme"),
        ("github-actions", "sts.amazonaws.com"),
        ("google", "https://accounts.google.com"),
    ],
)
def test_an_audience_that_others_share_is_a_fault(name: str, audience: str) -> None:
    """Who holds a token for the API server, or for AWS, could replay it here (B13)."""
    assert ("audience",) in paths(preset(name, audience=audience))


def test_narrowing_adds_demands_and_keeps_those_of_the_preset() -> None:
    """A claim that both name is held to the stricter demand."""
    claims = whole(
        preset(
            "github-actions",
            claims={
                "verified": {"ref": "refs/heads/main", "event_name": "push"},
                "required": ["environment"],
            },
        )
    ).claims

    assert claims.verified == {"event_name": "push", "ref": "refs/heads/main"}
    assert "environment" in claims.required
    assert "check_run_id" in claims.required
    assert not {"ref", "environment"} & {*claims.optional, *claims.ignored}


def test_a_preset_cannot_be_widened() -> None:
    """Neither by ignoring what it demands nor by allowing values that it does not."""
    ignoring = preset(
        "kubernetes", claims={"verified": NAMESPACE, "ignored": ["/kubernetes.io/pod/uid"]}
    )
    allowing = preset(
        "github-actions", claims={"verified": {"event_name": ["push", "pull_request"]}}
    )
    loosening = preset("google", claims={"verified": {"email_verified": 1}})

    assert ("claims", "ignored") in paths(ignoring)
    assert ("claims", "verified", "event_name") in paths(allowing)
    assert ("claims", "verified", "email_verified") in paths(loosening)


def test_the_life_of_a_token_can_be_bounded_and_never_without_bound() -> None:
    """A year is refused by the configuration already."""
    assert whole(preset("kubernetes", max_lifetime_seconds=3600)).max_lifetime_seconds == 3600
    assert whole(preset("kubernetes")).max_lifetime_seconds == 86_400
    assert ("max_lifetime_seconds",) in paths(preset("kubernetes", max_lifetime_seconds=31_536_000))
    assert ("max_lifetime_seconds",) in paths(preset("kubernetes", max_lifetime_seconds=0))


def test_own_keys_take_the_place_of_discovery() -> None:
    """Timing alone does not: the keys are still found through the issuer."""
    assert whole(preset("kubernetes", keys={"file": "/keys"})).keys.discovery is False
    timed = whole(preset("kubernetes", keys={"refresh_seconds": 60})).keys
    assert (timed.discovery, timed.refresh_seconds) == (True, 60)


def test_an_issuer_that_is_no_url_cannot_be_asked() -> None:
    """Discovery begins at the issuer; where that is a mere name, keys have to be declared."""
    assert ("keys", "discovery") in paths(preset("kubernetes", issuer="kubernetes/serviceaccount"))
    written = preset(
        "kubernetes", issuer="kubernetes/serviceaccount", keys={"url": "https://k8s.example/jwks"}
    )
    assert paths(written) == []


@pytest.mark.parametrize(
    ("issuer", "discovery", "url"),
    [
        ("https://i.example", True, "https://i.example/.well-known/openid-configuration"),
        ("https://i.example/a/", True, "https://i.example/a/.well-known/openid-configuration"),
        (
            "https://i.example/a",
            "https://i.example/.well-known/oauth-authorization-server/a",
            "https://i.example/.well-known/oauth-authorization-server/a",
        ),
        (
            "https://token.actions.githubusercontent.com/acme-inc",
            True,
            "https://token.actions.githubusercontent.com/acme-inc/.well-known/openid-configuration",
        ),
    ],
)
def test_md1_the_metadata_lie_where_the_specifications_say(
    issuer: str, discovery: object, url: str
) -> None:
    """OpenID Connect appends to the path (§4), RFC 8414 goes between host and path: by its URL."""
    written = preset("oidc", issuer=issuer, keys={"discovery": discovery})

    assert paths(written) == []
    assert whole(written).keys.metadata_url(issuer) == url


def test_two_stanzas_cannot_declare_one_issuer() -> None:
    """Also when a preset has filled it in."""
    settings = AttestationSettings(
        (
            preset("google", name="one"),
            preset("google", name="two", issuer="https://accounts.google.com"),
        )
    )

    assert ("issuers", 1, "issuer") in [fault.path for fault in settings.faults()]


@pytest.mark.parametrize("field", ["prefix", "values", "name"])
def test_a_list_of_names_is_checked(field: str) -> None:
    """A prefix besides is a mistake, and so is a name that nobody can have."""
    name: dict[str, object] = {"claim": "sub", "values": {"1082": "invoice-bot"}}
    name |= {"prefix": {"prefix": "x:"}, "values": {"values": {"1": "a b"}}, "name": {}}[field]

    assert bool(paths(preset("google", map={"name": name}))) is (field != "name")
