"""Who calls: from a workload token or a client certificate to whom the registry knows."""

from collections.abc import Sequence

from broker.attestation.attestation import Attestation
from broker.attestation.logout import LoggedOut
from broker.attestation.spiffe.client_certificates import ClientCertificates
from broker.clock import Clock
from broker.errors import AttestationError, ConfigurationError
from broker.http.client_trust import ClientTrust
from broker.metrics import NO_TOKEN
from broker.model.principal import Principal
from broker.proof.confirmation import NOTHING_PROVEN, ProvenKeys, of_certificate
from broker.replica import Replica


class ClientWatch:
    """Keeps what the TLS layer knows of authorities up with the bundles."""

    def __init__(self, certificates: ClientCertificates, trust: ClientTrust) -> None:
        self.certificates = certificates
        self._trust = trust

    async def look(self) -> None:
        """Take in what is new."""
        self._trust.follow(self.certificates.authorities())


def client_watch(
    attestation: Attestation, trust: ClientTrust | None, clock: Clock
) -> ClientWatch | None:
    """Make the verifier of client certificates, and what keeps the TLS layer up with it.

    ``None`` where ``trust`` is: clients are asked for none.

    Raises:
        ConfigurationError: there is no trust domain whose certificates could be taken.
    """
    if trust is None:
        return None
    domains = attestation.trust_domains()
    if not domains:
        raise ConfigurationError(
            "listen.tls.client_certificates asks for certificates, and issuers.yaml declares no "
            "trust domain to know them by: declare one under trust_domains, or take the setting out"
        )
    watch = ClientWatch(ClientCertificates(domains, clock), trust)
    trust.follow(watch.certificates.authorities())
    return watch


class Callers:
    """Attests and resolves. ``watch`` is ``None`` where clients are asked for no certificates."""

    def __init__(
        self, attestation: Attestation, replica: Replica, watch: ClientWatch | None
    ) -> None:
        self._attestation = attestation
        self._replica = replica
        self._watch = watch

    async def look(self) -> None:
        """Keep the TLS layer up with the bundles."""
        if self._watch is not None:
            await self._watch.look()

    async def by_token(self, token: str) -> Principal:
        """Say who shows a workload token.

        Raises:
            AttestationError: nobody.
        """
        attested = await self._attestation.attest(token)
        return self._replica.registered.registry.resolve(attested)

    async def logout(self, token: str) -> LoggedOut:
        """Verify an issuer's word that a session of its has ended.

        Raises:
            AttestationError: it is not accepted.
        """
        return await self._attestation.logout(token)

    def by_certificate(self, chain: Sequence[bytes]) -> Principal:
        """Say who shows a certificate, and no token.

        Raises:
            AttestationError: nobody.
        """
        if self._watch is None:
            raise AttestationError(NO_TOKEN, "certificates are not taken here")
        return self._replica.registered.registry.resolve(self._watch.certificates.attest(chain))

    def key_of(self, chain: Sequence[bytes]) -> ProvenKeys:
        """Return the key of a certificate that a trust domain vouches for; none of any other."""
        if self._watch is None or not chain:
            return NOTHING_PROVEN
        try:
            svid = self._watch.certificates.verify(chain)
        except AttestationError:
            return NOTHING_PROVEN
        return ProvenKeys(
            certificate=of_certificate(chain[0]), certificate_expires_ms=svid.expires_at_ms
        )
