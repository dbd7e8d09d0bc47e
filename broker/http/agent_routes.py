"""The agents of an operator's tenants, and what is live of each."""

from aiohttp import web

from broker.agents import Agent
from broker.http import fact_filters, filters, query, render, render_agents
from broker.http.emergencies import Emergencies
from broker.http.keys import PRINCIPAL, QUERY
from broker.http.services import Services
from broker.http.table import Table


class AgentRoutes:
    """``/v1/agents…``."""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents
        self._emergencies = Emergencies(services.glass.desk)

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.read("/v1/agents", self.find, *filters.AGENTS, *query.PAGE)
        table.read("/v1/agents/{agent}", self.show)

    async def find(self, request: web.Request) -> web.Response:
        """List agents."""
        window, which = query.window(request), filters.agents(request[QUERY])
        page = await self._agents.find(request[PRINCIPAL], which, window.cursor, window.limit)
        following = render.next_link("/v1/agents", page.cursor, window)
        mark = await self._emergencies.of_agents()
        shown = [render_agents.agent(each) | mark(_name(each)) for each in page.agents]
        return render.reply(render.listing("agents", shown, following))

    async def show(self, request: web.Request) -> web.Response:
        """Show an agent."""
        name = fact_filters.agent(request.match_info["agent"])
        found = await self._agents.show(request[PRINCIPAL], name)
        mark = await self._emergencies.of_agents()
        return render.reply(render_agents.view(found) | mark(name))


def _name(agent: Agent) -> str:
    return agent.enrolled.thing.name
