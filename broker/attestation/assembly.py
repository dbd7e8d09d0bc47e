"""Builds an :class:`Attestation` from its settings."""

from functools import partial

from aiohttp import ClientSession

from broker.attestation.attestation import Attestation
from broker.attestation.declaration import IssuerDeclaration
from broker.attestation.declared_keys import Durations
from broker.attestation.discovery import DiscoveryKeySource
from broker.attestation.issuer_keys import IssuerKeys, KeyTiming
from broker.attestation.key_source import FileKeySource, KeySource, UrlKeySource
from broker.attestation.keyset import parse_key_set
from broker.attestation.observer import Observer
from broker.attestation.proof_cache import ProofCache
from broker.attestation.settings import AttestationSettings
from broker.attestation.spiffe.bundle_reader import BundleReader
from broker.attestation.spiffe.declared import (
    BundleDeclaration,
    Profile,
    TrustDomainDeclaration,
)
from broker.attestation.spiffe.endpoint import SpiffeEndpointSource
from broker.attestation.spiffe.trust_domain import TrustDomain
from broker.attestation.token_review import TokenReview
from broker.attestation.trusted_issuer import TrustedIssuer
from broker.attestation.url_reader import Access
from broker.clock import Clock


def build_attestation(
    settings: AttestationSettings, session: ClientSession, *, clock: Clock, observer: Observer
) -> Attestation:
    """Build the entry from settings without faults; ``session`` is an ``open_key_session()``."""
    issuers = [
        build_issuer(declaration, session, clock=clock, observer=observer)
        for declaration in settings.declarations()
    ]
    domains = [
        build_trust_domain(declaration, session, clock=clock, observer=observer)
        for declaration in settings.trust_domains
    ]
    return Attestation([*issuers, *domains], ProofCache(clock))


def build_issuer(
    declaration: IssuerDeclaration, session: ClientSession, *, clock: Clock, observer: Observer
) -> TrustedIssuer:
    """Build the verifier of one issuer."""
    keys = IssuerKeys(
        key_source(declaration, session),
        _timing(declaration.keys),
        issuer=declaration.name,
        read=partial(parse_key_set, algorithms=declaration.algorithms),
        clock=clock,
        observer=observer,
    )
    reviewer = None
    if declaration.token_review is not None:
        reviewer = TokenReview(session, declaration.token_review, declaration.audience, clock)
    return TrustedIssuer(declaration, keys, clock=clock, observer=observer, reviewer=reviewer)


def key_source(declaration: IssuerDeclaration, session: ClientSession) -> KeySource:
    """Build where the keys of one issuer come from."""
    declared = declaration.keys
    if declared.file:
        return FileKeySource(declared.file)
    access = Access(declared.ca_file, declared.token_file)
    timeout_ms = declared.timeout_seconds * 1000
    if url := declared.metadata_url(declaration.issuer):
        return DiscoveryKeySource(
            session, url, declaration.issuer, timeout_ms=timeout_ms, access=access
        )
    return UrlKeySource(session, declared.url, timeout_ms=timeout_ms, access=access)


def build_trust_domain(
    declaration: TrustDomainDeclaration,
    session: ClientSession,
    *,
    clock: Clock,
    observer: Observer,
) -> TrustDomain:
    """Build the verifier of one trust domain, with a bundle of its own."""
    reader = BundleReader(declaration.algorithms)
    keys = IssuerKeys(
        _bundle_source(declaration.bundle, session, reader),
        _timing(declaration.bundle),
        issuer=declaration.name,
        read=reader.read,
        clock=clock,
        observer=observer,
    )
    return TrustDomain(declaration, keys, clock=clock)


def _bundle_source(
    declared: BundleDeclaration, session: ClientSession, reader: BundleReader
) -> KeySource:
    timeout_ms = declared.timeout_seconds * 1000
    if declared.file is None:
        access = Access(declared.ca_file)
        return UrlKeySource(session, declared.url, timeout_ms=timeout_ms, access=access)
    if declared.profile is Profile.WEB:
        return FileKeySource(declared.file)
    return SpiffeEndpointSource(
        session,
        declared.url,
        endpoint_id=declared.endpoint_id,
        first=declared.file,
        reader=reader,
        timeout_ms=timeout_ms,
    )


def _timing(declared: Durations) -> KeyTiming:
    return KeyTiming(
        refresh_ms=declared.refresh_seconds * 1000,
        max_stale_ms=declared.max_stale_seconds * 1000,
        cooldown_ms=declared.cooldown_seconds * 1000,
    )
