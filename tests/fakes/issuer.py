"""An issuer that really signs, and misbehaves on demand.

:class:`Signer` holds keys and makes tokens, honest or crafted byte by byte. :class:`FakeIssuer`
puts its JWK Set behind real HTTP on the loopback interface, counts who looks, and can hang, drip,
redirect, compress, flood or answer garbage. :class:`ScriptedSource` is the same for tests that
need no sockets: it implements the ``KeySource`` port.
"""

import asyncio
import gzip
import json
import ssl
from collections.abc import Mapping
from typing import Protocol

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from broker import base64url
from broker.attestation.key_source import KeySourceError

ALGORITHMS = get_default_algorithms()

EC_256 = ec.generate_private_key(ec.SECP256R1())
EC_256_OTHER = ec.generate_private_key(ec.SECP256R1())
EC_384 = ec.generate_private_key(ec.SECP384R1())
ED_25519 = ed25519.Ed25519PrivateKey.generate()
RSA_2048 = rsa.generate_private_key(65537, 2048)

METADATA_PATH = "/.well-known/openid-configuration"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

KEYS: Mapping[str, PrivateKey] = {
    "ES256": EC_256,
    "ES384": EC_384,
    "EdDSA": ED_25519,
    **dict.fromkeys(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"], RSA_2048),
}
"""One key for each algorithm, made once: making RSA keys is slow."""


def encode(value: object) -> bytes:
    """Write JSON as an honest issuer does."""
    return json.dumps(value, separators=(",", ":")).encode()


def sign_raw(header: bytes, payload: bytes, key: PrivateKey, alg: str) -> str:
    """Sign any two byte strings as header and payload."""
    signing_input = f"{base64url.encode(header)}.{base64url.encode(payload)}"
    signature = ALGORITHMS[alg].sign(signing_input.encode(), key)
    return f"{signing_input}.{base64url.encode(signature)}"


def public_jwk(key: PrivateKey, kid: str, alg: str, **members: object) -> dict[str, object]:
    """Write the public half of a key."""
    public = ALGORITHMS[alg].to_jwk(key.public_key(), as_dict=True)
    public.pop("key_ops", None)
    return {**public, "kid": kid, "alg": alg, "use": "sig", **members}


class Signer:
    """The keys of an issuer; ``kid`` is the one that signs."""

    def __init__(self, kid: str = "k1", alg: str = "ES256", key: PrivateKey | None = None) -> None:
        self.kid = kid
        self.alg = alg
        self.key = KEYS[alg] if key is None else key
        self.members: list[object] = [public_jwk(self.key, kid, alg)]

    def jwks(self) -> bytes:
        """Write the JWK Set."""
        return encode({"keys": self.members})

    def rotate(self, kid: str) -> None:
        """Take a new key at once and forget the old one."""
        self.kid = kid
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.members = [public_jwk(self.key, kid, "ES256")]

    def sign(self, claims: Mapping[str, object], **header: object) -> str:
        """Sign claims; header members can be replaced, or left out as ``None``."""
        merged = {"alg": self.alg, "kid": self.kid, "typ": "JWT", **header}
        kept = {name: value for name, value in merged.items() if value is not None}
        return sign_raw(encode(kept), encode(claims), self.key, self.alg)


class ScriptedSource:
    """A ``KeySource`` that brings what it is told to, when it is told to."""

    def __init__(self, document: bytes) -> None:
        self.document = document
        self.fetches = 0
        self.is_down = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> bytes:
        """Bring the document, once the gate is open."""
        self.fetches += 1
        await self.gate.wait()
        if self.is_down:
            raise KeySourceError("down")
        return self.document


class KeyDocument(Protocol):
    """Whoever can write down its public keys."""

    def jwks(self) -> bytes:
        """Write them."""
        ...


class FakeIssuer:
    """An HTTP server for a signer's keys. ``mood`` names how it answers."""

    def __init__(self, signer: KeyDocument) -> None:
        self.signer = signer
        self.mood = "good"
        self.sick_path = "/jwks"
        self.metadata: dict[str, object] = {}
        self.fetches = 0
        self.others = 0
        self.seen: list[web.Request] = []
        self._stopped = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""
        self.issuer = ""

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a free port, over TLS when it is given."""
        application = web.Application()
        application.router.add_get("/jwks", self._answer)
        application.router.add_get(METADATA_PATH, self._answer)
        application.router.add_get("/elsewhere", self._answer_elsewhere)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        scheme = "https" if tls else "http"
        self.issuer = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}"
        self.url = f"{self.issuer}/jwks"

    async def stop(self) -> None:
        """Stop listening, and let those who hang go."""
        self._stopped.set()
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer_elsewhere(self, _request: web.Request) -> web.StreamResponse:
        self.others += 1
        return web.Response(body=self.signer.jwks())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.fetches += request.path == "/jwks"
        self.seen.append(request)
        moods = {
            "good": self._good,
            "hang": self._hang,
            "drip": self._drip,
            "redirect": self._redirect,
            "garbage": self._garbage,
            "html": self._html,
            "gzip": self._gzip,
            "bomb": self._bomb,
            "flood": self._flood,
            "error": self._error,
            "cookie": self._cookie,
            "cut": self._cut,
            "nested": self._nested,
        }
        is_sick = request.path == self.sick_path
        return await moods[self.mood if is_sick else "good"](request)

    def _body(self, request: web.Request) -> bytes:
        """Return what an honest issuer has at the path that is asked for."""
        if request.path != METADATA_PATH:
            return self.signer.jwks()
        return encode({"issuer": self.issuer, "jwks_uri": self.url, **self.metadata})

    async def _good(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=self._body(request), content_type="application/json")

    async def _nested(self, _request: web.Request) -> web.StreamResponse:
        body = b'{"keys":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        return web.Response(body=body, content_type="application/json")

    async def _hang(self, _request: web.Request) -> web.StreamResponse:
        await self._stopped.wait()
        return web.Response()

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for byte in self._body(request):
            await response.write(bytes([byte]))
            await asyncio.sleep(0.02)
            if self._stopped.is_set():
                break
        return response

    async def _redirect(self, _request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/elsewhere")

    async def _garbage(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"\xff\x00{]" * 100, content_type="application/json")

    async def _html(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=self._body(request), content_type="text/html")

    async def _gzip(self, request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=gzip.compress(self._body(request)), headers={"Content-Encoding": "gzip"}
        )

    async def _bomb(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=gzip.compress(bytes(50_000_000), compresslevel=1),
            headers={"Content-Encoding": "gzip"},
        )

    async def _flood(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1600):
            if self._stopped.is_set():
                break
            await response.write(b" " * 65_536)
        return response

    async def _error(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, body=self._body(request))

    async def _cookie(self, _request: web.Request) -> web.StreamResponse:
        response = web.Response(body=self.signer.jwks())
        response.set_cookie("session", "1")
        return response

    async def _cut(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"keys":')
        assert request.transport is not None
        request.transport.close()
        return response
