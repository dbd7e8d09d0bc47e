"""Builds an :class:`Attestation` from its settings."""

from functools import partial
from pathlib import Path

from aiohttp import ClientSession

from broker.attestation.attestation import Attestation
from broker.attestation.declaration import AttestationSettings, IssuerDeclaration
from broker.attestation.declared_keys import KeysDeclaration
from broker.attestation.issuer_keys import IssuerKeys, KeyTiming
from broker.attestation.key_source import FileKeySource, KeySource, UrlKeySource
from broker.attestation.keyset import parse_key_set
from broker.attestation.observer import Observer
from broker.attestation.proof_cache import ProofCache
from broker.attestation.trusted_issuer import TrustedIssuer
from broker.clock import Clock


def build_attestation(
    settings: AttestationSettings, session: ClientSession, *, clock: Clock, observer: Observer
) -> Attestation:
    """Build the entry from settings without faults; ``session`` is an ``open_key_session()``."""
    issuers = [
        build_issuer(declaration, session, clock=clock, observer=observer)
        for declaration in settings.issuers
    ]
    return Attestation(issuers, ProofCache(clock))


def build_issuer(
    declaration: IssuerDeclaration, session: ClientSession, *, clock: Clock, observer: Observer
) -> TrustedIssuer:
    """Build the verifier of one issuer."""
    keys = IssuerKeys(
        _source(declaration.keys, session),
        _timing(declaration.keys),
        issuer=declaration.name,
        read=partial(parse_key_set, algorithms=declaration.algorithms),
        clock=clock,
        observer=observer,
    )
    return TrustedIssuer(declaration, keys, clock=clock, observer=observer)


def _source(declared: KeysDeclaration, session: ClientSession) -> KeySource:
    if declared.file:
        return FileKeySource(Path(declared.file))
    return UrlKeySource(session, declared.url, timeout_ms=declared.timeout_seconds * 1000)


def _timing(declared: KeysDeclaration) -> KeyTiming:
    return KeyTiming(
        refresh_ms=declared.refresh_seconds * 1000,
        max_stale_ms=declared.max_stale_seconds * 1000,
        cooldown_ms=declared.cooldown_seconds * 1000,
    )
