"""Client certificates as evidence: by the one bundle, and only while it says so (SP-2, SP-5)."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from broker.attestation.reasons import Reason
from broker.attestation.spiffe.client_certificates import ClientCertificates
from broker.errors import AttestationError, KeySetUnavailableError
from broker.model.principal import Kind
from tests.fakes.attestation import Watcher
from tests.fakes.issuer import ScriptedSource, encode
from tests.fakes.spiffe import SpiffeBench, trust_domain
from tests.fakes.trust_domain import FakeTrustDomain, SigningAuthority, Svid, uris

PATH = "/agents/invoice-bot/pod-1"


class Bench(SpiffeBench):
    """A trust domain and its client certificates, at the time of the certificates."""

    def __init__(self, **changes: object) -> None:
        super().__init__(**changes)
        self.svid = self.domain.x509_svid(PATH, life=timedelta(minutes=30))
        self.clock.set_wall(int(self.svid.leaf.not_valid_before_utc.timestamp()) * 1000 + 60_000)
        self.certificates = ClientCertificates([self.verifier], self.clock)

    def refusal_of(self, svid: Svid) -> str:
        """Return the word with which a chain is refused."""
        with pytest.raises(AttestationError) as caught:
            self.certificates.attest(chain_of(svid))
        return caught.value.reason


def chain_of(svid: Svid) -> list[bytes]:
    """Return a chain as TLS shows it."""
    return [svid.der, *(each.public_bytes(Encoding.DER) for each in svid.intermediates)]


@pytest.fixture
async def bench() -> Bench:
    """Make a bench whose bundle has been fetched."""
    bench = Bench()
    await bench.verifier.keys.refresh()
    return bench


async def test_a_certificate_is_its_bearer(bench: Bench) -> None:
    """Like a JWT-SVID with the same ID; the evidence ends with the certificate."""
    attested = bench.certificates.attest(chain_of(bench.svid))

    assert (attested.kind, attested.name, attested.instance, attested.tenant) == (
        Kind.AGENT,
        "invoice-bot",
        "pod-1",
        "acme",
    )
    assert attested.issuer == "spiffe://prod.example"
    assert attested.claims["svid"] == "x509-svid"
    assert attested.expires_at_ms == int(bench.svid.leaf.not_valid_after_utc.timestamp()) * 1000


async def test_sp2_each_id_is_judged_by_its_own_bundle(bench: Bench) -> None:
    """Two domains, both declared: neither's authority vouches for the other's IDs."""
    other = FakeTrustDomain("other.example")
    second = trust_domain(
        ScriptedSource(other.bundle()),
        bench.clock,
        Watcher(),
        name="other",
        trust_domain="other.example",
    )
    await second.keys.refresh()
    bench.certificates = ClientCertificates([bench.verifier, second], bench.clock)

    theirs = bench.certificates.attest(chain_of(other.x509_svid(PATH)))
    assert theirs.issuer == "spiffe://other.example"
    forged = other.x509_svid(names=(uris(bench.domain.id(PATH)), False))
    assert bench.refusal_of(forged) == Reason.CERTIFICATE
    assert len(list(bench.certificates.authorities())) == 2


async def test_a_domain_that_is_not_declared_vouches_for_nobody(bench: Bench) -> None:
    """Whatever its certificate says."""
    assert bench.refusal_of(FakeTrustDomain("x.example").x509_svid(PATH)) == Reason.UNTRUSTED_ISSUER


async def test_sp5_an_emptied_bundle_refuses_what_is_remembered(bench: Bench) -> None:
    """At the next look at the bundle."""
    assert bench.certificates.attest(chain_of(bench.svid))

    bench.source.document = encode({"keys": [], "spiffe_sequence": 2})
    bench.clock.advance(10_000)
    await bench.verifier.keys.refresh()

    assert bench.refusal_of(bench.svid) == Reason.CERTIFICATE


async def test_without_a_bundle_nobody_is_known(bench: Bench) -> None:
    """Not there yet, or too stale: fail closed (B8)."""
    fresh = Bench()
    with pytest.raises(KeySetUnavailableError):
        fresh.certificates.attest(chain_of(fresh.svid))

    bench.source.is_down = True
    bench.clock.advance(3_600_001)
    with pytest.raises(KeySetUnavailableError):
        bench.certificates.attest(chain_of(bench.svid))


@pytest.mark.parametrize(("left_ms", "is_taken"), [(1, True), (0, False), (-1, False)])
async def test_the_end_is_exact_though_it_was_remembered(
    bench: Bench, left_ms: int, *, is_taken: bool
) -> None:
    """Just before, at, and just after."""
    end_ms = bench.certificates.attest(chain_of(bench.svid)).expires_at_ms
    bench.clock.set_wall(end_ms - left_ms)

    if is_taken:
        assert bench.certificates.verify(chain_of(bench.svid))
    else:
        assert bench.refusal_of(bench.svid) == Reason.EXPIRED


async def test_intermediates_count_and_their_number_is_bounded(bench: Bench) -> None:
    """A nested authority is fine; a chain without end is not looked at."""
    middle = SigningAuthority("middle", bench.domain.authority)
    nested = bench.domain.x509_svid(PATH, by=[middle])

    assert bench.certificates.attest(chain_of(nested))
    assert bench.refusal_of(Svid(nested.leaf, nested.key)) == Reason.CERTIFICATE
    endless = Svid(nested.leaf, nested.key, nested.intermediates * 5)
    assert bench.refusal_of(endless) == Reason.CERTIFICATE


@pytest.mark.parametrize("chain", [[], [b""], [b"garbage"], [b"\x30\x82" + bytes(20_000)]])
async def test_garbage_is_refused_cleanly(bench: Bench, chain: list[bytes]) -> None:
    """Never another exception."""
    with pytest.raises(AttestationError):
        bench.certificates.attest(chain)


async def test_a_rule_that_wants_a_claim_lets_no_certificate_in() -> None:
    """There is none in it."""
    bench = Bench(map=[{"path": "/agents/{name}/*", "tenant": "acme", "instance_claim": "pod"}])
    await bench.verifier.keys.refresh()

    assert bench.refusal_of(bench.svid) == Reason.CLAIM_MISSING


async def test_b20_a_certificate_is_one_piece_of_evidence_however_it_is_signed(
    bench: Bench,
) -> None:
    """Its name is that of what was signed; another certificate of the same bearer has another."""
    names = [bench.certificates.attest(chain_of(bench.svid)).evidence for _ in range(2)]
    other = bench.domain.x509_svid(PATH, life=timedelta(minutes=30))

    assert names[0] == names[1] != ""
    assert bench.certificates.attest(chain_of(other)).evidence not in {"", names[0]}
