"""Access because of a ticket, from the files that declare it to the reports of what it ended.

The story that docs/operators.md tells: each change has its look ahead, and then its result.
"""

import copy
from pathlib import Path
from typing import Any, Final

import pytest

from broker.cli import exits
from tests.e2e.test_fact_files import Desk
from tests.e2e.test_reevaluation import ended_by, redecided
from tests.fakes.cast import OPERATOR, ROOT_OPERATOR
from tests.fakes.world import World

FACTS: Final = """\
source: desk
tenant: acme
tickets:
  - {name: OPS-7, status: STATUS}
datasets:
  - {name: orders, data_class: CLASS}
  - {name: payroll}
relationships:
  - agent:invoice-bot assigned-to ticket:OPS-7
  - ticket:OPS-7 concerns dataset:orders
"""
SECRET_STAYS: Final = """\
@id("secret-datasets-are-for-people")
forbid (principal is Agent, action, resource is Capability)
when {
  resource has dataset && resource.dataset has dataClass &&
  resource.dataset.dataClass == "secret"
};
"""
SHORT: Final = """\
@id("exports-of-a-minute")
@description("Whoever exports may not ask for more than a minute.")
forbid (principal is Agent, action, resource is Capability)
when { context.scopes.contains("orders:export") && context.ttlSeconds > 60 };
"""
PAYROLL: Final = "payroll-export"
CEILING: Final = [
    {"capability": "orders-export", "scopes": ["orders:export"]},
    {"capability": PAYROLL, "scopes": ["orders:export"]},
    {"capability": "orders-api", "scopes": ["orders:read"]},
]


class Story(Desk):
    """A desk where exports are about datasets."""

    def add_payroll(self) -> None:
        """Make a second capability, about another dataset."""

        def add(file: dict[str, Any]) -> None:
            [export] = [each for each in file["capabilities"] if each["name"] == "orders-export"]
            payroll = copy.deepcopy(export) | {"name": PAYROLL, "about": "dataset:payroll"}
            file["capabilities"].append(payroll)

        self.world.config.edit("capabilities.yaml", add)

    def declared(self, status: str = "open", data_class: str = "internal") -> str:
        """Write the facts down; return their file."""
        text = FACTS.replace("STATUS", status).replace("CLASS", data_class)
        return self.write("desk.yaml", text)

    async def begin(self) -> str:
        """Declare everything, and open a task for the ticket."""
        self.add_payroll()
        self.world.config.write("policies/50-world.cedar", SECRET_STAYS)
        published = await self.run("apply")
        assert published[0] == exits.OK, published
        declared = await self.run("apply", "-f", self.declared())
        assert declared[0] == exits.OK, declared
        await self.world.refresh()
        opened = await self.world.open(tickets=["OPS-7"], ceiling=CEILING)
        return str(opened["id"])

    async def export(self, task: str, capability: str = "orders-export") -> Any:
        """Ask for what needs the ticket."""
        wishes = {"capability": capability, "scopes": ["orders:export"], "ttl_seconds": 120}
        return await self.world.ask(task, **wishes)

    async def why(self, task: str, credential: str) -> dict[str, Any]:
        """Wait for the end of a credential; return what the task's report says of it."""
        assert await ended_by(self.world, credential) == "no-longer-granted"
        receipts = await self.world.receipts(OPERATOR, f"/v1/tasks/{task}/report")
        [found] = [each for each in receipts if each["credential"] == credential]
        why: dict[str, Any] = found["why"]
        return why


