"""An emergency is seen: where its task and agent are shown, in lists, and told when it is over."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.cast import AGENT, DANA, OPERATOR, ORCHESTRATOR
from tests.fakes.command import commanding
from tests.fakes.emergency import EXPORT, GLASS, Emergency, emergency
from tests.fakes.until import until
from tests.fakes.world import World


@pytest.fixture
async def here(world: World, tmp_path: Path) -> AsyncIterator[Emergency]:
    """People on call, and a task of an agent that policy gives nothing."""
    async with emergency(world, tmp_path) as here:
        yield here


async def test_its_time_comes_and_one_of_two_brokers_tells(here: Emergency) -> None:
    """Once, with when it ended and that nobody had to end it."""
    await here.world.start(notify=here.notify)
    opened = await here.opened(ttl_seconds=2)
    early = await here.opened()
    assert (await here.end(early)).status == 200

    await until(lambda: len(here.oncall.of("breakglass.ended")) == 2)

    shown = await here.show(opened)
    assert (shown["state"], shown["ended_by"]) == ("ended", "expired")
    assert shown["ended_at"] == opened["ends_at"]
    told = {each["break_glass"]: each["by"] for each in here.oncall.of("breakglass.ended")}
    assert told == {opened["id"]: "expired", early["id"]: "person:dana"}
    again = await here.end(opened)
    assert (again["ended_by"], again["ended_at"]) == ("expired", opened["ends_at"])
    await here.world.settle()
    assert await here.world.told("breakglass.ended") == 2


async def test_while_it_is_open_every_view_of_its_task_and_agent_says_so(here: Emergency) -> None:
    """Of no other task; and no longer than it is open."""
    world = here.world
    other = await world.open(ORCHESTRATOR, ceiling=[EXPORT])
    refused = await world.ask(here.task, capability="orders-export", scopes=["orders:export"])
    decision = refused["decision"]
    assert await _marks(world, here.task, decision) == []

    opened = await here.opened()
    held = (await here.fetch(opened)).body

    marks = await _marks(world, here.task, decision, held["id"])
    wanted = {
        **{name: opened[name] for name in ("id", "task", "agent", "capability", "scopes")},
        "ends_at": opened["ends_at"],
    }
    assert marks == [wanted] * 7
    assert "open_break_glass" not in (await world.get(OPERATOR, f"/v1/tasks/{other['id']}")).body
    seen = await world.get(AGENT, f"/v1/tasks/{here.task}")
    assert seen["open_break_glass"] == [wanted], "its own instance sees it, too"

    await here.end(opened)
    assert await _marks(world, here.task, decision, held["id"]) == []


async def test_the_commands_say_it_above_everything_else(here: Emergency, tmp_path: Path) -> None:
    """In one line, with its id, of what, for whom and until when."""
    refused = await here.world.ask(here.task, capability="orders-export", scopes=["orders:export"])
    decision = refused["decision"]
    opened = await here.opened()
    views = (
        *(("task", "list"), ("task", "show", here.task), ("agent", "list")),
        *(("agent", "show", opened["agent"]), ("credential", "list", here.task)),
        ("explain", decision),
    )
    async with commanding(here.world, OPERATOR, tmp_path) as operator:
        printed = [(await operator.run(*view)).out.splitlines()[0] for view in views]
        await here.end(opened)
        quiet = [(await operator.run(*view)).out for view in views]

    what = f"orders-export orders:export for {opened['agent']} until {opened['ends_at'][:19]}"
    for view, line in zip(views, printed, strict=True):
        assert line.startswith(f"EMERGENCY {opened['id']} is open: {what}"), view
    assert not any("EMERGENCY" in each for each in quiet)


async def test_all_of_them_are_listed_page_by_page(here: Emergency, tmp_path: Path) -> None:
    """The newest first, each once, whatever is asked for meanwhile; by any page length."""
    asked = [(await here.asked(incident=f"INC-{number}"))["id"] for number in range(5)]

    first = await here.world.get(DANA, f"{GLASS}?limit=2")
    newest = (await here.asked(incident="INC-6"))["id"]
    rest = await here.world.pages(DANA, first["next"])
    listed = _ids([first.body, *rest])
    every = _ids(await here.world.pages(DANA, f"{GLASS}?limit=1"))

    assert listed == asked[::-1]
    assert every == [newest, *asked[::-1]]
    assert (await here.world.get(OPERATOR, f"{GLASS}?limit=2&cursor=abc")).code == "invalid-request"
    async with commanding(here.world, DANA, tmp_path) as dana:
        page = await dana.run("break-glass", "list", "--limit", "2")
    assert newest in page.out
    assert "--cursor" in page.out


async def test_a_page_of_what_is_owed_ends_where_the_list_does(here: Emergency) -> None:
    """Narrowed, too, a page leads to the next; and many at the same time lose none."""
    opened = [await here.opened(incident=f"INC-{number}") for number in range(3)]
    await asyncio.gather(*(here.end(each) for each in opened[:2]))

    owed = await here.world.pages(OPERATOR, f"{GLASS}?only=unreviewed&limit=1")
    is_open = await here.world.pages(OPERATOR, f"{GLASS}?only=open&limit=1")

    assert _ids(owed) == [each["id"] for each in opened[::-1]]
    assert _ids(is_open) == [opened[2]["id"]]


def _ids(pages: Sequence[Mapping[str, Any]]) -> list[str]:
    return [each["id"] for page in pages for each in page["break_glass"]]


async def _marks(world: World, task: str, decision: str, credential: str = "") -> list[Any]:
    """Look everywhere where it has to be said."""
    tasks = await world.get(OPERATOR, "/v1/tasks")
    agents = await world.get(OPERATOR, "/v1/agents")
    agent = next(each["agent"] for each in tasks["tasks"] if each["id"] == task)
    shown = [
        *(each for each in tasks["tasks"] if each["id"] == task),
        (await world.get(OPERATOR, f"/v1/tasks/{task}")).body,
        *(each for each in agents["agents"] if each["name"] == agent),
        (await world.get(OPERATOR, f"/v1/agents/{agent}")).body,
        (await world.get(OPERATOR, f"/v1/tasks/{task}/credentials")).body,
        (await world.get(OPERATOR, f"/v1/decisions/{decision}")).body,
    ]
    if credential:
        shown.append((await world.get(OPERATOR, f"/v1/credentials/{credential}/explanation")).body)
    return [mark for each in shown for mark in each.get("open_break_glass", ())]
