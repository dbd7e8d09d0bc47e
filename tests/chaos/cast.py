"""Who acts in the scenarios, and the short ways to a task with credentials in use."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from broker.client.api import BrokerClient
from broker.client.results import Ceiling, IssuedCredential, OpenedTask, Receipt
from broker.dev.passports import Identity
from broker.model.principal import Kind
from tests.chaos.world import ORDERS, REPORTS, Caller, World
from tests.fakes.eventually_true import eventually_true

TENANT: Final = "acme"
CEILING: Final = (
    Ceiling("orders-api", ("orders:read",)),
    Ceiling("reports-read", ("reports:read",)),
)
SCOPES: Final = {"orders-api": ("orders:read",), "reports-read": ("reports:read",)}
FINAL: Final = frozenset({"confirmed", "expired"})

_NUMBERS: Final = itertools.count(1)


def unique(word: str) -> str:
    """Make a name or an idempotency key that nobody has used."""
    return f"{word}-{next(_NUMBERS)}"


@dataclass(slots=True)
class Held:
    """A token that a client holds, with everything by which it is found again."""

    credential: str
    task: str
    audience: str
    token: str = field(repr=False)


class Cast:
    """The callers, all of them at the broker whose turn it is: change :attr:`url` to turn."""

    def __init__(self, world: World, url: str = "", *, timeout_s: float = 10.0) -> None:
        self.world = world
        self.url = url or world.slots[0].url

        def caller(kind: Kind, name: str, instance: str, tenant: str = "") -> "Part":
            made = world.caller(Identity(kind, name, tenant, instance), timeout_s=timeout_s)
            return Part(self, made)

        self.orchestrator = caller(Kind.ORCHESTRATOR, "ci-orchestrator", "ci-1")
        self.agent = caller(Kind.AGENT, "invoice-bot", "pod-1", TENANT)
        self.twin = caller(Kind.AGENT, "invoice-bot", "pod-2", TENANT)
        self.reporter = caller(Kind.AGENT, "report-bot", "pod-3", TENANT)
        self.operator = caller(Kind.OPERATOR, "alice", "console-1")
        self.held: list[Held] = []
        """Every token that was delivered."""

    async def open(
        self, agent: "Part | None" = None, *, parent: str = "", **members: object
    ) -> OpenedTask:
        """Open a task for an agent (a child: by the agent itself)."""
        agent = agent or self.agent
        opener = agent if parent else self.orchestrator
        wishes: dict[str, object] = {
            "name": unique("task"),
            "agent": agent.identity.name,
            "tenant": TENANT,
            "instance": agent.identity.instance,
            "ceiling": CEILING,
            "ttl_seconds": 600,
            "parent": parent,
            **members,
        }
        return await opener.client.tasks.open(**wishes)

    async def issue(
        self,
        task: str,
        capability: str = "orders-api",
        *,
        agent: "Part | None" = None,
        key: str = "",
        ttl_seconds: int = 300,
    ) -> Held:
        """Issue a credential, and remember that it is held."""
        issued = await (agent or self.agent).client.credentials.issue(
            task,
            capability,
            scopes=SCOPES[capability],
            ttl_seconds=ttl_seconds,
            idempotency_key=key or unique("issue"),
        )
        return self.hold(issued)

    def hold(self, issued: IssuedCredential) -> Held:
        """Remember a delivered token."""
        held = Held(issued.id, issued.task, issued.audience, issued.access_token.reveal())
        self.held.append(held)
        return held

    async def issue_both(self, task: str, agent: "Part | None" = None) -> list[Held]:
        """Issue a token for the server that follows the feed and one for the server that asks."""
        return [await self.issue(task, name, agent=agent) for name in SCOPES]

    async def receipts(self, task: str) -> dict[str, Receipt]:
        """Read a report to its end, by credential."""
        found = [r async for r in self.operator.client.tasks.receipts(task)]
        assert len({r.credential for r in found}) == len(found), "a credential reported twice"
        return {receipt.credential: receipt for receipt in found}

    async def all_final(self, task: str, credentials: Sequence[str]) -> None:
        """Wait until a report is complete: a final receipt for each of the credentials."""

        async def complete() -> bool:
            states = {name: r.state for name, r in (await self.receipts(task)).items()}
            return all(states.get(name) in FINAL for name in credentials)

        await eventually_true(complete, f"final receipts of {credentials}")

    async def accepts(self, held: Held) -> bool:
        """Ask every server of the token's audience; they must agree."""
        answers = [
            await one.accepts(held.token)
            for one in self.world.witnesses
            if one.audience == held.audience
        ]
        assert answers, "nobody to ask"
        return any(answers)

    async def expect(self, *, alive: Sequence[Held] = (), dead: Sequence[Held] = ()) -> None:
        """Ask the resource servers: what lives is let in (soon), what is dead is not (now)."""
        for held in dead:
            assert not await self.accepts(held), f"accepted, and should be dead: {held}"
        for held in alive:

            async def accepted(held: Held = held) -> bool:
                return await self.accepts(held)

            await eventually_true(accepted, f"accepting {held}")


class Part:
    """One caller of the cast."""

    def __init__(self, cast: Cast, caller: Caller) -> None:
        self.identity = caller.identity
        self._cast = cast
        self._caller = caller

    def at(self, url: str) -> BrokerClient:
        """Return the client of a broker."""
        return self._caller.at(url)

    async def token(self) -> str:
        """Return its workload token."""
        return await self._caller.token()

    @property
    def client(self) -> BrokerClient:
        """The client of the broker whose turn it is."""
        return self.at(self._cast.url)


AUDIENCES: Final = (ORDERS, REPORTS)
