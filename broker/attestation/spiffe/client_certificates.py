"""Client certificates as evidence: X.509-SVIDs of the declared trust domains.

- The TLS layer proves possession of the key and knows the authorities of all domains together;
  here each chain is verified again, by the bundle of the one domain that its ID names (SP-2).
- What was verified is remembered for a moment, by the whole chain, and forgotten when the bundle
  changes.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from broker.attestation.attested import Attested
from broker.attestation.dates import Validity
from broker.attestation.evidence import name_of_certificate
from broker.attestation.reasons import Reason
from broker.attestation.spiffe.authority import UnfitCertificateError, load_certificate
from broker.attestation.spiffe.bundle import Bundle
from broker.attestation.spiffe.spiffe_id import SpiffeId
from broker.attestation.spiffe.trust_domain import TrustDomain
from broker.attestation.spiffe.x509_svid import MAX_DEPTH, check_leaf, verify_chain
from broker.clock import Clock
from broker.errors import AttestationError

REMEMBERED_MS: Final = 10_000
MAX_REMEMBERED: Final = 4_096


@dataclass(frozen=True, slots=True)
class X509Svid:
    """A verified certificate: whose, when it ends, its name, and the generation of the bundle."""

    domain: TrustDomain
    spiffe_id: SpiffeId
    starts_ms: int
    expires_at_ms: int
    evidence: str
    generation: int


@dataclass(frozen=True, slots=True)
class _Entry:
    svid: X509Svid
    until_ms: int


class ClientCertificates:
    """Verifies the chains that TLS clients show."""

    def __init__(self, domains: Iterable[TrustDomain], clock: Clock) -> None:
        self._domains = {domain.trust_domain: domain for domain in domains}
        self._clock = clock
        self._seen: OrderedDict[bytes, _Entry] = OrderedDict()

    def authorities(self) -> Iterator[x509.Certificate]:
        """Return the authorities of all trust domains: for the TLS layer, which decides nothing."""
        for domain in self._domains.values():
            bundle = domain.keys.key_set
            if isinstance(bundle, Bundle):
                yield from bundle.authorities

    def attest(self, chain: Sequence[bytes]) -> Attested:
        """Say who shows a chain, the leaf first, each certificate in DER.

        Raises:
            AttestationError: nobody whom a declared trust domain vouches for.
        """
        svid = self.verify(chain)
        return svid.domain.bearer(
            svid.spiffe_id,
            validity=Validity(svid.starts_ms, svid.expires_at_ms),
            evidence=svid.evidence,
        )

    def verify(self, chain: Sequence[bytes]) -> X509Svid:
        """Verify a chain, whoever its bearer is.

        Raises:
            AttestationError: ``certificate``, ``untrusted-issuer``, or the bundle is not there.
        """
        digest = hashlib.sha256(b"".join(chain)).digest()
        entry = self._seen.get(digest)
        if entry is None or not self._stands(entry):
            try:
                svid = self._verified(chain)
            except UnfitCertificateError as error:
                raise AttestationError(Reason.CERTIFICATE, str(error)) from error
            self._remember(digest, svid)
        else:
            svid = entry.svid
        self._check_dates(svid)
        return svid

    def _stands(self, entry: _Entry) -> bool:
        keys = entry.svid.domain.keys
        is_fresh = self._clock.monotonic_ms() < entry.until_ms
        return is_fresh and keys.is_usable and keys.generation == entry.svid.generation

    def _verified(self, chain: Sequence[bytes]) -> X509Svid:
        if not 0 < len(chain) <= 1 + MAX_DEPTH:
            raise UnfitCertificateError("no certificate, or a chain that is too long")
        leaf, *intermediates = map(load_certificate, chain)
        spiffe_id = check_leaf(leaf)
        domain = self._domains.get(spiffe_id.trust_domain)
        if domain is None:
            raise AttestationError(Reason.UNTRUSTED_ISSUER, "of a trust domain not declared")
        domain.keys.refresh_if_due()
        bundle = domain.keys.require()
        authorities = bundle.authorities if isinstance(bundle, Bundle) else ()
        verify_chain(leaf, intermediates, authorities, now_ms=self._clock.now_ms())
        return X509Svid(
            domain=domain,
            spiffe_id=spiffe_id,
            starts_ms=int(leaf.not_valid_before_utc.timestamp()) * 1000,
            expires_at_ms=int(leaf.not_valid_after_utc.timestamp()) * 1000,
            evidence=name_of_certificate(domain.issuer, leaf.tbs_certificate_bytes),
            generation=domain.keys.generation,
        )

    def _check_dates(self, svid: X509Svid) -> None:
        """Judge the dates at each use: remembering must not prolong anything."""
        now_ms = self._clock.now_ms()
        if now_ms >= svid.expires_at_ms:
            raise AttestationError(Reason.EXPIRED, "the certificate has expired")
        if now_ms < svid.starts_ms:
            raise AttestationError(Reason.NOT_YET_VALID, "the certificate is not valid yet")

    def _remember(self, digest: bytes, svid: X509Svid) -> None:
        self._seen[digest] = _Entry(svid, self._clock.monotonic_ms() + REMEMBERED_MS)
        self._seen.move_to_end(digest)
        while len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
