"""Who calls by certificate: only where the settings and a trust domain say so."""

import ssl

import pytest

from broker.attestation.attestation import Attestation
from broker.attestation.proof_cache import ProofCache
from broker.callers import client_watch
from broker.errors import ConfigurationError
from broker.http.client_trust import ClientTrust
from tests.fakes.clock import FakeClock
from tests.fakes.spiffe import SpiffeBench
from tests.fakes.trust_domain import FakeTrustDomain


def test_asking_for_certificates_needs_a_trust_domain() -> None:
    """Otherwise nobody's could ever be taken: it is said at the start."""
    clock, context = FakeClock(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    with pytest.raises(ConfigurationError, match="trust_domains"):
        client_watch(Attestation([], ProofCache(clock)), ClientTrust(context), clock)


async def test_the_tls_layer_follows_the_bundles() -> None:
    """What is new in a bundle is known to the next handshake."""
    bench, context = SpiffeBench(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    watch = client_watch(bench.attestation, ClientTrust(context), bench.clock)
    assert watch is not None
    assert context.cert_store_stats()["x509_ca"] == 0

    await bench.verifier.keys.refresh()
    await watch.look()
    await watch.look()
    assert context.cert_store_stats()["x509_ca"] == 1

    bench.domain.members.append(bench.domain.x509_member(FakeTrustDomain("x").authority))
    bench.source.document = bench.domain.bundle()
    bench.clock.advance(10_000)
    await bench.verifier.keys.refresh()
    await watch.look()
    assert context.cert_store_stats()["x509_ca"] == 2


def test_where_clients_are_asked_for_none_none_is_known() -> None:
    """No trust domain is needed then."""
    clock = FakeClock()

    assert client_watch(Attestation([], ProofCache(clock)), None, clock) is None


def test_certificates_are_asked_for_and_not_demanded() -> None:
    """And only over TLS 1.3, without tickets that would hide the chain of a resumed connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ClientTrust(context)

    assert context.verify_mode is ssl.CERT_OPTIONAL
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.num_tickets == 0
