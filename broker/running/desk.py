"""The desk: hands the run's credentials to the command, over HTTP on this machine's loopback.

* It answers nothing without the run's token (:mod:`broker.running.desk_door`).
* Each answer has what is alive when it is asked for; 503 while nothing is.
* A need that goes through the proxy is not to be had here.
* It does the verbs of the agent (:mod:`broker.running.desk_verbs`) when it was given any.
* Nothing that it says may be kept by anybody in between, and it logs nothing.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, Self

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from broker.client.errors import ClientError
from broker.running.desk_door import Door
from broker.running.desk_verbs import MAX_BYTES, DeskVerbs
from broker.running.desk_wire import aws_document, credential_document, problem_document
from broker.running.errors import (
    DeskBusyError,
    NeedIsProxiedError,
    NoCredentialNowError,
    NotAnAwsNeedError,
    UnknownNeedError,
    UnknownVerbError,
    UnreadableVerbError,
    VerbNotDoneError,
)
from broker.running.source import CredentialSource, HeldValues
from broker.secret import Secret

LOOPBACK: Final = "127.0.0.1"

_RETRY_AFTER_SECONDS: Final = 1
_STOP_SECONDS: Final = 0.1
"""How long an answer that is under way may take when the run ends."""

_BODY_SECONDS: Final = 10.0
"""How long a question may take to arrive."""

_JSON: Final = "application/json"

_ANSWERS: Final[Mapping[type[ClientError], tuple[int, str]]] = {
    UnknownNeedError: (404, "unknown-need"),
    NotAnAwsNeedError: (404, "not-aws"),
    NeedIsProxiedError: (403, "need-is-proxied"),
    NoCredentialNowError: (503, "no-credential-now"),
    VerbNotDoneError: (403, "refused"),
    UnknownVerbError: (404, "unknown-verb"),
    UnreadableVerbError: (400, "invalid-request"),
    DeskBusyError: (503, "busy"),
}

_FAULTS: Final[Mapping[int, tuple[str, str]]] = {
    408: ("too-slow", "The question did not come in time."),
    413: ("too-long", f"A question is no longer than {MAX_BYTES} bytes."),
    415: ("not-json", "Send Content-Type: application/json."),
}
_ELSEWHERE: Final = ("not-here", "The desk has nothing like this.")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Desk:
    """Serves one run's credentials while its ``async with`` block lasts."""

    def __init__(
        self,
        source: CredentialSource,
        *,
        proxied: frozenset[str] = frozenset(),
        token: Secret | None = None,
    ) -> None:
        """Fix what to serve.

        Args:
            source: knows the credentials.
            proxied: the needs that are for the run's proxy alone.
            token: what callers show; a random one of 256 bits unless given.
        """
        self._source = source
        self._proxied = proxied
        self.token = token or Secret(secrets.token_urlsafe(32))
        self._door = Door(self.token, 0)
        self._runner: web.AppRunner | None = None
        self._verbs: DeskVerbs | None = None

    def offer(self, verbs: DeskVerbs) -> None:
        """Do these verbs from now on."""
        self._verbs = verbs

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self._door.port}"

    def aws_url(self, need: str) -> str:
        """Return where AWS's tools find the session of a need."""
        return f"{self.url}/aws/{need}"

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._guard()], client_max_size=MAX_BYTES)
        app.router.add_get("/v1/credentials/{name}", self._credential, allow_head=False)
        app.router.add_get("/aws/{name}", self._aws, allow_head=False)
        app.router.add_post("/v1/verbs/{verb}", self._verb)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        self._door = Door(self.token, int(self._runner.addresses[0][1]))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _guard(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return self._stopped(request) or await _told(request, handler)

        return guard

    def _stopped(self, request: web.Request) -> web.Response | None:
        if not self._door.is_for_us(request.headers):
            return _refusal(421, "misdirected", "This is not the desk that you mean.")
        given = request.headers.getall(hdrs.AUTHORIZATION, [])
        if len(given) != 1 or not self._door.is_known(given[0]):
            return _refusal(401, "unauthenticated", "Show BROKER_RUN_TOKEN as Authorization.")
        return None

    async def _credential(self, request: web.Request) -> web.Response:
        return _answer(200, credential_document(await self._held(request)))

    async def _aws(self, request: web.Request) -> web.Response:
        return _answer(200, aws_document(await self._held(request)))

    async def _verb(self, request: web.Request) -> web.Response:
        if self._verbs is None:
            raise UnknownVerbError("this desk does no verbs")
        if request.headers.getall(hdrs.CONTENT_TYPE, []) != [_JSON]:
            raise web.HTTPUnsupportedMediaType
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        return _answer(200, await self._verbs.do(request.match_info["verb"], body))

    async def _held(self, request: web.Request) -> HeldValues:
        name = request.match_info["name"]
        if name in self._proxied:
            raise NeedIsProxiedError(f"{name} goes through the proxy")
        return await self._source.current(name)


async def _told(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _refusal(error.status, *_FAULTS.get(error.status, _ELSEWHERE))
    except ClientError as error:
        return _refused(error)


def _refused(error: ClientError) -> web.Response:
    for kind in type(error).__mro__:
        with suppress(KeyError):
            status, code = _ANSWERS[kind]
            return _refusal(
                status, code, f"{error}. {error.remedy}" if error.remedy else str(error)
            )
    return _refusal(503, "no-credential-now", "No credential can be had now.")


def _refusal(status: int, code: str, detail: str) -> web.Response:
    answer = _answer(status, problem_document(status, code, detail))
    answer.content_type = "application/problem+json"
    if status == web.HTTPServiceUnavailable.status_code:
        answer.headers[hdrs.RETRY_AFTER] = str(_RETRY_AFTER_SECONDS)
    return answer


def _answer(status: int, document: Mapping[str, object]) -> web.Response:
    headers = {hdrs.CACHE_CONTROL: "no-store", "X-Content-Type-Options": "nosniff"}
    return web.json_response(dict(document), status=status, headers=headers)