@pytest.fixture
def story(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Story:
    """The command at a world with nothing in its facts."""
    return Story(world, tmp_path, capsys)


async def test_a_ticket_opens_its_dataset_and_no_other_until_it_is_closed(story: Story) -> None:
    """What the agent holds for another reason stays."""
    task = await story.begin()
    granted = (await story.export(task)).body
    assert (await story.export(task, PAYROLL)).status == 403
    other = await story.world.issue(task)

    code, looked = await story.run("apply", "-f", story.declared("closed"), "--dry-run")
    assert (code, [each["credential"] for each in looked["dying"]]) == (exits.OK, [granted["id"]])
    assert await story.world.is_active(granted["access_token"])

    assert (await story.run("apply", "-f", story.declared("closed")))[0] == exits.OK

    why = await story.why(task, granted["id"])
    assert why["reason"] == "no-permit"
    assert "agent:invoice-bot assigned-to ticket:OPS-7" in why["gone"]
    assert not await story.world.is_active(granted["access_token"])
    assert await story.world.is_active(other["access_token"])
    assert (await story.export(task)).status == 403


async def test_a_dataset_that_becomes_secret_is_out_of_reach(story: Story) -> None:
    """Reclassified by whoever owns the data, without a word to those who write policies."""
    task = await story.begin()
    granted = (await story.export(task)).body

    _, looked = await story.run("apply", "-f", story.declared(data_class="secret"), "--dry-run")
    assert [each["credential"] for each in looked["dying"]] == [granted["id"]]
    await story.run("apply", "-f", story.declared(data_class="secret"))

    why = await story.why(task, granted["id"])
    assert (why["reason"], why["policies"]) == ("forbidden", ["secret-datasets-are-for-people"])
    assert (await story.export(task)).status == 403


async def test_an_agent_that_is_held_loses_all_and_may_come_back(story: Story) -> None:
    """Lifted it gets new ones; what ended stays dead."""
    task = await story.begin()
    held = [(await story.export(task)).body, await story.world.issue(task)]
    change = {"op": "hold", "tenant": "acme", "ref": "agent:invoice-bot"}
    body = {"reason": "odd behaviour", "changes": [change]}

    looked = await story.world.post(OPERATOR, "/v1/facts/changes", body | {"dry_run": True})
    assert {each["credential"] for each in looked["dying"]} == {each["id"] for each in held}
    assert (await story.world.post(OPERATOR, "/v1/facts/changes", body)).status == 200

    for each in held:
        assert (await story.why(task, each["id"]))["reason"] == "agent-held"
    lift = {"reason": "explained", "changes": [change | {"op": "lift"}]}
    assert (await story.world.post(OPERATOR, "/v1/facts/changes", lift)).status == 200
    assert (await story.export(task)).status == 201
    for each in held:
        assert not await story.world.is_active(each["access_token"])


async def test_replay_tells_in_advance_what_a_tighter_policy_ends(story: Story) -> None:
    """And the dry run of publishing it says the same."""
    task = await story.begin()
    granted = (await story.export(task)).body
    other = await story.world.issue(task)
    story.world.config.write("policies/60-short.cedar", SHORT)

    code, replayed = await story.run("policy", "replay", str(story.world.config.folder))
    assert code == exits.OK
    assert (replayed["now_refused"], replayed["now_granted"]) == (1, 0)
    assert [each["capability"] for each in replayed["requests"]] == ["orders-export"]
    _, looked = await story.run("apply", "--dry-run")
    assert [each["credential"] for each in looked["dying"]] == [granted["id"]]
    assert await story.world.is_active(granted["access_token"])

    assert (await story.run("apply"))[0] == exits.OK

    why = await story.why(task, granted["id"])
    assert (why["reason"], why["policies"]) == ("forbidden", ["exports-of-a-minute"])
    assert await story.world.is_active(other["access_token"])
    trail = await story.world.get(ROOT_OPERATOR, f"/v1/credentials/{granted['id']}")
    assert trail["ended_by"] == "no-longer-granted"


async def test_a_policy_that_changes_nothing_is_said_to_end_nothing(story: Story) -> None:
    """What is looked ahead of is asked by the facts that stand, and not as if there were none."""
    task = await story.begin()
    granted = (await story.export(task)).body
    story.world.config.write("policies/60-short.cedar", "// nothing is said here\n")

    code, looked = await story.run("apply", "--dry-run")

    assert (code, looked["deaths"], looked["complete"]) == (exits.OK, 0, True)
    assert (await story.run("apply"))[0] == exits.OK
    await redecided(story.world)
    assert await story.world.is_active(granted["access_token"])


async def test_only_what_is_no_longer_so_is_called_gone(story: Story) -> None:
    """A tighter policy and a suspension leave the ticket and its dataset as they are."""
    task = await story.begin()
    short = (await story.export(task)).body
    story.world.config.write("policies/60-short.cedar", SHORT)

    _, looked = await story.run("apply", "--dry-run")
    assert [each["reason"] for each in looked["dying"]] == ["forbidden by exports-of-a-minute"]
    assert (await story.run("apply"))[0] == exits.OK
    why = await story.why(task, short["id"])
    assert (why["reason"], why["gone"]) == ("forbidden", [])

    held = await story.world.issue(task)
    hold = {"op": "hold", "tenant": "acme", "ref": "agent:invoice-bot"}
    await story.world.post(OPERATOR, "/v1/facts/changes", {"reason": "odd", "changes": [hold]})
    why = await story.why(task, held["id"])
    assert (why["missing"], why["gone"]) == (["built in: agent:invoice-bot is held"], [])
