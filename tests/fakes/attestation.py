"""A trusted issuer, ready for a test: its declaration, its honest claims, and a watcher."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.attestation.attestation import Attestation
from broker.attestation.declaration import IssuerDeclaration
from broker.attestation.issuer_keys import IssuerKeys, KeyTiming
from broker.attestation.key_source import KeySource
from broker.attestation.keyset import SkippedKey, parse_key_set
from broker.attestation.proof_cache import ProofCache
from broker.attestation.settings import AttestationSettings
from broker.attestation.stanza import IssuerStanza
from broker.attestation.trusted_issuer import TrustedIssuer
from broker.errors import AttestationError
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import ScriptedSource, Signer

ISSUER = "https://issuer.example"
AUDIENCE = "https://broker.example"
TIMING = KeyTiming(refresh_ms=300_000, max_stale_ms=3_600_000, cooldown_ms=10_000)

DECLARED: Mapping[str, Any] = {
    "name": "example",
    "issuer": ISSUER,
    "audience": AUDIENCE,
    "algorithms": ["ES256"],
    "keys": {"url": "https://issuer.example/jwks"},
    "claims": {
        "required": ["sub", "kind", "instance"],
        "optional": ["tenant", "run", "admin"],
        "ignored": ["jti"],
    },
    "map": {
        "kind": {"claim": "kind", "values": {"agent": "agent", "boss": "operator"}},
        "name": {"claim": "sub"},
        "tenant": {"claim": "tenant"},
        "instance": {"claim": "instance"},
    },
}


def declare(**changes: object) -> IssuerDeclaration:
    """Read a whole declaration, with some members changed."""
    return msgspec.convert({**DECLARED, **changes}, IssuerDeclaration, dec_hook=_path)


def stanza(**members: object) -> IssuerStanza:
    """Read a stanza as the loader does; without members, the whole declaration's."""
    return msgspec.convert(members or dict(DECLARED), IssuerStanza, dec_hook=_path)


def settings_of(**changes: object) -> AttestationSettings:
    """Make settings of the one declaration, with some members changed."""
    return AttestationSettings((stanza(**{**DECLARED, **changes}),))


def _path(type_: type, value: object) -> object:
    assert type_ is Path
    return Path(str(value))


def honest_claims(clock: FakeClock, **changes: object) -> dict[str, object]:
    """Say what an honest token says; a change to ``...`` leaves a claim out."""
    now = clock.now_ms() // 1000
    claims = {
        "iss": ISSUER,
        "sub": "invoice-bot",
        "aud": AUDIENCE,
        "exp": now + 300,
        "iat": now,
        "jti": "j-1",
        "kind": "agent",
        "tenant": "acme",
        "instance": "pod-1",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ...}


class Watcher:
    """An ``Observer`` that remembers."""

    def __init__(self) -> None:
        self.unknown: list[tuple[str, str]] = []
        self.changes: list[tuple[str, ...]] = []
        self.skipped: list[SkippedKey] = []
        self.failures: list[str] = []

    def unknown_claim(self, issuer: str, claim: str) -> None:
        """Remember a claim."""
        self.unknown.append((issuer, claim))

    def keys_changed(
        self, issuer: str, key_ids: Sequence[str], skipped: Sequence[SkippedKey]
    ) -> None:
        """Remember a new key set."""
        assert issuer
        self.changes.append(tuple(key_ids))
        self.skipped.extend(skipped)

    def keys_unreachable(self, issuer: str, why: str) -> None:
        """Remember a failed look."""
        assert issuer
        self.failures.append(why)


def trust(
    source: KeySource,
    clock: FakeClock,
    *,
    watcher: Watcher | None = None,
    timing: KeyTiming = TIMING,
    **changes: object,
) -> TrustedIssuer:
    """Make a trusted issuer whose keys come from a source."""
    declaration = declare(**changes)
    assert not list(declaration.faults())
    watcher = watcher or Watcher()
    keys = IssuerKeys(
        source,
        timing,
        issuer=declaration.name,
        read=partial(parse_key_set, algorithms=declaration.algorithms),
        clock=clock,
        observer=watcher,
    )
    return TrustedIssuer(declaration, keys, clock=clock, observer=watcher)


def attest_with(*issuers: TrustedIssuer, clock: FakeClock) -> Attestation:
    """Make the entry for some issuers."""
    return Attestation(issuers, ProofCache(clock))


class Bench:
    """One issuer, its attestation and a clock, all in the test's hand."""

    def __init__(self, **changes: object) -> None:
        self.clock = FakeClock()
        self.signer = Signer()
        self.source = ScriptedSource(self.signer.jwks())
        self.watcher = Watcher()
        self.issuer = trust(self.source, self.clock, watcher=self.watcher, **changes)
        self.attestation = attest_with(self.issuer, clock=self.clock)

    def token(self, **claims: object) -> str:
        """Sign honest claims with some changed."""
        return self.signer.sign(honest_claims(self.clock, **claims))

    async def reason_of(self, token: str) -> str:
        """Return the word with which a token is refused."""
        with pytest.raises(AttestationError) as caught:
            await self.attestation.attest(token)
        return caught.value.reason
