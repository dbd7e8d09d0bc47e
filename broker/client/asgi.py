"""Guards an ASGI application (Starlette, FastAPI, any other) with a verifier.

Pure ASGI: nothing of any framework is imported. Every HTTP request and every websocket needs a
token of the broker unless its path is listed as public; conditions on endpoints are
:func:`broker.client.requires` and :func:`broker.client.granted`.

::

    app = FastAPI()
    app.add_middleware(BearerGuard, verifier=open_verifier(...), realm="orders")

* A verifier that is handed over as :func:`broker.client.open_verifier` makes it, unopened, is
  opened and closed with the application's lifespan; until then every request gets 503.
* A refusal that a condition raises inside the application is what the caller gets, even when the
  application has made something else of it.
* An open websocket is judged again with every message in either direction: when its token expires
  or is revoked, it is closed (1008).
* A token that is bound to a DPoP key needs a proof for this very request and a verifier with
  ``base_url``; one that is bound to a client certificate needs a server that hands certificates
  over (ASGI's TLS extension): without it no such token is let in.
* A kind of connection that this guard does not know is refused, never passed on.
"""

import ssl
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final
from urllib.parse import quote

from broker.client import passage
from broker.client.asgi_lifespan import Lifespan
from broker.client.bearer import (
    Presented,
    RefusalAnswer,
    authorization_of,
    refusal_answer,
    require_quotable,
)
from broker.client.errors import RefusalError, VerifierNotOpenError
from broker.client.token import VerifiedToken
from broker.client.verifier import Verifier
from broker.secret import Secret

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY_VIOLATION: Final = 1008
"""RFC 6455 §7.4.1."""


