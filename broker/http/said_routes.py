"""What agents say of the uses of their credentials."""

from aiohttp import web

from broker import ids
from broker.http import parse, parse_said, render, wire
from broker.http.bodies import Bodies
from broker.http.keys import PRINCIPAL
from broker.http.render_said import said_of_task
from broker.http.services import Services
from broker.http.table import Table


class SaidRoutes:
    """``/v1/tasks/{task}/uses``."""

    def __init__(self, services: Services, bodies: Bodies) -> None:
        self._said = services.said
        self._bodies = bodies

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.change("/v1/tasks/{task}/uses", self.note)
        table.read("/v1/tasks/{task}/uses", self.show)

    async def note(self, request: web.Request) -> web.Response:
        """Take what the task's agent says."""
        task = _id(request)
        key = parse.idempotency_key(request.headers.get("Idempotency-Key"))
        batch = parse_said.batch(await self._bodies.json(request, wire.SayUsesBody))
        return render.reply(
            render.task(await self._said.note(request[PRINCIPAL], task, batch, key))
        )

    async def show(self, request: web.Request) -> web.Response:
        """Show what was said of a task."""
        found = await self._said.show(request[PRINCIPAL], _id(request))
        return render.reply(said_of_task(found))


def _id(request: web.Request) -> ids.TaskId:
    return ids.parse_task_id(request.match_info["task"])
