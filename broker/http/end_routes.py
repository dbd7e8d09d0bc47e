"""Ends that orchestrators tell of by signed messages."""

from typing import Final

from aiohttp import web

from broker import ids, strict_json, text
from broker.errors import InvalidRequestError
from broker.http import parse, wire
from broker.http.bodies import Bodies, shaped
from broker.http.reported import reported
from broker.http.services import Services
from broker.http.table import Table
from broker.model.task import TaskState
from broker.told_ends import End
from broker.webhook_signing import ID, SIGNATURE, TIMESTAMP

ENDS: Final = "/v1/ends/{orchestrator}"

OUTCOMES: Final = {
    "task.completed": TaskState.COMPLETED,
    "task.failed": TaskState.FAILED,
    "task.cancelled": TaskState.CANCELLED,
}
"""What each type of message says."""


class EndRoutes:
    """``/v1/ends/…``: what is sent vouches for itself, so nobody else has to."""

    def __init__(self, services: Services, bodies: Bodies) -> None:
        self._services = services
        self._ends = services.ends
        self._bodies = bodies

    def register(self, table: Table) -> None:
        """Add the route."""
        table.change(ENDS, self.tell)

    async def tell(self, request: web.Request) -> web.Response:
        """Take a message: first whose it is, by its bytes; only then what it says."""
        name = text.parse_name(request.match_info["orchestrator"], field="orchestrator")
        data = await self._bodies.data(request)
        message = await self._ends.vouch(name, _headers(request), data)
        body = shaped(strict_json.loads(data, max_bytes=len(data)), wire.TellEndBody)
        end = End(
            ids.parse_task_id(body.data.task, field="data.task"),
            OUTCOMES[body.type],
            parse.reason_or_nothing(body.data.reason),
        )
        return await reported(self._services, message.sender, await self._ends.end(message, end))


def _headers(request: web.Request) -> dict[str, str]:
    """Return what signs the message; a header that comes twice could be read in two ways."""
    for name in (ID, TIMESTAMP, SIGNATURE):
        if len(request.headers.getall(name, ())) > 1:
            raise InvalidRequestError("send this header once", field=name)
    return {name: request.headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE)}
