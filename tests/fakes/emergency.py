"""An emergency in a :class:`~tests.fakes.world.World`: people on call, who is told, a task."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from broker.settings.notify import Notify
from tests.fakes.alarm_receiver import AlarmReceiver, receiving, told
from tests.fakes.cast import AGENT, DANA, ERIN, FRANK, ORCHESTRATOR, Who
from tests.fakes.people import Json, change, register
from tests.fakes.until import until
from tests.fakes.world import Answer, World

GLASS: Final = "/v1/break-glass"
EXPORT: Final = {"capability": "orders-export", "scopes": ["orders:export"]}


@dataclass
class Emergency:
    """A world in which dana, erin and frank are people, and the first two on call."""

    world: World
    oncall: AlarmReceiver
    notify: Notify
    task: str

    async def ask(self, who: Who = DANA, *, key: str = "", **changes: object) -> Answer:
        """Ask to break glass."""
        body = {
            "task": self.task,
            **EXPORT,
            "reason": "the export is stuck",
            "incident": "INC-1",
            **changes,
        }
        return await self.world.post(who, GLASS, body, key=key)

    async def asked(self, who: Who = DANA, **changes: object) -> dict[str, Any]:
        """Ask, which must succeed."""
        answer = await self.ask(who, **changes)
        assert answer.status == 201, answer.raw
        body: dict[str, Any] = answer.body
        return body

    async def confirm(self, glass: dict[str, Any], who: Who = ERIN, **changes: object) -> Answer:
        """Agree to it."""
        body = {"digest": glass["digest"], **changes}
        return await self.world.post(who, f"{GLASS}/{glass['id']}/confirm", body)

    async def opened(self, **changes: object) -> dict[str, Any]:
        """Ask and agree, which must succeed."""
        answer = await self.confirm(await self.asked(**changes))
        assert (answer.status, answer["state"]) == (200, "open"), answer.raw
        body: dict[str, Any] = answer.body
        return body

    async def fetch(self, glass: dict[str, Any], who: Who = AGENT) -> Answer:
        """Fetch the credential."""
        return await self.world.post(who, f"{GLASS}/{glass['id']}/credential", {})

    async def show(self, glass: dict[str, Any], who: Who = DANA) -> Answer:
        """Look at it."""
        return await self.world.get(who, f"{GLASS}/{glass['id']}")

    async def end(self, glass: dict[str, Any], who: Who = DANA) -> Answer:
        """End it."""
        return await self.world.post(who, f"{GLASS}/{glass['id']}/end", {})

    async def review(
        self, glass: dict[str, Any], who: Who = FRANK, words: str = "it was needed"
    ) -> Answer:
        """Answer for it."""
        return await self.world.post(who, f"{GLASS}/{glass['id']}/review", {"words": words})

    @property
    def alarms(self) -> list[Any]:
        """What the people on call were told before it opened."""
        return self.oncall.of("breakglass.alarm")


@asynccontextmanager
async def emergency(world: World, folder: Path, **changes: Any) -> AsyncIterator[Emergency]:
    """Let the world have one; its first broker is started anew, with somebody to tell."""
    async with receiving() as oncall:
        notify = told(oncall.settings(folder), **{"deadline_ms": 1_000, **changes})
        await world.stop()
        await world.start(notify=notify)
        await until(lambda: bool(world.single.ask("HGET", "jit:{feed}:notices", "cursor")))
        await register(world, DANA, ERIN, FRANK)
        await put_on_call(world, DANA, ERIN)
        task = await world.open(ORCHESTRATOR, ceiling=[EXPORT])
        yield Emergency(world, oncall, notify, task["id"])
        await world.stop()


async def put_on_call(world: World, *people: Who) -> None:
    """Let people be on call."""
    await change(world, *(_on_call("relate", each) for each in people))


async def take_off_call(world: World, who: Who) -> None:
    """Let somebody be on call no more."""
    await change(world, _on_call("unrelate", who))


def _on_call(op: str, who: Who) -> Json:
    both = {"subject": f"person:{who.name}", "relation": "member-of", "object": "team:/oncall"}
    return {"op": op, "relationship": both}
