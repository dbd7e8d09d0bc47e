"""What marks a view while an emergency is open: whoever may see the task or agent sees that.

The mark says which, of what and until when. Why, and by whom, is the emergency's own to show, to
fewer people (:mod:`broker.glass_desk`).
"""

from collections.abc import Callable, Sequence

from broker.clock import rfc3339
from broker.http.glass_ports import Desk
from broker.model.break_glass import Glass

Json = dict[str, object]
Mark = Callable[[str], Json]
"""Returns what is added to the JSON of a task or an agent: nothing where none is open."""

MEMBER = "open_break_glass"


class Emergencies:
    """Looks up what is open while something is shown."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def of_task(self, task: str) -> Json:
        """Return the mark of one task."""
        return _mark(await self._desk.open_for(task=task))

    async def of_tasks(self) -> Mark:
        """Return how to mark tasks."""
        found = await self._desk.open_for()
        return lambda task: _mark([each for each in found if each.spec.task == task])

    async def of_agents(self) -> Mark:
        """Return how to mark agents."""
        found = await self._desk.open_for()
        return lambda agent: _mark([each for each in found if each.spec.agent == agent])


def _mark(found: Sequence[Glass]) -> Json:
    return {MEMBER: [_one(each) for each in found]} if found else {}


def _one(value: Glass) -> Json:
    spec = value.spec
    return {
        "id": spec.id,
        "task": spec.task,
        "agent": spec.agent,
        "capability": spec.capability,
        "scopes": spec.scopes,
        "ends_at": rfc3339(value.ends_ms),
    }
