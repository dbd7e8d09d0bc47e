"""One request and its answer, between a child and a declared (or permitted) server.

A child's connection has at most one connection to a server, which nobody else uses: an answer that
is out of step can reach nobody but the child that caused it.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from broker.proxy.authority import Authority
from broker.proxy.declared import Route
from broker.proxy.desk import Desk
from broker.proxy.framing import Body, body_of_answer, body_of_request
from broker.proxy.lasting import Lasting, while_held
from broker.proxy.leased import Sought
from broker.proxy.message import RequestHead
from broker.proxy.outgoing import (
    SWITCHED,
    Injection,
    keeps_alive,
    request_fields,
    wants_websocket,
)
from broker.proxy.passage import Passage, ended, invite
from broker.proxy.payload import Payload, read_payload, told_payload
from broker.proxy.problem import RefusedError, bad_answer
from broker.proxy.rules import Verdict
from broker.proxy.signing import Signing
from broker.proxy.sigv4 import Said
from broker.proxy.source import NotHeldError
from broker.proxy.target import Target
from broker.proxy.uses import Use
from broker.proxy.wire import Wire

_NO_ANSWER: Final = "no-answer"
_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Origin:
    """The server that a request is for, and what is declared of it (nothing: no credential)."""

    scheme: str
    authority: Authority
    routes: tuple[Route, ...]

    @property
    def is_local(self) -> bool:
        """Tell whether it may be on this machine: where undeclared, the child reaches that too."""
        return not self.routes or self.routes[0].local


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as it is sent."""

    head: RequestHead
    body: Body
    sent: bytes = field(repr=False)
    injection: Injection | None
    ready: bytes | None = field(repr=False)
    """All of the body, where it was read before it was judged."""

    @property
    def is_repeatable(self) -> bool:
        """Tell whether it does no harm to ask twice."""
        return self.body.is_empty and self.head.method in _REPEATABLE


