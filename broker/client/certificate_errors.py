"""What can be wrong with the caller's own certificate: one class for each remedy."""

from broker.client.errors import (
    BrokerUnreachableError,
    ClientError,
    ReplyLostError,
    WorkloadApiError,
)


class CertificateSourceError(ClientError):
    """The caller's own certificate, or its key, could not be had."""

    remedy = (
        "Give a chain in PEM, the leaf first, and its key, in files that this process may read."
    )


class KeyExposedError(CertificateSourceError):
    """Others than this process's user could read the key, or put another in its place."""

    remedy = (
        "Close it: chown to this process's user and chmod 600; in a mounted volume, root's with "
        "mode 640 or less."
    )


class KeyEncryptedError(CertificateSourceError):
    """The key is encrypted, and the passphrase is missing or another one."""

    remedy = (
        "Give its passphrase (the command takes it from BROKER_KEY_PASSPHRASE), or a key that is "
        "not encrypted."
    )


class CertificateUnfitError(CertificateSourceError):
    """Certificate and key are no PEM, or do not belong together."""

    remedy = "Give the chain and the key that were issued together, both in PEM, the leaf first."


class AuthoritiesUnfitError(CertificateSourceError):
    """The authorities to believe cannot be read, or are none."""

    remedy = "Give the authority that signed the server's certificate, in PEM, in a readable file."


class WorkloadApiCertificateError(CertificateSourceError):
    """The SPIFFE Workload API gave this workload no X.509-SVID, as :class:`WorkloadApiError`."""

    remedy = WorkloadApiError.remedy


class CertificateGoneError(CertificateSourceError):
    """The credential is bound to a certificate that this process has not, or has no more."""

    remedy = "Ask for a new credential: it is bound to the certificate that is there now."


class CertificateRefusedError(BrokerUnreachableError):
    """The server's TLS refused the certificate that was shown, or wants one. Nothing was done."""

    remedy = (
        "Look whether the certificate has expired, and whether its trust domain is declared at "
        "the broker with an authority that signed it."
    )


class CertificateDoubtedError(ReplyLostError):
    """A connection that showed a certificate ended without an answer.

    A broker ends one so whose certificate no declared trust domain has signed; or the answer was
    lost, and then nobody knows whether the broker acted.
    """

    remedy = CertificateRefusedError.remedy
