"""The agents of an operator's tenants, and what is live of each."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from broker import text
from broker.errors import InvalidRequestError
from broker.governance.records import Status
from broker.http import parse, query, render, render_agents
from broker.http.keys import PRINCIPAL, QUERY
from broker.http.services import Services
from broker.http.table import Table
from broker.model.requests import AgentFilter

FILTERS: Final[tuple[str, ...]] = ("tenant", "status", "team", "name")
"""What the list can be narrowed to."""


class AgentRoutes:
    """``/v1/agents…``."""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.read("/v1/agents", self.find, *FILTERS, *query.PAGE)
        table.read("/v1/agents/{agent}", self.show)

    async def find(self, request: web.Request) -> web.Response:
        """List agents."""
        found = request[QUERY]
        window, which = query.window(request), _filter(found)
        page = await self._agents.find(request[PRINCIPAL], which, window.cursor, window.limit)
        narrowed = {name: found[name] for name in FILTERS if name in found}
        following = render.next_link("/v1/agents", page.cursor, window, narrowed)
        shown = [render_agents.agent(each) for each in page.agents]
        return render.reply(render.listing("agents", shown, following))

    async def show(self, request: web.Request) -> web.Response:
        """Show an agent."""
        name = text.parse_name(request.match_info["agent"], field="agent")
        return render.reply(render_agents.view(await self._agents.show(request[PRINCIPAL], name)))


def _filter(found: Mapping[str, str]) -> AgentFilter:
    """Read which agents to list; a value that would filter nothing is refused.

    Raises:
        InvalidRequestError: a value cannot be.
    """
    status = found.get("status", "")
    if "status" in found and status not in frozenset(Status):
        raise InvalidRequestError(f"use one of: {', '.join(Status)}", field="status")
    return AgentFilter(
        tenant=_name(found, "tenant"),
        status=status,
        team=_name(found, "team"),
        name=parse.glob(found["name"], "name") if "name" in found else "",
    )


def _name(found: Mapping[str, str], field: str) -> str:
    return text.parse_name(found[field], field=field) if field in found else ""
