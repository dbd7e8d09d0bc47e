"""A throw-away OIDC issuer for demonstrations: ``python -m broker.dev.issuer --state DIR``.

It vouches for whoever holds the secret that it wrote to ``DIR/secret``, so it must never be trusted
outside a machine of one's own: it listens on 127.0.0.1 only, and ends with its parent process.

``DIR/key.pem`` is its ES256 key, kept from run to run. ``DIR/issuer.json`` (``issuer``, ``pid``) is
there while it listens. ``POST /token`` (a form or JSON) takes ``sub``, ``kind``, ``tenant``,
``instance``, ``aud`` and ``ttl_seconds``; every other member becomes a claim. It is two more
issuers, ``/cluster`` and ``/ci``, whose ``/token`` makes no claims up, and a SPIFFE trust domain,
``/spiffe`` (:mod:`broker.dev.realms`).
"""

import argparse
import asyncio
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import hdrs, web

from broker import strict_json
from broker.clock import Clock, SystemClock
from broker.dev import parent as parent_process
from broker.dev.realms import REALMS, SPIFFE
from broker.errors import BrokerError, InvalidRequestError
from broker.secret import Secret
from broker.signing.key import SigningKey, new_private_key, thumbprint
from broker.signing.key_files import read_private_key, write_private_key
from broker.signing.private_files import check_directory, write_private

MAX_BODY_BYTES: Final = 64 * 1024
DEFAULT_AUDIENCE: Final = "jit-broker"
DEFAULT_TTL_SECONDS: Final = 300
MAX_TTL_SECONDS: Final = 86_400
_METADATA: Final = "/.well-known/openid-configuration"
_OWN_CLAIMS: Final = frozenset({"iss", "exp", "iat", "nbf", "jti"})


