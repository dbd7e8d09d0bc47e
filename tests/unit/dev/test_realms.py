"""The platforms that the throw-away issuer plays are trusted through the presets."""

import pytest

from broker.attestation.compact import parse_compact
from broker.attestation.settings import AttestationSettings
from broker.clock import SystemClock
from broker.dev.issuer import DevIssuer
from broker.dev.realms import REALMS, job_claims, pod_claims, stanzas
from broker.secret import Secret
from broker.signing.key import SigningKey, new_private_key
from tests.fakes.attestation import Bench, stanza, trust
from tests.fakes.issuer import ScriptedSource, encode

URL = "http://127.0.0.1:8701"
CLAIMS = {
    "cluster": pod_claims("payments", "invoice-bot", "5a1ec1f0-6f4e-4b5c-9a52-0f8b2c1d7e11"),
    "ci": job_claims("acme", "billing", "9001"),
}
INSTANCES = {
    "cluster": "5a1ec1f0-6f4e-4b5c-9a52-0f8b2c1d7e11",
    "ci": "700123/9001/1/39001",
}


@pytest.fixture
def issuer() -> DevIssuer:
    """A throw-away issuer that nobody can reach."""
    key = SigningKey("k1", new_private_key("ES256"), token_type="JWT")
    return DevIssuer(URL, key, Secret("x"), clock=SystemClock())


def test_the_stanzas_have_no_fault_and_no_warning() -> None:
    """They are what a real installation would write."""
    settings = AttestationSettings(tuple(stanza(**each) for each in stanzas(URL, "ES256")))

    assert list(settings.faults()) == []
    assert list(settings.warnings()) == []
    assert [each.issuer for each in settings.declarations()] == [f"{URL}/cluster", f"{URL}/ci"]


@pytest.mark.parametrize("realm", REALMS)
async def test_a_token_of_a_platform_is_an_agent_with_its_instance(
    issuer: DevIssuer, realm: str
) -> None:
    """Through the preset, and by no claim that the throw-away issuer adds of its own."""
    declarations = AttestationSettings(
        tuple(stanza(**each) for each in stanzas(URL, "ES256"))
    ).declarations()
    (declared,) = [each for each in declarations if each.name == realm]
    bench = Bench(name="unused")
    token, _ = issuer.mint({**CLAIMS[realm], "ttl_seconds": 3600}, realm)
    trusted = trust(ScriptedSource(encode(issuer.jwks())), bench.clock)
    trusted = type(trusted)(declared, trusted.keys, clock=SystemClock(), observer=bench.watcher)

    attested = (await trusted.verify(parse_compact(token.reveal()))).attested

    assert (attested.name, attested.instance) == ("invoice-bot", INSTANCES[realm])
    assert bench.watcher.unknown == []