class Exchange:
    """Carries the requests of one child's connection, one after the other."""

    def __init__(self, desk: Desk, child: Wire) -> None:
        self._desk = desk
        self._child = child
        self._server: Wire | None = None
        self._origin: Origin | None = None
        self.use = Use(at_ms=0, outcome="broken")
        """What is to be told of the exchange that is under way."""

    async def run(self, head: RequestHead, origin: Origin, target: Target) -> bool:
        """Carry one request; tell whether the child's connection may go on.

        Raises:
            RefusedError: it is not forwarded, or its answer is not one; nothing was answered yet.
            GoneError: either side is away.
        """
        verdict = self._judged(head, origin, target)
        payload = await self._payload(verdict, head, target)
        said = Said(head.method, target, head.fields, payload.text)
        injection = await self._injection(verdict, said)
        body = payload.body
        fields = request_fields(
            head,
            origin.authority,
            origin.scheme,
            body,
            injection=injection,
            is_declared=verdict is not None,
            lets_cookies=verdict is None or verdict.route.cookies,
        )
        line = f"{head.method} {target} HTTP/1.1"
        asked = _Asked(head, body, fields.render(line), injection, payload.ready)
        server, is_kept = await self._connected(origin)
        try:
            return await self._carry(asked, server)
        except RefusedError as error:
            # A kept connection may have died unseen; what changes nothing is asked once more.
            if not (is_kept and asked.is_repeatable and error.problem.code == _NO_ANSWER):
                raise
            self.close()
            server, _ = await self._connected(origin)
            return await self._carry(asked, server)

    async def _carry(self, asked: _Asked, server: Wire) -> bool:
        holding = asked.injection.holding if asked.injection else None
        lasting = Lasting(self._desk.source, holding, self._child, (self._child, server))
        async with while_held(lasting, self._desk.limits.recheck_seconds) as state:
            with self._told(state):
                passage = Passage(self._desk, self._child, server, asked.injection)
                await passage.begin(asked.sent)
                if wants_websocket(asked.head, asked.body):
                    return await self._switch(passage, asked.head)
                return await self._answer(passage, asked)

    def close(self) -> None:
        """Let go of the server."""
        if self._server is not None:
            self._server.abort()
        self._server = None

    def _judged(self, head: RequestHead, origin: Origin, target: Target) -> Verdict | None:
        if not origin.routes:
            self._desk.rules.check_strays(head, target, set())
            return None
        verdict = self._desk.rules.judge(origin.routes, head, target)
        self.use = replace(self.use, need=verdict.route.need, rule=verdict.route.id)
        return verdict

    async def _payload(self, verdict: Verdict | None, head: RequestHead, target: Target) -> Payload:
        """Look at the signature, where there is one, and at what it says of the body.

        Raises:
            RefusedError: it is not the stand-in's, over this request, of now.
        """
        body = body_of_request(head)
        if verdict is None or not isinstance(verdict.route.placing, Signing):
            return Payload(body, "")
        payload = told_payload(head, body)
        if payload is None:
            seconds = self._desk.limits.silent_seconds
            await invite(head, self._child, seconds)
            payload = await read_payload(self._child, body, seconds)
        said = Said(head.method, target, head.fields, payload.text)
        stand_in = self._desk.rules.stand_ins.whole(verdict.route.need)
        verdict.route.placing.check(said, stand_in, self._desk.clock.now_ms())
        return payload

    async def _injection(self, verdict: Verdict | None, said: Said) -> Injection | None:
        if verdict is None or not verdict.injects:
            return None
        try:
            held = await self._desk.source.current(verdict.route.need)
        except NotHeldError:
            raise RefusedError(
                503, "credential-not-held", "the credential has ended or cannot be had now"
            ) from None
        Sought(verdict.route, said.method, said.target).ensure_within(held.reach)
        self.use = replace(self.use, credential=held.credential)
        injection = Injection(verdict, held, said)
        self._desk.given.add(injection.needles())
        return injection

    async def _connected(self, origin: Origin) -> tuple[Wire, bool]:
        if self._server is not None and self._origin == origin and await self._server.is_quiet():
            return self._server, True
        self.close()
        is_secure = origin.scheme == "https"
        self._server = await self._desk.dialler.dial(
            origin.authority, secure=is_secure, local=origin.is_local
        )
        self._origin = origin
        return self._server, False

    async def _answer(self, passage: Passage, asked: _Asked) -> bool:
        head = asked.head
        answer, pump = await passage.carry(head, asked.body, asked.ready)
        self.use = replace(self.use, status=answer.status)
        try:
            if answer.status == SWITCHED:
                raise bad_answer("the server switches to a protocol that was not asked for")
            answer_body = body_of_answer(answer, head.method)
            closes = "close" in head.fields.words("connection") or not pump.done()
            await passage.bring_back(answer, answer_body, closes=closes)
        finally:
            is_whole = self._stopped(await ended(pump))
            self.use = replace(self.use, masked=passage.watch.has_found)
        self.use = replace(self.use, outcome="answered")
        if not (is_whole and keeps_alive(answer, answer_body)):
            self.close()
        if not is_whole:
            limits = self._desk.limits
            await self._child.linger(limits.linger_seconds, limits.head_seconds)
        return is_whole and not closes

    def _stopped(self, result: object) -> bool:
        if isinstance(result, RefusedError):
            self.use = replace(self.use, problem=result.problem.code)
        return result is True

    async def _switch(self, passage: Passage, head: RequestHead) -> bool:
        answer = await passage.hear()
        self.use = replace(self.use, status=answer.status)
        if answer.status != SWITCHED:
            body = body_of_answer(answer, head.method)
            await passage.bring_back(answer, body, closes=True)
        else:
            await passage.switch(answer)
        self.use = replace(self.use, outcome="answered", masked=passage.watch.has_found)
        return False

    @contextlib.contextmanager
    def _told(self, state: Lasting) -> Iterator[None]:
        try:
            yield
        finally:
            if state.is_cut:
                self.use = replace(self.use, outcome="cut")
