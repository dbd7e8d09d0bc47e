"""Which engine decides, by the settings."""

from collections.abc import Callable
from typing import Final

from broker.clock import Clock
from broker.engines.authzen import AuthZen
from broker.engines.channel import Channel, NoAnswerError, Reply
from broker.engines.dialect import Call, Dialect
from broker.engines.opa import Opa
from broker.engines.remote import Lane, RemoteDecider, Standing
from broker.gate import Hindrance
from broker.policy.decider import Decider, LocalDecider
from broker.policy.engine import Engine
from broker.settings.policy import PolicySettings

Remark = Callable[..., None]
"""Called with :data:`ENGINE` and what hinders it, as :meth:`broker.gate.Gate.remark` is."""

ENGINE: Final = "engine"
"""The word under which ``/readyz`` says that the server gives no answer."""

_REMEDY: Final = "bring it back: meanwhile nothing is given, and what is out ends"


class ChosenEngine:
    """What stands before the engine of each revision. It outlives them all, and is closed once."""

    def __init__(
        self, settings: PolicySettings, clock: Clock, remark: Remark = lambda *_: None
    ) -> None:
        self._remark = remark
        self._is_local = settings.engine == "cedar"
        self._channel = Channel(settings)
        self._dialect = _dialect(settings)
        self._standing = Standing(clock, settings.recheck_seconds * 1000)
        self._lane = Lane(settings.max_in_flight // 2)

    def decider(self, engine: Engine) -> Decider:
        """Return what the verbs ask."""
        if self._is_local:
            return LocalDecider(engine)
        return RemoteDecider(engine, self._dialect, self._ask, self._lane, self._standing)

    async def _ask(self, call: Call) -> Reply:
        try:
            reply = await self._channel.ask(call.url, call.body, call.headers)
        except NoAnswerError as error:
            self._remark(ENGINE, Hindrance(f"the server that decides: {error}", _REMEDY))
            raise
        self._remark(ENGINE)
        return reply

    async def close(self) -> None:
        """Close its connections."""
        await self._channel.close()


def _dialect(settings: PolicySettings) -> Dialect:
    if settings.engine == "authzen":
        return AuthZen(settings.url, batch=settings.batch)
    return Opa(settings.url)
