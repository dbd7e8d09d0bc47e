"""One connection of the child: who it is, the login in its place, the session, and its end."""

import asyncio
from dataclasses import replace
from typing import Final

from broker.proxy.database_route import DatabaseRoute
from broker.proxy.desk import Desk
from broker.proxy.lasting import Holding, Lasting, while_held
from broker.proxy.leased import beyond_lease, is_login_within
from broker.proxy.placing import in_every_spelling
from broker.proxy.postgres.admission import Gate
from broker.proxy.postgres.cancelling import Opened, Target, cancel
from broker.proxy.postgres.encryption import connected, mode_of
from broker.proxy.postgres.login import Login, Welcome, log_in
from broker.proxy.postgres.messages import AUTHENTICATION, KEY_DATA, Message, number
from broker.proxy.postgres.refusal import ServerRefusedError, error_message
from broker.proxy.postgres.relay import Relay
from broker.proxy.postgres.startup import Cancel, Start, read_start
from broker.proxy.problem import GoneError, RefusedError
from broker.proxy.source import HeldValues, NotHeldError
from broker.proxy.uses import Use
from broker.proxy.watching import Watch
from broker.proxy.wire import Wire

_IN: Final = Message(AUTHENTICATION, number(0))


class Session:
    """Serves one connection until either side ends it, or the credential does."""

    def __init__(
        self, desk: Desk, route: DatabaseRoute, gate: Gate, opened: Opened, child: Wire
    ) -> None:
        self._desk = desk
        self._route = route
        self._gate = gate
        self._opened = opened
        self._child = child
        self._server: Wire | None = None
        self.is_known = False
        """Whether it has shown the stand-in."""
        self._watch = Watch(desk.given)
        self._use = Use(
            at_ms=desk.clock.now_ms(),
            outcome="broken",
            host=route.authority.host,
            port=route.authority.port,
            need=route.need,
            rule=route.id,
        )

    async def run(self) -> None:
        """Serve it; nothing that either side does makes it raise."""
        try:
            await self._answered()
            await self._child.close()
        except GoneError:
            self._child.abort()
        finally:
            if self._use.method or self._use.problem:  # else nobody has said anything
                self._desk.uses.note(replace(self._use, masked=self._watch.has_found))

    def abort(self) -> None:
        """Cut off both sides."""
        self._child.abort()
        if self._server is not None:
            self._server.abort()

    async def _answered(self) -> None:
        try:
            begun = await self._begun()
            if isinstance(begun, Cancel):
                await self._cancel(begun)
            else:
                await self._session(begun)
        except RefusedError as error:
            await self._refuse(error.problem.code, error_message(error))
        except ServerRefusedError as error:
            await self._refuse("server-refused", error.message.render())

    async def _refuse(self, problem: str, message: bytes) -> None:
        self._use = replace(self._use, outcome="refused", problem=problem)
        if self._use.method != "CANCEL":  # who cancels waits for the end alone
            await self._tell(message)
            limits = self._desk.limits
            await self._child.linger(limits.linger_seconds, limits.head_seconds)

    async def _tell(self, data: bytes) -> None:
        masked = self._watch.feed(data) + self._watch.flush()
        await self._child.send(masked, self._desk.limits.head_seconds)

    async def _begun(self) -> Start | Cancel:
        """Hear what is wanted; who wants a session has shown that it may have one."""
        seconds = self._desk.limits.head_seconds
        try:
            async with asyncio.timeout(seconds):
                begun = await read_start(self._child, seconds)
                if isinstance(begun, Start):
                    self._use = replace(self._use, method="LOGIN")
                    await self._child.send(begun.answer(), seconds)
                    await self._gate.admit(self._child, begun, seconds)
                    self.is_known = True
                return begun
        except TimeoutError:
            raise GoneError("silent") from None

    async def _cancel(self, order: Cancel) -> None:
        self._use = replace(self._use, method="CANCEL")
        target = self._opened.behind(order)
        if target is None:
            raise RefusedError(403, "not-this-run", "the order is for no session of this run")
        await cancel(self._desk, self._route, target)
        self._use = replace(self._use, outcome="answered")

    async def _session(self, start: Start) -> None:
        held = await self._held()
        login = Login.of(held.values)
        self._desk.given.add((*in_every_spelling(login.password.reveal()), *login.needles()))
        mode = mode_of(self._route, held.values)
        server, welcome = await self._logged_in(start, login, mode)
        if welcome.cancel is None:
            await self._joined(server, welcome, b"", held)
            return
        told = self._opened.enter(Target(welcome.cancel, mode))
        try:
            key = Message(KEY_DATA, number(told.process) + told.key).render()
            await self._joined(server, welcome, key, held)
        finally:
            self._opened.leave(told)

    async def _held(self) -> HeldValues:
        try:
            held = await self._desk.source.current(self._route.need)
        except NotHeldError:
            raise RefusedError(
                503, "credential-not-held", "the credential has ended or cannot be had now"
            ) from None
        if not is_login_within(held.reach):
            raise beyond_lease("the credential was given for servers that speak HTTP alone")
        self._use = replace(self._use, credential=held.credential)
        return held

    async def _logged_in(self, start: Start, login: Login, mode: str) -> tuple[Wire, Welcome]:
        limits, database = self._desk.limits, self._route.database
        try:
            async with asyncio.timeout(limits.dial_seconds):
                server = await connected(self._desk.dialler, self._route, mode, limits)
                self._server = server
                welcome = await log_in(server, start, login, database, limits.dial_seconds)
                return server, welcome
        except TimeoutError:
            detail = "the server does not answer in time"
        except GoneError:
            detail = "the server closes before anybody is in"
        raise RefusedError(504, "unreachable", detail)

    async def _joined(self, server: Wire, welcome: Welcome, key: bytes, held: HeldValues) -> None:
        """Tell the child that it is in, and pass what follows, as long as the credential lives."""
        limits = self._desk.limits
        *told, ready = (message.render() for message in welcome.told)
        await self._tell(b"".join((_IN.render(), *told, key, ready)))
        relay = Relay(self._child, server, self._watch, limits.silent_seconds)
        holding = Holding(self._route.need, held.credential, is_login_within)
        lasting = Lasting(self._desk.source, holding, self._child, (server, relay))
        async with while_held(lasting, limits.recheck_seconds) as state:
            try:
                await relay.run()
            finally:
                outcome = "answered" if relay.was_left else "broken"
                self._use = replace(self._use, outcome="cut" if state.is_cut else outcome)
        if state.is_cut:
            await relay.say_cut()
        await server.close()
