"""What must not open: an emergency that nobody hears of, or that somebody owes an answer for."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.alarm_receiver import AlarmReceiver
from tests.fakes.cast import AGENT, DANA, ERIN, FRANK, OPERATOR
from tests.fakes.emergency import GLASS, Emergency, emergency, put_on_call
from tests.fakes.until import until
from tests.fakes.world import World


@pytest.fixture
async def here(world: World, tmp_path: Path) -> AsyncIterator[Emergency]:
    """People on call, and a task of an agent that policy gives nothing."""
    async with emergency(world, tmp_path) as here:
        yield here


def lets_down(oncall: AlarmReceiver, how: str) -> None:
    """Let the receiver of alarms fail in one way."""
    oncall.hangs = how == "hangs"
    oncall.status = {"refuses": 500, "moved": 302, "gone": 410}.get(how, 204)
    if how == "other-secret":
        oncall.secrets = ("whsec_" + "A" * 43 + "=",)


@pytest.mark.parametrize("how", ["hangs", "refuses", "moved", "gone", "other-secret"])
async def test_nothing_opens_when_nobody_can_be_told(here: Emergency, how: str) -> None:
    """And nothing is owed for what never was; the next one opens once somebody hears again."""
    asked = await here.asked()
    lets_down(here.oncall, how)

    assert (await here.confirm(asked)).code == "alarm-not-delivered"
    assert (await here.show(asked))["state"] == "refused"
    assert (await here.fetch(asked)).code == "break-glass-state"
    assert (await here.confirm(asked)).code == "break-glass-state"
    unreviewed = await here.world.get(OPERATOR, f"{GLASS}?only=unreviewed")
    assert unreviewed["break_glass"] == []

    here.oncall.secrets, here.oncall.hangs, here.oncall.status = here.oncall.secrets, False, 204
    if how != "other-secret":
        assert (await here.opened(incident="INC-2"))["state"] == "open"


async def test_where_it_opens_without_an_alarm_that_is_the_alarm(here: Emergency) -> None:
    """Best effort is recorded, told later, and shown wherever it is shown that it is open."""
    rule = {"max_ttl_seconds": 600, "scopes": ["orders:export"], "alarm": "best-effort"}
    here.world.config.edit_capability("orders-export", break_glass=rule)
    await here.world.publish()
    asked = await here.asked()
    here.oncall.status = 500

    opened = await here.confirm(asked)

    assert (opened["state"], opened["alarm"]) == ("open", [])
    _, said = await here.world.until_told("break-glass")
    assert "nobody was told before" in said
    here.oncall.status = 204
    await until(lambda: bool(here.oncall.of("breakglass.opened")))
    (told,) = here.oncall.of("breakglass.opened")
    assert told["troubles"] == ["oncall: answered with status 500"]


async def test_two_who_agree_at_once_open_it_once(here: Emergency) -> None:
    """Whichever is first: one emergency, one alarm by its id, one credential."""
    await put_on_call(here.world, FRANK)
    asked = await here.asked()

    answers = await asyncio.gather(*(here.confirm(asked, who) for who in (ERIN, FRANK) * 3))

    assert {each.status for each in answers} <= {200, 409}
    assert (await here.show(asked))["state"] == "open"
    assert len({each.id for each in here.oncall.messages if each.type == "breakglass.alarm"}) == 1
    fetched = await asyncio.gather(*(here.fetch(asked) for _ in range(6)))
    tokens = {each["access_token"] for each in fetched if each.status == 201}
    assert len(tokens) == 1
    listed = await here.world.get(AGENT, f"/v1/tasks/{here.task}/credentials")
    assert len(listed["credentials"]) == 1


async def test_ending_it_while_it_is_fetched_leaves_nothing_alive(here: Emergency) -> None:
    """Whichever comes first."""
    for number in range(4):
        opened = await here.opened(incident=f"INC-{number}")
        fetched, ended = await asyncio.gather(here.fetch(opened), here.end(opened))
        assert ended.status == 200
        if fetched.status == 201:
            assert not await here.world.is_active(fetched["access_token"])


async def test_an_overdue_review_blocks_the_next_one_of_the_same_people(here: Emergency) -> None:
    """Until somebody else has answered."""
    opened = await here.opened()
    await here.end(opened)
    assert (await here.ask(incident="INC-2")).status == 201
    due = int(here.world.single.ask("HGET", _record(opened["id"]), "due")) - 4 * 24 * 3_600_000
    here.world.single.ask("HSET", _record(opened["id"]), "due", due)

    assert (await here.ask(incident="INC-3")).code == "break-glass-review-owed"
    waiting = (await here.ask(FRANK)).status
    assert waiting == 403, "frank is not on call"
    await put_on_call(here.world, FRANK)
    other = (await here.ask(FRANK, incident="INC-4")).body
    assert (await here.confirm(other, ERIN)).code == "break-glass-review-owed"
    _, said = await here.world.until_told("break-glass")
    assert "was to be looked at by" in said

    assert (await here.review(opened)).status == 200
    assert (await here.confirm(other, ERIN))["state"] == "open"


async def test_what_nobody_agreed_to_in_time_lapses(here: Emergency) -> None:
    """A quarter of an hour later it is another emergency."""
    asked = await here.asked()
    await here.world.pass_time(901)

    assert (await here.show(asked))["state"] == "lapsed"
    assert (await here.confirm(asked)).code == "break-glass-state"


async def test_it_ends_when_it_says_so_and_waits_for_an_answer(here: Emergency) -> None:
    """By the ledger's clock, with nobody's help."""
    opened = await here.opened(ttl_seconds=60)
    held = (await here.fetch(opened)).body
    assert await here.world.is_active(held["access_token"])
    await here.world.pass_time(61)

    assert not await here.world.is_active(held["access_token"])
    assert (await here.show(opened))["state"] == "ended"
    assert (await here.fetch(opened)).code == "break-glass-state"
    assert (await here.review(opened)).status == 200


async def test_a_review_is_answered_once(here: Emergency) -> None:
    """The first answer stands."""
    opened = await here.opened()
    await here.end(opened)
    await here.review(opened, words="it was needed")

    again = await here.review(opened, words="it was not")

    assert again["review"]["words"] == "it was needed"


async def test_a_cut_ends_it_and_opens_nothing(here: Emergency) -> None:
    """An operator's order is no policy: nothing overrides it."""
    opened = await here.opened()
    held = (await here.fetch(opened)).body
    asked = await here.asked(incident="INC-2")
    await here.world.revoke(agent=AGENT.name)

    assert not await here.world.is_active(held["access_token"])
    assert (await here.confirm(asked)).status == 409
    assert (await here.show(asked, DANA))["state"] == "requested"


def _record(glass: str) -> str:
    return f"jit:{{b{glass[2:4]}}}:g:{glass}"
