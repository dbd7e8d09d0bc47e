"""Ends that orchestrators tell of, as far as the edge can tell."""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.model.principal import Kind
from broker.model.task import Task
from broker.told_ends import End, Message
from tests.fakes.orders import Stage
from tests.fakes.records import principal
from tests.fakes.replace import replace
from tests.fakes.samples import NOW_MS, a_task


@dataclass
class FakeEnds:
    """Taking messages."""

    stage: Stage

    async def vouch(self, orchestrator: str, headers: Mapping[str, str], body: bytes) -> Message:
        """Vouch."""
        sender = principal(Kind.ORCHESTRATOR, orchestrator)
        message = Message(headers["webhook-id"], sender)
        return await self.stage.play("ends.vouch", sender, dict(headers), body, answer=message)

    async def end(self, message: Message, said: End) -> Task:
        """End."""
        by = {"ended_by": "done", "closed_by": message.sender.ref}
        closed = replace(a_task(said.task), state=said.outcome, is_alive=False)
        closed = replace(closed, closed_at_ms=NOW_MS + 1_000, **by)
        return await self.stage.play("ends.end", message.sender, message.id, said, answer=closed)
