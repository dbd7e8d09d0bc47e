"""What the demo's steps do. What is alive or dead is told by the targets, never by the broker."""

import asyncio
import json
from collections.abc import Sequence
from typing import Final

from broker.dev.step import Death, StepFailedError, expect
from tests.chaos.cast import unique
from tests.real.demo.cast import PATIENCE_S, Scene
from tests.real.demo.declared import DATABASE, FILES
from tests.real.demo.held import Held

KILLED: Final = -9
LOOKS_AFTER: Final = 5
"""How often a refused credential is tried again: a refusal must be one that stays."""


async def open_task(scene: Scene, name: str) -> str:
    """Open a task."""
    return await scene.open(name)


async def hold(scene: Scene, name: str, capability: str) -> str:
    """Get a credential, and use it in every way."""
    held = await scene.hold(name, capability)
    await _works(held)
    return f"{held.id}, used"


async def end(scene: Scene, name: str) -> str:
    """End the task by one call, while all that it holds is in use; measure each first refusal."""
    job = scene.jobs[name]
    watches = {h: asyncio.create_task(first_refusal(scene, h)) for h in job.held.values()}
    try:
        called_ms = scene.clock.monotonic_ms()
        await scene.complete(job.task)
        answered_ms = scene.clock.monotonic_ms()
        await _listen_for_lies(scene, job.task, list(watches.values()))
        took = {held: await watch - called_ms for held, watch in watches.items()}
    finally:
        for watch in watches.values():
            watch.cancel()
    for held, ms in took.items():
        scene.deaths.append(Death(name, job.task, f"{held.kind} {held.id}", "done", "", ms))
    refused = ", ".join(f"{held.kind} {ms} ms" for held, ms in took.items())
    return f"answered in {answered_ms - called_ms} ms; {refused}"


async def report(scene: Scene, name: str) -> str:
    """Follow the report until each receipt is confirmed; what it confirms is refused."""
    job = scene.jobs[name]
    ids = {held.id for held in job.held.values()}
    states: dict[str, str] = {}

    async def all_confirmed() -> bool:
        states.update({i: r.state for i, r in (await scene.receipts(job.task)).items()})
        return {states.get(one) for one in ids} == {"confirmed"}

    try:
        await scene.until(all_confirmed, "confirmed receipts")
    except TimeoutError as error:
        raise StepFailedError(expected="confirmed receipts", seen=str(states)) from error
    for held in job.held.values():
        await _is_refused(held)
    _settle(scene, states)
    return f"{len(ids)} confirmed"


def _settle(scene: Scene, states: dict[str, str]) -> None:
    for at, death in enumerate(scene.deaths):
        state = states.get(death.credential.rpartition(" ")[2], death.state)
        scene.deaths[at] = Death(
            death.task_name, death.task, death.credential, death.cause, state, death.took_ms
        )


async def untouched(scene: Scene, name: str) -> str:
    """Use all that another task holds: the same role, the same database."""
    for held in scene.jobs[name].held.values():
        await _works(held)
    return f"{len(scene.jobs[name].held)} go on"


async def refused_to(scene: Scene, name: str) -> str:
    """Let OpenBao and the role say themselves that they refuse what the task held."""
    task = scene.jobs[name].task
    logins, accessors = scene.servers.logins(), scene.servers.openbao.accessors()
    others = len(scene.jobs) - 1
    expect(len(logins) == others, expected=f"{others} login left in PostgreSQL", seen=logins)
    expect(len(accessors) == others, expected=f"{others} token left in OpenBao", seen=accessors)
    denied = scene.servers.denied()
    expect(task in denied, expected=f"a denial of {task} in the role", seen=denied)
    return f"1 token and 1 login left, which are the other's; the role denies *:{task}-*"


async def die_minting(scene: Scene, point: str, capability: str) -> str:
    """Kill the broker while it mints; the agent gets nothing, and nothing stays alive."""
    task = await scene.open(unique(f"minted-at-{point}"))
    code = await scene.die_at(point, lambda: scene.ask(task, capability, unique("once")))
    expect(code == KILLED, expected=f"a death by SIGKILL at {point}", seen=code)
    await scene.complete(task)
    await _nothing_left(scene, [task])
    return "nothing of it lives"


async def die_killing(scene: Scene, point: str) -> str:
    """Kill the broker while it kills; the next one goes on, and everything dies."""
    name = unique(f"killed-at-{point}")
    task = await scene.open(name)
    held = [await scene.hold(name, capability) for capability in (DATABASE, FILES)]
    for one in held:
        await _works(one)
    code = await scene.die_at(point, lambda: scene.complete(task))
    expect(code == KILLED, expected=f"a death by SIGKILL at {point}", seen=code)
    for one in held:
        await first_refusal(scene, one)
    await _nothing_left(scene, [task])
    return f"{len(held)} refused"


async def _nothing_left(scene: Scene, tasks: Sequence[str]) -> None:
    """Wait until every target says that there is nothing, and every receipt is final."""

    async def is_gone() -> bool:
        servers = scene.servers
        is_empty = not servers.logins() and not servers.openbao.accessors()
        return is_empty and all([await _are_settled(scene, task) for task in tasks])

    try:
        await scene.until(is_gone, "the end of everything")
    except TimeoutError as error:
        seen = {t: {i: r.state for i, r in (await scene.receipts(t)).items()} for t in tasks}
        left = (scene.servers.logins(), scene.servers.openbao.accessors(), seen)
        raise StepFailedError(expected="nothing alive", seen=json.dumps(left)) from error


async def _are_settled(scene: Scene, task: str) -> bool:
    states = {receipt.state for receipt in (await scene.receipts(task)).values()}
    return states <= {"confirmed", "expired"}


async def _works(held: Held) -> None:
    tries = await held.tries()
    expect(all(tries), expected=f"the {held.kind} to be taken by its target", seen=tries)


async def _is_refused(held: Held) -> None:
    tries = await held.tries()
    expect(not any(tries), expected=f"the {held.kind} to be refused by its target", seen=tries)


async def first_refusal(scene: Scene, held: Held) -> int:
    """Use it until its target refuses it in every way; return that instant."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while any(await held.tries()):  # noqa: ASYNC110 - targets have no event to offer
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        seen = f"still taken after {PATIENCE_S:g} s"
        raise StepFailedError(
            expected=f"the {held.kind} to be refused by its target", seen=seen
        ) from error
    refused_ms = scene.clock.monotonic_ms()
    for _ in range(LOOKS_AFTER):
        await _is_refused(held)
    return refused_ms


async def _listen_for_lies(scene: Scene, task: str, watches: Sequence["asyncio.Task[int]"]) -> None:
    """Read the receipts until all is refused: one that says "confirmed" before that is a lie."""
    held = {one.id: one for job in scene.jobs.values() for one in job.held.values()}
    while not all(watch.done() for watch in watches):
        for credential, receipt in (await scene.receipts(task)).items():
            if receipt.state == "confirmed" and credential in held:
                await _is_refused(held[credential])
        await asyncio.sleep(0.05)