class DevIssuer:
    """Signs workload tokens and publishes its key."""

    def __init__(self, url: str, key: SigningKey, secret: Secret, *, clock: Clock) -> None:
        self.url = url
        self.secret = secret
        self._key = key
        self._clock = clock

    def mint(self, wishes: Mapping[str, object], realm: str = "") -> tuple[Secret, int]:
        """Sign a token, and say how many seconds it lives; ``realm`` plays another issuer.

        Raises:
            InvalidRequestError: ``sub`` is missing, ``ttl_seconds`` is out of bounds, or a wish is
                for a claim that the issuer makes itself.
        """
        own = {} if realm else {"kind": "agent", "instance": "dev-1"}
        claims = {**own, "aud": DEFAULT_AUDIENCE, **wishes}
        ttl_seconds = _ttl(claims.pop("ttl_seconds", DEFAULT_TTL_SECONDS))
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise InvalidRequestError("is missing: say whom the token is for", field="sub")
        for name in _OWN_CLAIMS & wishes.keys():
            raise InvalidRequestError("is the issuer's own: leave it out", field=name)
        now = self._clock.now_ms() // 1000
        dates = {"iat": now, "nbf": now, "exp": now + ttl_seconds}
        named = {} if realm == SPIFFE else {"iss": self._issuer(realm)}
        claims = {**named, **claims, **dates, "jti": secrets.token_urlsafe(16)}
        return self._key.sign(claims), ttl_seconds

    def jwks(self) -> dict[str, object]:
        """Return the JWK Set with the one key."""
        return {"keys": [self._key.jwk]}

    def application(self) -> web.Application:
        """Build the HTTP side."""
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_get("/jwks", self._show_jwks)
        application.router.add_get(f"/{SPIFFE}/bundle", self._show_bundle)
        for path in ("", "/{realm}"):
            application.router.add_get(path + _METADATA, self._show_metadata)
            application.router.add_post(f"{path}/token", self._answer_token)
        return application

    def _issuer(self, realm: str) -> str:
        return f"{self.url}/{realm}" if realm else self.url

    async def _show_bundle(self, _request: web.Request) -> web.Response:
        """Show the same key as the bundle of the trust domain that is played here."""
        return web.json_response({"keys": [{**self._key.jwk, "use": "jwt-svid"}]})

    async def _show_metadata(self, request: web.Request) -> web.Response:
        issuer = self._issuer(_realm(request))
        return web.json_response(
            {
                "issuer": issuer,
                "jwks_uri": f"{self.url}/jwks",
                "token_endpoint": f"{issuer}/token",
                "response_types_supported": ["none"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [self._key.alg],
            }
        )

    async def _show_jwks(self, _request: web.Request) -> web.Response:
        return web.json_response(self.jwks())

    async def _answer_token(self, request: web.Request) -> web.Response:
        scheme, _, presented = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != "bearer" or not (
            presented.isascii() and self.secret.matches(presented)
        ):
            raise web.HTTPUnauthorized(headers={hdrs.WWW_AUTHENTICATE: "Bearer"})
        try:
            token, ttl_seconds = self.mint(await _read_wishes(request), _realm(request))
        except InvalidRequestError as error:
            problem = {"error": "invalid_request", "error_description": f"{error.field} {error}"}
            return web.json_response(problem, status=400)
        return web.json_response(
            {"access_token": token.reveal(), "token_type": "Bearer", "expires_in": ttl_seconds},
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )


@asynccontextmanager
async def open_issuer(state: Path, *, port: int = 0, clock: Clock) -> AsyncIterator[DevIssuer]:
    """Run an issuer with its state in a directory of its own, which is made if it is missing.

    Raises:
        ConfigurationError: the directory or a file in it is open to others.
        OSError: the port is taken, or the state cannot be written.
    """
    key, secret = _prepare(state)
    listener = socket.create_server(("127.0.0.1", port))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    issuer = DevIssuer(url, key, secret, clock=clock)
    runner = web.AppRunner(issuer.application(), access_log=None)
    await runner.setup()
    announcement = state / "issuer.json"
    try:
        await web.SockSite(runner, listener).start()
        write_private(announcement, msgspec.json.encode({"issuer": url, "pid": os.getpid()}))
        yield issuer
    finally:
        announcement.unlink(missing_ok=True)
        await runner.cleanup()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until SIGTERM, SIGINT or the death of the parent process."""
    parser = argparse.ArgumentParser(prog="broker.dev.issuer", description=main.__doc__)
    parser.add_argument("--state", type=Path, required=True, help="directory of its own")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument(
        "--parent", type=int, default=os.getppid(), help="process id of who started it"
    )
    options = parser.parse_args(arguments)
    parent_process.ask_for_signal()
    try:
        asyncio.run(_serve(options.state, options.port, options.parent))
    except (BrokerError, OSError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")


async def _serve(state: Path, port: int, parent: int) -> None:
    watch = asyncio.create_task(parent_process.until_gone(parent))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, watch.cancel)
    async with open_issuer(state, port=port, clock=SystemClock()):
        await asyncio.wait([watch])


def _realm(request: web.Request) -> str:
    realm = request.match_info.get("realm", "")
    if realm and realm not in {*REALMS, SPIFFE}:
        raise web.HTTPNotFound
    return realm


async def _read_wishes(request: web.Request) -> dict[str, object]:
    if request.content_type == "application/json":
        return strict_json.loads_object(await request.read(), max_bytes=MAX_BODY_BYTES)
    form = await request.post()
    if len(form) != len(set(form)):
        raise InvalidRequestError("names a member twice", field="body")
    return dict(form)


def _ttl(wish: object) -> int:
    try:
        ttl_seconds = int(wish) if isinstance(wish, str) else wish
    except ValueError:
        ttl_seconds = None
    if type(ttl_seconds) is not int or not 1 <= ttl_seconds <= MAX_TTL_SECONDS:
        raise InvalidRequestError(f"send 1 to {MAX_TTL_SECONDS}", field="ttl_seconds")
    return ttl_seconds


def _prepare(state: Path) -> tuple[SigningKey, Secret]:
    """Make the directory and what is in it: the same key as before, a new secret."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_directory(state)
    path = state / "key.pem"
    if not path.exists():
        write_private_key(path, new_private_key("ES256"))
    private_key = read_private_key(path)
    secret = secrets.token_urlsafe(32)
    write_private(state / "secret", secret.encode())
    return SigningKey(thumbprint(private_key), private_key, token_type="JWT"), Secret(secret)  # noqa: S106 - a media type


if __name__ == "__main__":
    main()
