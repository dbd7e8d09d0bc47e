"""Operators learn where nothing tells two running copies apart."""

import pytest

from broker.attestation.presets import PRESETS
from broker.attestation.settings import AttestationSettings
from tests.fakes.attestation import settings_of
from tests.unit.attestation.test_stanza import MINIMAL, preset

MAP = {"kind": "agent", "name": {"claim": "sub", "prefix": "bot:"}, "instance": {"claim": "sub"}}


def warned(settings: AttestationSettings) -> list[str]:
    """Return the warnings, each with a place and a remedy."""
    found = list(settings.warnings())
    assert all(fault.path[:2] == ("issuers", 0) and fault.remedy for fault in found)
    return [fault.message for fault in found]


ALWAYS = ["kubernetes", "github-actions", "oidc"]
SOMETIMES = ["google", "aws"]


def test_every_preset_is_judged_here() -> None:
    """Whoever adds one says what tells its copies apart, and whether all of them have it."""
    assert sorted(ALWAYS + SOMETIMES) == sorted(PRESETS)
    assert all(preset.tells_apart for preset in PRESETS.values())


@pytest.mark.parametrize("name", ALWAYS)
def test_where_each_copy_has_its_own_claim_nothing_is_said(name: str) -> None:
    """The uid of a pod, the job of a run, or what the operator names."""
    assert warned(AttestationSettings((preset(name),))) == []


@pytest.mark.parametrize("name", SOMETIMES)
def test_where_only_some_copies_have_a_claim_it_is_said(name: str) -> None:
    """Tokens of machines have one, those of functions do not."""
    (message,) = warned(AttestationSettings((preset(name),)))
    assert "whose tokens lack" in message


@pytest.mark.parametrize(
    "instance", [{"claim": "sub"}, ["sub"], {"claim": "email"}, ["team", "sub"]]
)
def test_where_all_copies_have_the_same_claim_it_is_said(instance: object) -> None:
    """The subject, an account, or a claim with one declared value: two copies look alike."""
    claims = {"required": ["sub", "email"], "verified": {"team": "payments"}}
    (message,) = warned(settings_of(claims=claims, map={**MAP, "instance": instance}))
    assert "nothing tells two copies apart" in message


def test_a_claim_that_changes_with_each_token_is_pointed_out() -> None:
    """A copy that renews its token would lose its tasks."""
    claims = {"required": ["sub", "jti"]}
    (message,) = warned(settings_of(claims=claims, map={**MAP, "instance": {"claim": "jti"}}))
    assert "jti" in message


def test_the_remedy_says_what_the_preset_knows() -> None:
    """In words."""
    settings = AttestationSettings((preset("oidc", **{**MINIMAL["oidc"], "map": {}}),))
    (fault,) = settings.warnings()
    assert "map.instance" in fault.remedy
