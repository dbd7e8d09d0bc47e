"""An agent's verbs without a broker: they note what they are told, and answer what was laid out."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from broker.client.credential_calls import NO_TOOL
from broker.tools.verbs import VerbRefusedError
from broker.tools.words import Given, Place, Refusal, Seen, TaskSeen

UNTIL: Final = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
PLACE: Final = Place("file", "/somewhere/l_1.headers", "Pass it on.")
GIVEN: Final = Given("l_1", "orders-api", ["orders:read"], UNTIL, PLACE)
SEEN: Final = Seen(
    "l_1", "orders-api", ["orders:read"], UNTIL, alive=True, ended_by="", place=PLACE
)
TASK: Final = TaskSeen("t_1", "n", "open", False, UNTIL, {"orders-api": ["orders:read"]}, [], [])  # noqa: FBT003
LONG: Final = "Refused: no.\n" + "why " * 200


@dataclass
class ScriptedVerbs:
    """Answers each verb; refuses all while ``refuses`` is set, and waits while ``holds`` is not."""

    told: list[tuple[object, ...]] = field(default_factory=list)
    refuses: bool = False
    holds: asyncio.Event | None = None

    async def task(self) -> TaskSeen:
        """Show a task."""
        await self._note("task")
        return TASK

    async def ask(
        self,
        capability: str,
        scopes: list[str],
        ttl_seconds: int | None = None,
        tool: Mapping[str, str] = NO_TOOL,
    ) -> Given:
        """Give one."""
        await self._note("ask", capability, scopes, ttl_seconds, dict(tool))
        return GIVEN

    async def mine(self) -> list[Seen]:
        """List one."""
        await self._note("list")
        return [SEEN]

    async def renew(self, credential: str) -> Given:
        """Give it again."""
        await self._note("renew", credential)
        return GIVEN

    async def give_up(self, credential: str) -> Seen:
        """Show it."""
        await self._note("give-up", credential)
        return SEEN

    async def why_refused(self) -> list[Refusal]:
        """Return one."""
        await self._note("why-refused")
        return [Refusal("this", LONG)]

    async def _note(self, *what: object) -> None:
        self.told.append(what)
        if self.holds is not None:
            await self.holds.wait()
        if self.refuses:
            raise VerbRefusedError(LONG)
