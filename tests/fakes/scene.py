"""A world in which there is one live token of each kind."""

from tests.fakes.cast import AGENT, HELPER, ROOT_OPERATOR, STOCK_AGENT, STOCK_ORCHESTRATOR, Who
from tests.fakes.world import World
from tests.fakes.world_config import ISSUERS

OFFLINE = [{"capability": "legacy-api", "scopes": ["orders:read"]}]


class Scene:
    """One live token of each kind: two agents, two tenants, two capabilities, two issuers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tokens: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.tasks: dict[str, str] = {}

    async def prepare(self) -> "Scene":
        """Issue them all."""
        both = [*OFFLINE, {"capability": "orders-api", "scopes": ["orders:read"]}]
        task = await self.world.open(ceiling=both)
        await self._issue("agent", task["id"], AGENT)
        await self._issue("legacy", task["id"], AGENT, capability="legacy-api")
        second = Who(AGENT.kind, AGENT.name, "acme", "pod-1", ISSUERS[1])
        await self._issue("second", task["id"], second)
        child = (await self.world.delegate(task["id"])).body
        await self._issue("child", child["id"], HELPER)
        helper = await self.world.open(agent="helper-bot")
        await self._issue("helper", helper["id"], HELPER)
        stock = await self.world.open(
            STOCK_ORCHESTRATOR, tenant="globex", agent="stock-bot", instance="pod-1"
        )
        await self._issue("stock", stock["id"], STOCK_AGENT)
        return self

    async def _issue(self, name: str, task: str, who: Who, **changes: object) -> None:
        issued = await self.world.issue(task, who, **changes)
        self.tokens[name], self.ids[name] = issued["access_token"], issued["id"]
        self.tasks[name] = task

    async def alive(self) -> set[str]:
        """Ask the ledger about each (the offline ones cannot be introspected)."""
        shown = {
            name: await self.world.get(ROOT_OPERATOR, f"/v1/credentials/{lease}")
            for name, lease in self.ids.items()
        }
        for name, token in self.tokens.items():
            if name != "legacy":
                assert await self.world.is_active(token) == shown[name]["alive"]
        return {name for name, answer in shown.items() if answer["alive"]}
