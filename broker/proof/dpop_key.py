"""The key of an agent, and the proofs that it makes with it (RFC 9449 §4.2)."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm
from jwt.utils import der_to_raw_signature

from broker import base64url
from broker.clock import Clock, SystemClock
from broker.proof.dpop import PROOF_TYPE, hash_of
from broker.proof.nonce_book import NonceBook
from broker.proof.public_jwk import thumbprint_of

_CURVE: Final = ec.SECP256R1()
_ECDSA: Final = ec.ECDSA(hashes.SHA256())
_JTI_BYTES: Final = 16


class DpopKey:
    """A P-256 key that never leaves the process, and signs one proof for each request.

    Make one per running agent, and ask for each credential with it; the credential is then of no
    use to whoever steals it alone. Its text shows no part of the private half.
    """

    def __init__(self, private_key: ec.EllipticCurvePrivateKey, clock: Clock | None = None) -> None:
        """Take a key.

        Raises:
            ValueError: it is on another curve than P-256.
        """
        if private_key.curve.name != _CURVE.name:
            raise ValueError("a DPoP key is on the curve P-256")
        self._private_key = private_key
        self._clock = clock or SystemClock()
        members = ECAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
        self._jwk = {name: members[name] for name in ("kty", "crv", "x", "y")}
        self.thumbprint = thumbprint_of(self._jwk)
        self._nonces = NonceBook()

    @classmethod
    def generate(cls, clock: Clock | None = None) -> Self:
        """Make a new key."""
        return cls(ec.generate_private_key(_CURVE), clock)

    @classmethod
    def from_file(cls, path: Path, clock: Clock | None = None) -> Self:
        """Read a key from an unencrypted PEM file.

        Raises:
            OSError: the file cannot be read.
            ValueError: there is no P-256 key in it.
        """
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except (TypeError, UnsupportedAlgorithm) as error:
            raise ValueError("not an unencrypted private key in PEM") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("a DPoP key is on the curve P-256")  # noqa: TRY004  the file is wrong
        return cls(key, clock)

    def __repr__(self) -> str:
        return f"DpopKey(thumbprint={self.thumbprint!r})"

    def proof(self, method: str, url: str, *, token: str = "") -> str:
        """Make the value of the ``DPoP`` header of one request.

        Args:
            method: the request's.
            url: the request's; query and fragment do not count.
            token: the token that goes along in ``Authorization``.
        """
        parts = urlsplit(url)
        claims: dict[str, object] = {
            "jti": secrets.token_urlsafe(_JTI_BYTES),
            "htm": method,
            "htu": urlunsplit((parts.scheme, parts.netloc, parts.path or "/", "", "")),
            "iat": self._clock.now_ms() // 1000,
        }
        if token:
            claims["ath"] = hash_of(token)
        if nonce := self._nonces.newest(url):
            claims["nonce"] = nonce
        return self._sign(claims)

    def heed(self, url: str, headers: Mapping[str, str]) -> bool:
        """Take the nonce out of an answer, for the next proofs to this URL's origin (§8, §9).

        Returns:
            Whether it is another than before. A request that was refused with
            ``use_dpop_nonce`` may then be sent once more, with a new proof.
        """
        return self._nonces.note(url, headers)

    def headers(self, method: str, url: str, *, token: str) -> dict[str, str]:
        """Return all that a request to a resource server carries: the token and its proof."""
        return {"Authorization": f"DPoP {token}", "DPoP": self.proof(method, url, token=token)}

    def _sign(self, claims: Mapping[str, object]) -> str:
        header = {"typ": PROOF_TYPE, "alg": "ES256", "jwk": self._jwk}
        signing_input = ".".join(
            base64url.encode(msgspec.json.encode(part)) for part in (header, claims)
        )
        signature = der_to_raw_signature(
            self._private_key.sign(signing_input.encode(), _ECDSA), _CURVE
        )
        return f"{signing_input}.{base64url.encode(signature)}"
