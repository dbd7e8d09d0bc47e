"""A trusted trust domain, ready for a test."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.attestation.attestation import Attestation
from broker.attestation.issuer_keys import IssuerKeys
from broker.attestation.key_source import KeySource
from broker.attestation.proof_cache import ProofCache
from broker.attestation.spiffe.bundle_reader import BundleReader
from broker.attestation.spiffe.declared import TrustDomainDeclaration
from broker.attestation.spiffe.trust_domain import TrustDomain
from broker.errors import AttestationError
from tests.fakes.attestation import AUDIENCE, TIMING, Watcher
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import ScriptedSource
from tests.fakes.trust_domain import FakeTrustDomain

DECLARED: Mapping[str, Any] = {
    "name": "prod",
    "trust_domain": "prod.example",
    "audience": AUDIENCE,
    "bundle": {"file": "bundle.json"},
    "map": [{"path": "/agents/{name}/{instance}", "tenant": "acme"}],
}


def declare_domain(**changes: object) -> TrustDomainDeclaration:
    """Read a declaration as the loader does, with some members changed."""
    return msgspec.convert(
        {**DECLARED, **changes},
        TrustDomainDeclaration,
        dec_hook=lambda type_, value: Path(value) if type_ is Path else value,
    )


def trust_domain(
    source: KeySource, clock: FakeClock, watcher: Watcher, **changes: object
) -> TrustDomain:
    """Make the verifier of a trust domain whose bundle comes from a source."""
    declaration = declare_domain(**changes)
    assert not list(declaration.faults())
    keys = IssuerKeys(
        source,
        TIMING,
        issuer=declaration.name,
        read=BundleReader(declaration.algorithms).read,
        clock=clock,
        observer=watcher,
    )
    return TrustDomain(declaration, keys, clock=clock)


class SpiffeBench:
    """One trust domain, its attestation and a clock, all in the test's hand."""

    def __init__(self, *others: TrustDomain, **changes: object) -> None:
        self.clock = FakeClock()
        self.domain = FakeTrustDomain("prod.example")
        self.source = ScriptedSource(self.domain.bundle())
        self.watcher = Watcher()
        self.verifier = trust_domain(self.source, self.clock, self.watcher, **changes)
        self.attestation = Attestation([self.verifier, *others], ProofCache(self.clock))

    def claims(self, **changes: object) -> dict[str, object]:
        """Say what an honest JWT-SVID says; a change to ``...`` leaves a claim out."""
        now = self.clock.now_ms() // 1000
        claims = {
            "sub": "spiffe://prod.example/agents/invoice-bot/pod-1",
            "aud": [AUDIENCE],
            "exp": now + 300,
            "iat": now,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not ...}

    def token(self, **claims: object) -> str:
        """Sign honest claims with some changed."""
        return self.domain.jwt_svid(self.claims(**claims))

    async def reason_of(self, token: str) -> str:
        """Return the word with which a token is refused."""
        with pytest.raises(AttestationError) as caught:
            await self.attestation.attest(token)
        return caught.value.reason