class BearerGuard:
    """An ASGI application in front of another one. The token is at ``scope["broker.token"]``."""

    def __init__(
        self,
        app: App,
        *,
        verifier: Verifier | AbstractAsyncContextManager[Verifier],
        realm: str,
        public_paths: Collection[str] = (),
    ) -> None:
        """Fix what is guarded and by whom.

        Args:
            app: what stands behind the guard.
            verifier: judges the tokens; or what opens one, to be entered by the lifespan.
            realm: what the challenge calls this server.
            public_paths: paths that need no token, each compared whole. Websockets always do.

        Raises:
            ValueError: the realm cannot stand in a header, or a public path does not begin with
                ``/``.
        """
        if isinstance(public_paths, str) or any(not path.startswith("/") for path in public_paths):
            raise ValueError("public_paths is a list of whole paths that begin with '/'")
        self._app = app
        self._lifespan = Lifespan(app, verifier)
        self._realm = require_quotable(realm)
        self._public_paths = frozenset(public_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI 3)."""
        match scope["type"]:
            case "lifespan":
                await self._lifespan.run(scope, receive, send)
            case "http":
                await self._http(scope, receive, send)
            case "websocket":
                await self._websocket(scope, receive, send)
            case unknown:
                raise ValueError(f"a connection of kind {unknown!r} is not guarded, so not served")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self._public_paths:
            await self._app(scope, receive, send)
            return
        try:
            token, _ = await self._verified(scope)
        except RefusalError as refusal:
            await _answer(send, refusal_answer(refusal, self._realm))
            return
        with passage.opened(token) as here:
            guarded = _GuardedSend(send, here, self._realm)
            try:
                await self._app({**scope, "broker.token": token}, receive, guarded)
            except RefusalError as refusal:
                here.refuse(refusal)
            await guarded.finish()

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            token, raw = await self._verified(scope)
        except RefusalError as refusal:
            await receive()  # websocket.connect: nothing may be said before it
            await _deny(scope, send, refusal_answer(refusal, self._realm))
            return
        verifier = self._lifespan.verifier
        socket = _GuardedSocket(verifier, token, raw, receive, send)
        with passage.opened(token) as here:
            try:
                await self._app({**scope, "broker.token": token}, socket.receive, socket.send)
            except RefusalError as refusal:
                here.refuse(refusal)
            except ConnectionAbortedError:
                if not socket.is_closed:
                    raise
            if here.refusal is not None:
                await socket.close(scope, refusal_answer(here.refusal, self._realm))

    async def _verified(self, scope: Scope) -> tuple[VerifiedToken, Secret]:
        presented = _presented(scope)
        raw = authorization_of(presented).token
        verifier = self._lifespan.verifier
        if verifier is None:
            raise VerifierNotOpenError
        return await verifier.verify(raw, presented=presented), Secret(raw)


class _GuardedSend:
    """Puts a refusal in the place of whatever the application answers after it."""

    def __init__(self, send: Send, here: passage.Passage, realm: str) -> None:
        self._send = send
        self._here = here
        self._realm = realm
        self._has_started = False

    async def __call__(self, message: Message) -> None:
        if self._here.refusal is not None and not self._has_started:
            return  # finish() answers
        self._has_started = True
        await self._send(message)

    async def finish(self) -> None:
        """Answer the refusal, if there is one and nothing has been said yet."""
        if self._here.refusal is None:
            return
        if self._has_started:
            raise self._here.refusal  # the server breaks the answer off
        await _answer(self._send, refusal_answer(self._here.refusal, self._realm))


class _GuardedSocket:
    """A websocket whose token is judged again with every message."""

    def __init__(
        self,
        verifier: Verifier | None,
        token: VerifiedToken,
        raw: Secret,
        receive: Receive,
        send: Send,
    ) -> None:
        self._verifier = verifier
        self._token = token
        self._raw = raw
        self._receive = receive
        self._send = send
        self._is_accepted = False
        self.is_closed = False

    async def receive(self) -> Message:
        """Hand on what the client says, as long as its token is good."""
        message = await self._receive()
        if message["type"] == "websocket.receive" and not await self._is_still_good():
            return {"type": "websocket.disconnect", "code": POLICY_VIOLATION, "reason": ""}
        return message

    async def send(self, message: Message) -> None:
        """Hand on what the application says, as long as the client's token is good."""
        if message["type"] == "websocket.send" and not await self._is_still_good():
            raise ConnectionAbortedError("the websocket's token is no longer good")
        if self.is_closed:
            return
        self._is_accepted = self._is_accepted or message["type"] == "websocket.accept"
        self.is_closed = message["type"] == "websocket.close"
        await self._send(message)

    async def close(self, scope: Scope, answer: RefusalAnswer) -> None:
        """End the connection, if it has not ended: by an answer if none was given yet."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._is_accepted:
            await self._send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            await _deny(scope, self._send, answer)

    async def _is_still_good(self) -> bool:
        if self.is_closed or self._verifier is None:
            return False
        try:
            await self._verifier.ensure_still_good(self._token, self._raw)
        except RefusalError:
            self.is_closed = True
            await self._send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return not self.is_closed


def _presented(scope: Scope) -> Presented:
    shown = tuple(
        value.decode("latin-1")
        for name, value in scope["headers"]
        if name.lower() == b"authorization"
    )
    proofs = tuple(
        value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"dpop"
    )
    raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
    return Presented(
        shown,
        scope.get("query_string", b"").decode("latin-1"),
        method=scope.get("method", "GET"),
        path=raw_path.decode("latin-1"),
        proofs=proofs,
        certificate=_certificate(scope),
    )


def _certificate(scope: Scope) -> bytes:
    """Return the client's certificate in DER, empty when the server hands none over as verified.

    ASGI's TLS extension: the first of ``client_cert_chain``, in PEM; ``client_cert_error`` is set
    when the server could not verify it.
    """
    tls = scope.get("extensions", {}).get("tls") or {}
    leaf = next(iter(tls.get("client_cert_chain") or ()), None)
    if not isinstance(leaf, str) or tls.get("client_cert_error") is not None:
        return b""
    try:
        return ssl.PEM_cert_to_DER_cert(leaf)
    except ValueError:
        return b""


async def _answer(send: Send, answer: RefusalAnswer, kind: str = "http.response") -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
    length = (b"content-length", str(len(answer.body)).encode())
    await send({"type": f"{kind}.start", "status": answer.status, "headers": [*headers, length]})
    await send({"type": f"{kind}.body", "body": answer.body})


async def _deny(scope: Scope, send: Send, answer: RefusalAnswer) -> None:
    """Refuse a websocket's handshake: with the whole answer where the server can, else 403."""
    if "websocket.http.response" in scope.get("extensions", {}):
        await _answer(send, answer, "websocket.http.response")
    else:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
