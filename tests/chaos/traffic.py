"""Agents, orchestrators and operators at work, through whichever broker answers.

Every request is repeated under its own idempotency key until somebody answers it for good, as a
careful client does. What was acknowledged is remembered, so that the resource servers' logs can be
held against it.
"""

import asyncio
import random  # noqa: TID251 - a seeded choice of what to do; nothing here is a secret
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import aiohttp

from broker.client.api import BrokerClient
from broker.client.api_errors import (
    AbsentError,
    BrokerUnavailableError,
    CredentialEndedError,
    CredentialNotRenewableError,
    QuotaError,
    TaskEndedError,
)
from broker.client.errors import BrokerUnreachableError
from tests.chaos.cast import CEILING, SCOPES, TENANT, Cast, Held, Part, unique
from tests.chaos.world import CLOCK

T = TypeVar("T")

PATIENCE_S: Final = 180.0
"""How long one request may be repeated: an outage of a test is shorter."""

ENDED: Final = (TaskEndedError, CredentialEndedError, CredentialNotRenewableError, AbsentError)
"""Answers that are right when somebody else ended the task meanwhile."""


@dataclass(frozen=True, slots=True)
class End:
    """An end that somebody was told of: from ``acked_ms`` on these credentials are dead."""

    what: str
    credentials: tuple[str, ...]
    acked_ms: int


@dataclass(slots=True)
class Diary:
    """What the clients know."""

    by_key: dict[str, str] = field(default_factory=dict)
    """The token that each idempotency key brought."""
    ends: list[End] = field(default_factory=list)
    answers: int = 0
    repeats: int = 0
    """Requests that had to be sent again."""

    def delivered(self, key: str, token: str) -> None:
        """Note a delivery: one key brings one token, always the same."""
        assert self.by_key.setdefault(key, token) == token, f"two tokens for {key}"

    def ended(self, what: str, held: Sequence[Held]) -> None:
        """Note an acknowledged end."""
        names = tuple(one.credential for one in held)
        self.ends.append(End(what, names, CLOCK.now_ms()))

    def dead_since(self) -> dict[str, int]:
        """Return for each credential that was ended when that was first acknowledged."""
        first: dict[str, int] = {}
        for end in self.ends:
            for name in end.credentials:
                first[name] = min(end.acked_ms, first.get(name, end.acked_ms))
        return first


