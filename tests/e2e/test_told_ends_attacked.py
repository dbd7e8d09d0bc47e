"""Messages that tell of ends, as an enemy or a bad network delivers them."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.settings.ends import Ends, EndSource
from broker.webhook_signing import ID, SIGNATURE, TIMESTAMP
from tests.e2e.test_told_ends import NEW, message, send, signed, state
from tests.fakes.cast import OPERATOR
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import World, open_world
from tests.fakes.world_config import ISSUERS, Template

WRONG_S = 400
"""A clock so far off takes what is of now for too old, or of the future."""


@pytest.fixture
async def world(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path
) -> AsyncIterator[World]:
    """Two brokers, and two orchestrators that share a key."""
    (tmp_path / "shared").write_text(f"{NEW}\n")
    names = ("ci-orchestrator", "other-orchestrator")
    ends = Ends(
        sources=tuple(
            EndSource(orchestrator=name, issuer=ISSUERS[0], keys_file=tmp_path / "shared")
            for name in names
        )
    )
    async with open_world(single, template, signer, tmp_path, brokers=0) as world:
        await world.start(ends=ends)
        await world.start(ends=ends)
        yield world


async def test_of_contradictory_ends_at_once_one_counts_and_all_are_told_of_it(
    world: World,
) -> None:
    """Under ids of their own, at two brokers."""
    task = await world.open()
    kinds = ("completed", "failed", "cancelled") * 3
    bodies = [message(task["id"], f"task.{kind}") for kind in kinds]

    answers = await asyncio.gather(
        *(
            send(world, body, signed(world, body, id_=f"msg_{n}"), at=n % 2)
            for n, body in enumerate(bodies)
        )
    )

    assert {answer.status for answer in answers} == {200}
    told = {(answer["task"]["state"], answer["task"]["closed_at"]) for answer in answers}
    assert len(told) == 1
    assert await world.told("task.closed") == 1


async def test_a_message_that_was_overtaken_changes_nothing(world: World) -> None:
    """It was signed first, and comes last."""
    task = await world.open()
    early, late = (message(task["id"], f"task.{how}") for how in ("failed", "completed"))
    overtaken = signed(world, early, id_="msg_1", late_s=-200)

    first = await send(world, late, signed(world, late, id_="msg_2"))
    second = await send(world, early, overtaken)

    assert (first["task"]["state"], second["task"]["state"]) == ("completed", "completed")
    assert second["task"]["closed_by"] == first["task"]["closed_by"]


async def test_who_carries_messages_for_two_that_share_a_key_can_exchange_nothing(
    world: World,
) -> None:
    """The task has one opener; at the other's address it is none."""
    task = await world.open()
    body = message(task["id"])

    answer = await send(world, body, signed(world, body), to="other-orchestrator")

    assert (answer.status, await state(world, task["id"])) == (404, "open")


async def test_a_message_that_is_cut_in_another_way_says_nothing(world: World) -> None:
    """Its id has dots, and a part that could be a time; the signature holds for both cuts."""
    task = await world.open()
    body, now = message(task["id"]), world.now()
    honest = signed(world, body, id_=f"job.{now}")
    cut = {ID: "job", TIMESTAMP: str(now), SIGNATURE: honest[SIGNATURE]}

    answer = await send(world, f"{honest[TIMESTAMP]}.".encode() + body, cut)

    assert (answer.status, await state(world, task["id"])) == (400, "open")
    assert (await send(world, body, honest)).status == 200


async def test_a_broker_with_a_wrong_clock_refuses_and_the_next_one_takes_it(world: World) -> None:
    """Fast or slow; and the id is not spent by that."""
    task = await world.open()
    body = message(task["id"])
    headers = signed(world, body)

    refused = []
    for shift_s in (WRONG_S, -WRONG_S):
        world.running[0].clock.shift_ms = shift_s * 1000
        refused.append((await send(world, body, headers, at=0)).status)
    taken = await send(world, body, headers, at=1)

    assert (refused, taken.status) == ([401, 401], 200)


async def test_what_is_too_large_or_compressed_is_nobodys(world: World) -> None:
    """Though its signature is right."""
    task = await world.open()
    large = message(task["id"], reason="x" * 100_000)
    packed = gzip.compress(message(task["id"]))

    refused = await send(world, large, signed(world, large, id_="msg_1"))
    headers = signed(world, packed, id_="msg_2") | {"Content-Encoding": "gzip"}
    unread = await send(world, packed, headers)

    assert (refused.status, unread.status) == (413, 415)
    assert await state(world, task["id"]) == "open"


async def test_a_frozen_task_is_ended_too(world: World) -> None:
    """Nothing stands in the way of taking access away."""
    task = await world.open()
    frozen = await world.post(OPERATOR, f"/v1/tasks/{task['id']}/freeze", {"reason": "odd"})
    assert frozen.status == 200

    assert (await send(world, message(task["id"])))["task"]["state"] == "completed"
