"""I7, C1 as properties: whatever chain of tasks is asked for, nothing in it exceeds what is above.

A random line of delegations is asked for over the API, and credentials in each task. A plain model
says which must be refused; of what is granted each bound is compared with all bounds above it.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.cast import AGENT, ORCHESTRATOR
from tests.fakes.world import World, seconds_between

SCOPES: Final = {
    "orders-api": ("orders:read", "orders:write", "orders:list"),
    "legacy-api": ("orders:read", "orders:list"),
}
TICKETS: Final = ("OPS-1", "OPS-2")
RESOURCES: Final = ("dataset:a", "dataset:b")
MAX_DEPTH: Final = 4

ANYTHING = """
@id("anything")
permit (
  principal is Agent,
  action in [Action::"DelegateTask", Action::"RequestCredential"],
  resource
)
when { principal.tenant == context.task.tenant };
"""

Ceiling = dict[str, frozenset[str]]


@dataclass(frozen=True)
class Asked:
    """One task that is asked for, and one credential in it."""

    ceiling: Ceiling
    ttl: int
    tickets: frozenset[str]
    resources: frozenset[str]
    capability: str
    scopes: frozenset[str]
    credential_ttl: int

    def body(self) -> dict[str, Any]:
        """Say it as the API wants it."""
        return {
            "ceiling": [
                {"capability": name, "scopes": sorted(scopes)}
                for name, scopes in self.ceiling.items()
            ],
            "ttl_seconds": self.ttl,
            "tickets": sorted(self.tickets),
            "resources": sorted(self.resources),
            "agent": "invoice-bot",
        }

    def is_within(self, above: "Asked") -> bool:
        """Tell whether a child like this is nowhere wider than its parent."""
        return (
            all(s <= above.ceiling.get(c, frozenset()) for c, s in self.ceiling.items())
            and self.tickets <= above.tickets
            and self.resources <= above.resources
        )


@dataclass
class Line:
    """The tasks that were opened, from the root on, and what they were asked to be."""

    asked: list[Asked] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)


def subsets(of: tuple[str, ...], *, least: int = 0) -> st.SearchStrategy[frozenset[str]]:
    """Any subset; the whole is likely, for otherwise few children would be within anything."""
    return st.one_of(st.just(frozenset(of)), st.frozensets(st.sampled_from(of), min_size=least))


ceilings = st.builds(
    lambda orders, legacy: {
        name: scopes for name, scopes in (("orders-api", orders), ("legacy-api", legacy)) if scopes
    },
    subsets(SCOPES["orders-api"], least=1),
    subsets(SCOPES["legacy-api"]),
)
askings = st.builds(
    Asked,
    ceiling=ceilings,
    ttl=st.integers(60, 2_000),
    tickets=subsets(TICKETS),
    resources=subsets(RESOURCES),
    capability=st.sampled_from(sorted(SCOPES)),
    scopes=st.frozensets(st.sampled_from(SCOPES["orders-api"]), min_size=1),
    credential_ttl=st.integers(2, 2_000),
)


@pytest.fixture
async def wide(world: World) -> World:
    """An installation whose policies refuse nothing, so that only the broker's own rules do."""
    world.config.edit_capability("orders-api", scopes=list(SCOPES["orders-api"]))
    world.config.edit_capability("legacy-api", scopes=list(SCOPES["legacy-api"]))
    world.config.write("policies/50-world.cedar", ANYTHING)
    world.config.edit_agent("invoice-bot", quota=1_000_000)
    await world.publish()
    await world.stop()
    await world.start(tasks=world.task_limits(max_depth=MAX_DEPTH))
    return world


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(line=st.lists(askings, min_size=1, max_size=MAX_DEPTH + 2))
async def test_nothing_exceeds_what_is_above_it(wide: World, line: list[Asked]) -> None:
    """Wider children are refused, longer ones are cut short, deeper ones end; credentials too."""
    made = Line()
    for asked in line:
        if await _opened(wide, made, asked):
            await _check_credential(wide, made, asked)


async def _opened(world: World, made: Line, asked: Asked) -> bool:
    if not made.tasks:
        made.tasks.append(await world.open(ORCHESTRATOR, **asked.body()))
        made.asked.append(asked)
        return True
    parent = made.tasks[-1]
    answer = await world.delegate(parent["id"], AGENT, **asked.body())
    if len(made.tasks) >= MAX_DEPTH:
        assert (answer.status, answer["field"]) == (400, "parent")
        return False
    if not asked.is_within(made.asked[-1]):
        assert (answer.status, answer.code) == (403, "access-denied")
        return False
    assert answer.status == 201, answer.raw
    assert answer["deadline"] <= min(task["deadline"] for task in made.tasks)
    assert seconds_between(answer["opened_at"], answer["deadline"]) <= asked.ttl
    assert answer["path"] == [*parent["path"], answer["id"]]
    made.tasks.append(answer.body)
    made.asked.append(asked)
    return True


async def _check_credential(world: World, made: Line, asked: Asked) -> None:
    """Out is within what was asked for, within every ceiling, before every deadline."""
    task = made.tasks[-1]
    answer = await world.ask(
        task["id"],
        capability=asked.capability,
        scopes=sorted(asked.scopes),
        ttl_seconds=asked.credential_ttl,
    )
    if not asked.scopes <= asked.ceiling.get(asked.capability, frozenset()):
        assert (answer.status, answer.code) == (403, "access-denied")
        return
    assert answer.status == 201, answer.raw
    granted = frozenset(answer["scope"].split(" "))
    assert granted == asked.scopes
    for above in made.asked:
        assert granted <= above.ceiling[asked.capability]
    assert answer["max_expires_at"] <= min(each["deadline"] for each in made.tasks)
    assert answer["expires_at"] <= answer["max_expires_at"]
    assert seconds_between(answer["issued_at"], answer["expires_at"]) <= asked.credential_ttl
