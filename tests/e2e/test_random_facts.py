"""Random edits of facts at real brokers: what dies is exactly what asking about everything says.

Deciding again looks only at what a change can concern, and so may a dry run. What these leave out
although it would not be granted any more is a hole, which asking about every credential that is
left finds. Agents hand tasks on, act for people, and work for tickets that come and go.
"""

from collections.abc import Callable
from random import Random  # noqa: TID251 - a history that can be repeated
from typing import Any, Final

import pytest

from broker.preview import Preview
from broker.settings.limits import Reevaluation
from tests.e2e.test_fact_routes import change, of, put, relate
from tests.e2e.test_reevaluation import redecided
from tests.fakes.cast import AGENT, OPERATOR, Who
from tests.fakes.world import World

STEPS: Final = 10
AGENTS: Final = ("invoice-bot", "helper-bot", "report-bot")
TICKETS: Final = ("T-1", "T-2", "T-3")
PEOPLE: Final = ("ann", "ben")
TEAMS: Final = ("red", "blue")
CEILING: Final = [
    {"capability": "orders-api", "scopes": ["orders:read", "orders:write"]},
    {"capability": "orders-export", "scopes": ["orders:export"]},
]
ASKS: Final = (
    ("orders-api", ["orders:read"]),
    ("orders-api", ["orders:write"]),
    ("orders-export", ["orders:export"]),
)
POLICIES: Final = """
@id("nobody-acts-for-the-gone")
forbid (principal, action, resource is Capability)
when { context has behalf && context.behalf.status == "gone" };

@id("nothing-closed-is-written-for")
forbid (principal, action, resource is Capability)
when {
  context.scopes.contains("orders:write") &&
  context.tickets.containsAny([Ticket::"acme/T-2"])
}
unless { context.work in Ticket::"acme/T-2" };

@id("the-red-do-not-read")
forbid (principal in Team::"acme/red", action, resource is Capability)
when { context.scopes.contains("orders:read") && !(principal in Team::"acme/blue") };

@id("nothing-of-a-secret")
forbid (principal, action, resource is Capability)
when { resource has dataset && resource.dataset has dataClass }
when { resource.dataset.dataClass == "secret" };
"""

Edit = Callable[[Random], dict[str, Any]]


def _ticket(rng: Random) -> dict[str, Any]:
    return put(f"ticket:{rng.choice(TICKETS)}", status=rng.choice(("open", "open", "closed")))


def _person(rng: Random) -> dict[str, Any]:
    return put(f"person:{rng.choice(PEOPLE)}", status=rng.choice(("active", "gone")))


def _dataset(rng: Random) -> dict[str, Any]:
    return put("dataset:orders", data_class=rng.choice(("internal", "secret")))


def _team(rng: Random) -> dict[str, Any]:
    return put(f"team:{rng.choice(TEAMS)}")


def _member(rng: Random) -> dict[str, Any]:
    return _edge(rng, f"agent:{rng.choice(AGENTS)} member-of team:{rng.choice(TEAMS)}")


def _part(rng: Random) -> dict[str, Any]:
    return _edge(rng, "team:blue part-of team:red")


def _assigned(rng: Random) -> dict[str, Any]:
    who = rng.choice((*(f"agent:{name}" for name in AGENTS), "team:red"))
    return _edge(rng, f"{who} assigned-to ticket:{rng.choice(TICKETS)}")


def _concerns(rng: Random) -> dict[str, Any]:
    return _edge(rng, f"ticket:{rng.choice(TICKETS)} concerns dataset:orders")


def _edge(rng: Random, text: str) -> dict[str, Any]:
    return relate(text, op=rng.choice(("relate", "relate", "unrelate")))


def _hold(rng: Random) -> dict[str, Any]:
    names = [f"agent:{name}" for name in AGENTS] + [f"ticket:{name}" for name in TICKETS]
    return of(rng.choice(("hold", "lift", "lift")), rng.choice((*names, "team:red", "tenant:acme")))


EDITS: Final[tuple[Edit, ...]] = (
    *(_ticket, _ticket, _person, _dataset, _team, _member, _part),
    *(_assigned, _assigned, _concerns, _hold, _hold),
)


class Cast:
    """Agents with tasks of their own and handed-on ones, and everything that they were given."""

    def __init__(self, world: World, rng: Random) -> None:
        self.world = world
        self.rng = rng
        self.tasks: list[tuple[str, Who]] = []
        self.given: set[str] = set()

    async def begin(self) -> None:
        """Open the tasks: those at the top are handed on, and handed on once more."""
        for name, ticket, person in zip(AGENTS, TICKETS, ("ann", "ben", ...), strict=True):
            said = {"tickets": [ticket, "T-2"], "on_behalf_of": person, "ceiling": CEILING}
            task = await self.world.open(agent=name, **said)
            await self._add(task["id"], name)
        for helper in ("helper-bot", "report-bot"):
            above, who = self.tasks[-1] if helper == "report-bot" else self.tasks[0]
            said = {"tickets": ["T-1", "T-2"], "ceiling": CEILING}
            child = await self.world.delegate(above, who, agent=helper, **said)
            assert child.status == 201, child.raw
            await self._add(child["id"], helper)

    async def _add(self, task: str, name: str) -> None:
        self.tasks.append((task, Who(AGENT.kind, name, "acme", "pod-1")))

    async def ask(self) -> None:
        """Let everybody ask for everything."""
        for task, who in self.tasks:
            for capability, scopes in ASKS:
                wish = {"capability": capability, "scopes": scopes, "ttl_seconds": 100}
                answer = await self.world.ask(task, who, **wish)
                if answer.status == 201:
                    self.given.add(answer["id"])

    async def alive(self) -> set[str]:
        """Name what lives; whatever does not was refused."""
        seen = [await self._look(name) for name in sorted(self.given)]
        assert {each["ended_by"] for each in seen if not each["alive"]} <= {"no-longer-granted"}
        return {each["id"] for each in seen if each["alive"]}

    async def _look(self, name: str) -> dict[str, Any]:
        shown: dict[str, Any] = (await self.world.get(OPERATOR, f"/v1/credentials/{name}")).body
        return shown


@pytest.mark.parametrize("seed", [5, 9, 11])
async def test_what_dies_of_facts_is_what_asking_about_everything_says(
    world: World, seed: int
) -> None:
    """After each edit, of one thing or of several."""
    await world.stop()
    await world.start(reevaluation=Reevaluation(brake_leases=10_000))
    world.config.write("policies/50-world.cedar", POLICIES)
    await world.publish()
    rng = Random(seed)  # noqa: S311 - no secret comes of it
    cast = Cast(world, rng)
    begun = [put(f"ticket:{name}") for name in TICKETS] + [put(f"team:{name}") for name in TEAMS]
    assert (await change(world, *begun, put("dataset:orders"))).status == 200
    await cast.begin()
    died = 0
    for _ in range(STEPS):
        await cast.ask()
        edits = [edit(rng) for edit in rng.choices(EDITS, k=rng.choice((1, 1, 2, 3)))]
        before = await cast.alive()
        looked = await change(world, *edits, dry_run=True)
        if looked.status != 200:
            continue  # of two edits of one thing, or of what is not there
        assert (await change(world, *edits)).status == 200

        await redecided(world)

        doomed = {each["credential"] for each in looked["dying"]}
        assert await cast.alive() == before - doomed, edits
        everything = await Preview.over(world.broker.ledger).foresee(world.broker.replica.published)
        assert (everything.total, everything.unreadable) == (0, 0), edits
        died += len(doomed)
    assert died