class Traffic:
    """Runs jobs until it is told to stop."""

    def __init__(self, cast: Cast, *, seed: int, urls: Sequence[str]) -> None:
        self.cast = cast
        self.diary = Diary()
        self._chance = random.Random(seed)  # noqa: S311 - see the import
        self._urls = urls
        self._is_over = False

    async def run(self, workers: int, until: Awaitable[object]) -> None:
        """Work with so many workers at once until something has happened; finish what was begun."""
        probing = asyncio.create_task(self._probe())
        async with asyncio.TaskGroup() as tasks:
            for _ in range(workers):
                tasks.create_task(self._work())
            await until
            self._is_over = True
        await probing

    async def ask(self, part: Part, request: Callable[[BrokerClient], Awaitable[T]]) -> T:
        """Send a request until it is answered for good, to another broker each time.

        Raises:
            ApiError: the answer is a refusal.
            TimeoutError: nobody answered.
        """
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    answer = await request(part.at(self._chance.choice(self._urls)))
                except (BrokerUnreachableError, BrokerUnavailableError):
                    self.diary.repeats += 1
                    await asyncio.sleep(0.05 + 0.2 * self._chance.random())
                else:
                    self.diary.answers += 1
                    return answer

    async def _work(self) -> None:
        while not self._is_over:
            await self._job()

    async def _job(self) -> None:
        agent = self._chance.choice((self.cast.agent, self.cast.reporter))
        task = await self._open(agent)
        held: list[Held] = []
        steps: tuple[Callable[[Part, str, list[Held]], Awaitable[None]], ...] = (
            self._issue,
            self._issue,
            self._renew,
            self._beat,
            self._give_back,
            self._revoke_one,
            self._delegate,
        )
        for _ in range(self._chance.randint(2, 7)):
            try:
                await self._chance.choice(steps)(agent, task, held)
            except ENDED:
                break
            except QuotaError:
                await asyncio.sleep(0.1)
        await self._end(agent, task, held)

    async def _open(self, agent: Part, parent: str = "") -> str:
        opener, key = (agent if parent else self.cast.orchestrator), unique("open")
        opened = await self.ask(
            opener,
            lambda client: client.tasks.open(
                name=key,
                agent=agent.identity.name,
                tenant=TENANT,
                instance=agent.identity.instance,
                ceiling=CEILING,
                ttl_seconds=600,
                parent=parent,
                idempotency_key=key,
            ),
        )
        return opened.id

    async def _issue(self, agent: Part, task: str, held: list[Held]) -> None:
        key, capability = unique("issue"), self._chance.choice(list(SCOPES))
        for _ in range(self._chance.choice((1, 1, 2))):  # some clients repeat what they have got
            issued = await self.ask(
                agent,
                lambda client: client.credentials.issue(
                    task, capability, scopes=SCOPES[capability], idempotency_key=key
                ),
            )
            self.diary.delivered(key, issued.access_token.reveal())
        held.append(self.cast.hold(issued))

    async def _renew(self, agent: Part, task: str, held: list[Held]) -> None:
        mine = [one for one in held if one.task == task and one.audience.endswith("orders.example")]
        if not mine:
            return
        key, one = unique("renew"), self._chance.choice(mine)
        renewed = await self.ask(
            agent,
            lambda client: client.credentials.renew(
                one.credential, ttl_seconds=600, idempotency_key=key
            ),
        )
        self.diary.delivered(key, renewed.access_token.reveal())
        held.append(self.cast.hold(renewed))

    async def _beat(self, agent: Part, task: str, _: list[Held]) -> None:
        await self.ask(agent, lambda client: client.tasks.heartbeat(task))

    async def _give_back(self, agent: Part, task: str, held: list[Held]) -> None:
        mine = [one for one in held if one.task == task]
        if mine:
            one = self._chance.choice(mine)
            await self.ask(agent, lambda client: client.credentials.give_back(one.credential))
            self.diary.ended("given back", [one])

    async def _revoke_one(self, _: Part, __: str, held: list[Held]) -> None:
        if held:
            one, key = self._chance.choice(held), unique("revoke")
            await self.ask(
                self.cast.operator,
                lambda client: client.operator.revoke(
                    {"credential": one.credential}, reason="chaos", idempotency_key=key
                ),
            )
            self.diary.ended("revoked", [one])

    async def _delegate(self, agent: Part, task: str, held: list[Held]) -> None:
        child = await self._open(agent, parent=task)
        await self._issue(agent, child, held)

    async def _end(self, agent: Part, task: str, held: list[Held]) -> None:
        how = self._chance.choice(("complete", "complete", "fail", "cancel", "revoke", "leave"))
        if how == "leave":
            return
        if how == "revoke":
            key = unique("revoke")
            await self.ask(
                self.cast.operator,
                lambda client: client.operator.revoke(
                    {"task": task}, reason="chaos", idempotency_key=key
                ),
            )
        elif how == "cancel":
            await self.ask(self.cast.orchestrator, lambda client: client.tasks.cancel(task))
        elif how == "fail":
            await self.ask(agent, lambda client: client.tasks.fail(task))
        else:
            await self.ask(agent, lambda client: client.tasks.complete(task))
        self.diary.ended(how, held)

    async def _probe(self) -> None:
        """Use tokens all the time, dead or alive: the servers write down what they let in."""
        while not self._is_over:
            for one in self._some_held():
                for server in self.cast.world.witnesses:
                    if server.audience == one.audience:
                        await _visit(server.visit(one.token))
            await asyncio.sleep(0.02)

    def _some_held(self) -> list[Held]:
        held = self.cast.held
        return self._chance.sample(held[-200:], k=min(5, len(held)))


async def _visit(visit: Awaitable[object]) -> None:
    try:
        await visit
    except (aiohttp.ClientError, TimeoutError):
        return
