"""A broker dies at every step of an emergency.

Whatever it was at: nothing is open of which nobody was told before, or for which nobody has to
answer; and the same request again goes on from there, to one emergency and one credential.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from broker.client.api import BrokerClient
from broker.client.api_errors import ApiError, BreakGlassStateError
from broker.client.errors import BrokerUnreachableError
from broker.client.glass_results import BreakGlass
from broker.client.results import Ceiling
from broker.client.webhooks import WebhookMessage
from broker.dev.passports import Identity
from broker.model.principal import Kind
from tests.chaos.audit_log import read_audit
from tests.chaos.cast import Cast, unique
from tests.chaos.glass_cases import CONFIRMING, EXPIRING, FETCHING
from tests.chaos.world import ORDERS, Caller, open_world
from tests.fakes.alarm_receiver import AlarmReceiver, receiving
from tests.fakes.eventually_true import eventually_true

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

KILLED: Final = -9
SCOPES: Final = ("orders:export",)
PEOPLE: Final = ("dana", "erin")


@dataclass
class Stage:
    """One installation of real processes, and whom it tells."""

    cast: Cast
    oncall: AlarmReceiver
    people: dict[str, Caller] = field(default_factory=dict)

    def of(self, name: str) -> BrokerClient:
        """Return a person's client."""
        return self.people[name].at(self.cast.url)

    async def begin(self) -> None:
        """Start the broker; let two people be on call."""
        await self.cast.world.slots[0].start()
        root = self.cast.world.caller(Identity(Kind.OPERATOR, "root-operator", "", "c-1"))
        facts = root.at(self.cast.url).facts
        changes: list[dict[str, object]] = []
        for name in PEOPLE:
            self.people[name] = self.cast.world.caller(Identity(Kind.PERSON, name, "acme", "b-1"))
            thing = {"ref": f"person:{name}", "status": "active"}
            edge = {"subject": f"person:{name}", "relation": "member-of", "object": "team:/oncall"}
            changes += (
                {"op": "put", "tenant": "acme", "thing": thing},
                {"op": "relate", "tenant": "acme", "relationship": edge},
            )
        await facts.change(changes, reason="they are on call")

    async def ask(self, task: str, key: str, ttl_seconds: int | None = None) -> BreakGlass:
        """Ask to break glass."""
        return await self.of("dana").break_glass.ask(
            *(task, "orders-export"),
            scopes=SCOPES,
            reason="it is stuck",
            incident="INC-1",
            ttl_seconds=ttl_seconds,
            idempotency_key=key,
        )

    async def task(self) -> str:
        """Open a task."""
        opened = await self.cast.open(ceiling=(Ceiling("orders-export", SCOPES),))
        return opened.id

    async def confirm(self, glass: BreakGlass) -> BreakGlass:
        """Agree; what is open already is what was wanted."""
        calls = self.of("erin").break_glass
        try:
            return await calls.confirm(glass.id, digest=glass.digest)
        except BreakGlassStateError:
            return await calls.show(glass.id)

    async def dies(self, point: str, act: Callable[[], Awaitable[object]]) -> None:
        """Let the broker die at a point, and another one go on."""
        slot = self.cast.world.slots[0]
        await slot.kill()
        await slot.start(armed=point)
        with suppress(BrokerUnreachableError, ApiError):
            await act()
        assert await slot.died() == KILLED, f"it did not die at {point}"
        self.check()
        await slot.start()

    @property
    def ends(self) -> list[WebhookMessage]:
        """What was told about ends."""
        return [each for each in self.oncall.messages if each.type == "breakglass.ended"]

    def check(self) -> None:
        """Hold what the ledger says to what must hold at any instant, past every broker."""
        told = {each.data["break_glass"] for each in self.oncall.messages}
        for record in self.cast.world.ask("KEYS", "jit:{b*}:g:*"):
            state, bucket = self.cast.world.ask("HGET", record, "state"), record.rpartition(":g:")
            if state in ("agreed", "open"):
                due = self.cast.world.ask("ZSCORE", f"{bucket[0]}:gr", bucket[2])
                assert due is not None, "nobody has to answer for it"
            if state == "open":
                assert bucket[2] in told, "nobody was told"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One for all of them."""
    async with receiving() as oncall, open_world() as world:
        told = oncall.settings(Path(tmp_path_factory.mktemp("secrets")))
        webhook = {"name": told.name, "url": told.url, "secret_file": str(told.secret_file)}
        world.configure({"notify": {"webhooks": [webhook]}})
        stage = Stage(Cast(world), oncall)
        await stage.begin()
        await world.start_witness(ORDERS, check="introspect")
        yield stage


async def test_asking_is_done_once(stage: Stage) -> None:
    """The same request under its key finds what was asked."""
    task, key = await stage.task(), unique("ask")

    await stage.dies("glass.asked", lambda: stage.ask(task, key))

    first, again = await stage.ask(task, key), await stage.ask(task, key)
    assert (first.id, first.state) == (again.id, "requested")
    found = await stage.of("dana").break_glass.find()
    assert [each.id for each in found.break_glass if each.task == task] == [first.id]


@pytest.mark.parametrize("step", CONFIRMING)
async def test_agreeing_goes_on_where_it_ended(stage: Stage, step: str) -> None:
    """It opens once; whoever was told twice was told of the same."""
    asked = await stage.ask(await stage.task(), unique("ask"))

    await stage.dies(f"glass.{step}", lambda: stage.confirm(asked))

    opened = await stage.confirm(asked)
    stage.check()
    assert (opened.state, opened.voices) == ("open", ("person:erin",))
    alarms = [each for each in stage.oncall.messages if each.type == "breakglass.alarm"]
    assert {each.id for each in alarms if each.data["break_glass"] == asked.id} == {
        f"msg_{asked.id}"
    }


@pytest.mark.parametrize("step", FETCHING)
async def test_one_credential_is_had_however_often_it_is_fetched(stage: Stage, step: str) -> None:
    """The token that the repeat brings is the one that the ledger has."""
    asked = await stage.ask(await stage.task(), unique("ask"))
    opened = await stage.confirm(asked)
    agent = stage.cast.agent.client.break_glass

    await stage.dies(f"glass.{step}", lambda: agent.fetch(opened.id))

    first, again = await agent.fetch(opened.id), await agent.fetch(opened.id)
    assert first.access_token.reveal() == again.access_token.reveal()
    page = await stage.cast.agent.client.credentials.find(opened.task)
    assert [each.id for each in page.credentials] == [first.id]


async def test_an_end_is_an_end(stage: Stage) -> None:
    """Ended by the repeat, with what was had by it."""
    opened = await stage.confirm(await stage.ask(await stage.task(), unique("ask")))
    issued = await stage.cast.agent.client.break_glass.fetch(opened.id)
    calls = stage.of("dana").break_glass

    await stage.dies("glass.ended", lambda: calls.end(opened.id))

    assert (await calls.end(opened.id)).state == "ended"
    witness = stage.cast.world.witnesses[0]
    assert not await witness.accepts(issued.access_token.reveal())


@pytest.mark.parametrize("step", EXPIRING)
async def test_a_natural_end_is_told_by_whoever_is_left(stage: Stage, step: str) -> None:
    """Told once in the trail, and to the receiver at least once, under one id."""
    slot = stage.cast.world.slots[0]
    await slot.kill()
    await slot.start(armed=f"glass.{step}")
    opened = await stage.confirm(await stage.ask(await stage.task(), unique("ask"), ttl_seconds=2))

    assert await slot.died() == KILLED, f"it did not die at glass.{step}"
    await slot.start()

    async def told() -> bool:
        return any(each.data["break_glass"] == opened.id for each in stage.ends)

    await eventually_true(told, "somebody is told of the end")
    shown = await stage.of("dana").break_glass.show(opened.id)
    assert (shown.state, shown.ended_by, shown.ended_at) == ("ended", "expired", opened.ends_at)
    assert len({each.id for each in stage.ends if each.data["break_glass"] == opened.id}) == 1
    trail = read_audit(stage.cast.world.audit_files()[0])
    ends = [each for each in trail if each["type"] == "breakglass.ended"]
    assert [each["by"] for each in ends if each["break_glass"] == opened.id] == ["expired"]
