"""Because of a ticket: what was granted for its sake dies when it is closed, at every target."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from broker.client.api_errors import AccessRefusedError
from broker.client.fact_results import Changed
from broker.dev.step import Death, StepFailedError, expect
from tests.chaos.cast import TENANT
from tests.real.demo.acts import first_refusal
from tests.real.demo.cast import Scene
from tests.real.demo.declared import ELSEWHERE

TICKET: Final = "OPS-7"
AGENT: Final = "invoice-bot"

_THINGS: Final = (f"ticket:{TICKET}", "dataset:orders", "dataset:payroll")
_RELATED: Final = (
    (f"agent:{AGENT}", "assigned-to", f"ticket:{TICKET}"),
    (f"ticket:{TICKET}", "concerns", "dataset:orders"),
)
_STANDING: Final = {"ticket": "open", "dataset": "active"}


async def declare(scene: Scene) -> str:
    """Say whom the ticket is assigned to and what it concerns."""
    things = [_put(ref, _STANDING[ref.partition(":")[0]]) for ref in _THINGS]
    related = [{"op": "relate", "tenant": TENANT, "relationship": _edge(*e)} for e in _RELATED]
    made = await _change(scene, *things, *related)
    return f"revision {made.revision} of the facts"


async def open_task(scene: Scene, name: str) -> str:
    """Open a task that names the ticket."""
    return await scene.open(name, TICKET)


async def refused_elsewhere(scene: Scene, name: str) -> str:
    """Ask for what is about another dataset, with the same scope."""
    try:
        await scene.ask(scene.jobs[name].task, ELSEWHERE)
    except AccessRefusedError:
        return "refused"
    raise StepFailedError(expected=f"a refusal of {ELSEWHERE}", seen="a credential")


async def preview(scene: Scene, name: str) -> str:
    """Ask what closing the ticket would end: exactly what the task holds. Nothing happens."""
    looked = await _change(scene, _put(f"ticket:{TICKET}", "closed"), dry_run=True)
    dying = {each.credential for each in looked.dying}
    held = {each.id for each in scene.jobs[name].held.values()}
    expect(dying == held, expected=sorted(held), seen=sorted(dying))
    return f"{looked.deaths} would end"


async def close(scene: Scene, name: str) -> str:
    """Close the ticket, while all is in use; measure each first refusal by its target."""
    job = scene.jobs[name]
    watches = {h: asyncio.create_task(first_refusal(scene, h)) for h in job.held.values()}
    try:
        closed_ms = scene.clock.monotonic_ms()
        await _change(scene, _put(f"ticket:{TICKET}", "closed"))
        took = {held: await watch - closed_ms for held, watch in watches.items()}
    finally:
        for watch in watches.values():
            watch.cancel()
    for held, ms in took.items():
        scene.deaths.append(Death(name, job.task, f"{held.kind} {held.id}", "a fact", "", ms))
    return ", ".join(f"{held.kind} {ms} ms" for held, ms in took.items())


async def reasons(scene: Scene, name: str) -> str:
    """Let the report of the task, which is still open, say why each of them ended."""
    job = scene.jobs[name]
    receipts = await scene.receipts(job.task)
    whys = {held.id: receipts[held.id].why for held in job.held.values()}
    told = {one: why.reason if why else "" for one, why in whys.items()}
    expect(set(told.values()) == {"no-permit"}, expected="no-permit for each", seen=told)
    lost = {fact for why in whys.values() if why for fact in why.gone}
    needed = f"agent:{AGENT} assigned-to ticket:{TICKET}"
    expect(needed in lost, expected=f"the loss of {needed!r}", seen=sorted(lost))
    return f"no longer: {needed}"


async def _change(scene: Scene, *changes: Mapping[str, Any], dry_run: bool = False) -> Changed:
    facts = scene.cast.operator.client.facts
    return await facts.change(changes, reason="work on tickets", dry_run=dry_run)


def _put(ref: str, status: str) -> dict[str, Any]:
    return {"op": "put", "tenant": TENANT, "thing": {"ref": ref, "status": status}}


def _edge(subject: str, relation: str, object_: str) -> dict[str, Any]:
    return {"subject": subject, "relation": relation, "object": object_}
