"""An OpenID issuer as AWS's servers look for one: discovery, keys, and a certificate for each key.

AWS needs no ``x5c`` in a key; radosgw does, and compares its SHA-1 with the provider's thumbprint.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm

from broker.clock import SystemClock
from tests.fakes.certificates import draft
from tests.fakes.issuer import METADATA_PATH, Signer

AUDIENCE: Final = "sts.amazonaws.com"
SUBJECT: Final = "jit-broker"
_LIFE_S: Final = 300


class WebIssuer:
    """Serves the keys that it is given, and signs with the one of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.signer = Signer(key=ec.generate_private_key(ec.SECP256R1()))
        self._authority = ec.generate_private_key(ec.SECP256R1())
        self.thumbprints: list[str] = []
        self._keys: list[dict[str, object]] = []
        for member in self.signer.members:
            self.publish(dict(member))  # type: ignore[call-overload]

    @property
    def host(self) -> str:
        """What a provider is called after: the address without its scheme."""
        return self.url.partition("://")[2]

    def publish(self, jwk: dict[str, object]) -> None:
        """Serve a public key of an elliptic curve, with a certificate."""
        key = ECAlgorithm.from_jwk(json.dumps(jwk))
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
        issuer = (name, self._authority.public_key())
        begins = datetime(2020, 1, 1, tzinfo=UTC)
        made = draft(name, key, issuer, begins, timedelta(days=36_500))  # type: ignore[arg-type]
        der = made.sign(self._authority, hashes.SHA256()).public_bytes(Encoding.DER)
        self.thumbprints.append(hashlib.sha1(der, usedforsecurity=False).hexdigest())
        self._keys.append({**jwk, "x5c": [base64.b64encode(der).decode()]})

    def publish_alone(self, jwk: dict[str, object]) -> None:
        """Serve this key and no other: radosgw believes none if one has no thumbprint."""
        self._keys.clear()
        self.thumbprints.clear()
        self.publish(jwk)

    def token(self, signer: Signer | None = None, **claims: object) -> str:
        """Sign a token for AWS, right unless told otherwise."""
        now_s = SystemClock().now_ms() // 1000
        said = {"iss": self.url, "aud": AUDIENCE, "sub": SUBJECT, "iat": now_s}
        return (signer or self.signer).sign({**said, "exp": now_s + _LIFE_S, **claims})

    def answer(self, path: str) -> object:
        """Return what is to be seen at a path; None if nothing is."""
        if path == METADATA_PATH:
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        return {"keys": self._keys} if path == "/jwks" else None


@contextmanager
def running() -> Iterator[WebIssuer]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = issuer.answer(self.path)
            body = json.dumps(answer).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = WebIssuer(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=[0.02], name="web-issuer")
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
