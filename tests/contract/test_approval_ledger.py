"""Approvals in the ledger, over every way to reach a Redis: asked, answered and used once."""

import asyncio
import json

import pytest

from broker.approval_errors import ApprovalStaleError, ApprovalUsedError, SlowDownError
from broker.errors import (
    BrokerError,
    NotFoundError,
    QuotaExceededError,
    StaleFactsError,
    SupersededError,
    TaskClosedError,
    UnavailableError,
)
from broker.ids import ApprovalId, bucket_of
from broker.model.approval import Answer, ApprovalState, Use
from broker.store.approval_records import Bounds, Said
from broker.store.limits import Limits
from broker.store.link import Link
from tests.fakes.approvals import BOUNDS, ApprovalKit, wanted
from tests.fakes.ledger_kit import MINUTE
from tests.fakes.replace import replace


@pytest.fixture
def kit(link: Link) -> ApprovalKit:
    """A ledger."""
    return ApprovalKit(link)


async def kinds(kit: ApprovalKit, any_id: str) -> list[str]:
    """What was told of approvals, in order."""
    told = [event["type"] for event in await kit.told(any_id)]
    return [kind.removeprefix("approval.") for kind in told if kind.startswith("approval.")]


async def test_the_same_request_waits_for_one_answer(kit: ApprovalKit) -> None:
    """However often, and by however many at once, it is asked."""
    task = await kit.open()

    asked = await asyncio.gather(*(kit.approvals.ask(kit.asking(task), BOUNDS) for _ in range(20)))

    assert len({approval for approval, _ in asked}) == 1
    assert sum(is_new for _, is_new in asked) == 1
    assert await kinds(kit, task.id) == ["requested"]


async def test_a_repeated_ask_changes_nothing(kit: ApprovalKit) -> None:
    """Its answer was lost."""
    task = await kit.open()
    asking = kit.asking(task)

    first = await kit.approvals.ask(asking, BOUNDS)
    again = await kit.approvals.ask(asking, BOUNDS)

    assert (first, again) == ((asking.id, True), (asking.id, False))


async def test_a_restarted_broker_finds_what_was_asked(kit: ApprovalKit) -> None:
    """Nothing of it is in a process."""
    task = await kit.open()
    seen = await kit.ask(task)

    again = ApprovalKit(kit.link)

    found = await again.approvals.standing(wanted(task))

    assert found is not None
    assert replace(found, judged_at_ms=seen.judged_at_ms) == seen


async def test_what_policy_sees_otherwise_takes_the_place_of_the_former(kit: ApprovalKit) -> None:
    """What was agreed to under other policies is agreed to no more."""
    task = await kit.open()
    former = await kit.approved(task)

    fresh = await kit.ask(task, policy_version="v2")

    assert fresh.id != former.id
    assert (await kit.approvals.find(former.id)).state is ApprovalState.SUPERSEDED
    assert await kinds(kit, task.id) == ["requested", "answered", "superseded", "requested"]
    with pytest.raises(ApprovalUsedError):
        await kit.use(task, former)


async def test_a_task_has_few_open_ones(kit: ApprovalKit) -> None:
    """A hundred different requests wake nobody a hundred times."""
    task = await kit.open()
    bounds = Bounds(of_task=3)

    asked = [await kit.ask(task, bounds, labels={"n": str(n)}) for n in range(3)]
    with pytest.raises(QuotaExceededError):
        await kit.ask(task, bounds, labels={"n": "3"})
    await kit.say(asked[0], Answer.NO)

    assert await kit.ask(task, bounds, labels={"n": "3"})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"instance": "pod-2"}, NotFoundError)],
)
async def test_only_the_owning_instance_asks(
    kit: ApprovalKit, changes: dict[str, str], expected: type[BrokerError]
) -> None:
    """Another one finds no such task."""
    task = await kit.open()

    with pytest.raises(expected):
        await kit.ask(task, **changes)


async def test_nothing_is_asked_or_agreed_to_under_a_closed_task(kit: ApprovalKit) -> None:
    """A no is taken all the same."""
    task, other = await kit.open(), await kit.open()
    seen = await kit.ask(task)
    await kit.close(task)
    await kit.close(other)

    with pytest.raises(TaskClosedError):
        await kit.say(seen)
    with pytest.raises(TaskClosedError):
        await kit.ask(other)

    assert (await kit.say(seen, Answer.NO)).state is ApprovalState.DENIED


async def test_what_is_asked_on_older_facts_is_asked_again(kit: ApprovalKit) -> None:
    """And so is a yes that was judged by them."""
    task = await kit.open()
    seen = await kit.ask(task)
    await kit.link.read("HSET", kit.keys.of(task.id).meta, "graph", 7)

    with pytest.raises(StaleFactsError):
        await kit.ask(task, labels={"another": "one"})
    with pytest.raises(StaleFactsError):
        await kit.say(seen)

    assert (await kit.say(seen, graph=7)).state is ApprovalState.APPROVED


async def test_a_full_outbox_stops_asking_and_agreeing_and_no_refusal(link: Link) -> None:
    """What cannot be told does not happen, unless it takes away."""
    kit = ApprovalKit(link, limits=Limits(outbox=2))
    task = await kit.open()
    seen = await kit.ask(task)

    with pytest.raises(UnavailableError):
        await kit.say(seen)

    assert (await kit.say(seen, Answer.NO)).state is ApprovalState.DENIED


async def test_one_yes_of_two_leaves_it_pending(kit: ApprovalKit) -> None:
    """Until whoever judges says that it is met; then it is good for as long as policy says."""
    task = await kit.open()
    seen = await kit.ask(task)

    first = await kit.say(seen, is_met=False)
    between = await kit.approvals.find(seen.id)
    second = await kit.say(between, person="erin")
    after = await kit.approvals.find(seen.id)

    assert (first.state, second.state) == (ApprovalState.PENDING, ApprovalState.APPROVED)
    assert after.agreeing() == {"dana", "erin"}
    assert after.expires_at_ms - after.voices[-1].at_ms == 5 * MINUTE
    assert (seen.version, between.version, after.version) == (1, 2, 3)


async def test_a_yes_is_for_what_the_page_showed(kit: ApprovalKit) -> None:
    """Somebody has answered since, or it never said that: look again."""
    task = await kit.open()
    seen = await kit.ask(task)
    await kit.say(seen, is_met=False)

    with pytest.raises(ApprovalStaleError):
        await kit.say(seen, person="erin")
    with pytest.raises(ApprovalStaleError):
        await kit.say(replace(seen, digest="0" * 64), person="erin")
    with pytest.raises(ApprovalStaleError):
        await kit.say(replace(seen, digest="0" * 64), Answer.NO, person="erin")

    assert (await kit.approvals.find(seen.id)).agreeing() == {"dana"}


async def test_of_two_racing_approvers_one_looks_again(kit: ApprovalKit) -> None:
    """Nothing is lost, nothing is counted twice."""
    task = await kit.open()
    seen = await kit.ask(task)
    people = ["dana", "erin", "fay", "gus"]

    said = await asyncio.gather(
        *(kit.say(seen, person=name, is_met=False) for name in people), return_exceptions=True
    )

    assert sum(isinstance(each, Said) for each in said) == 1
    assert sum(isinstance(each, ApprovalStaleError) for each in said) == 3
    assert len((await kit.approvals.find(seen.id)).agreeing()) == 1


async def test_one_person_has_one_voice(kit: ApprovalKit) -> None:
    """Saying it again changes and tells nothing, whatever has become of it."""
    task = await kit.open()
    seen = await kit.ask(task)
    await kit.say(seen, is_met=False)

    again = await kit.say(seen, is_met=True)

    assert again == Said(ApprovalState.PENDING, is_new=False, noes=0)
    assert await kinds(kit, task.id) == ["requested", "answered"]


@pytest.mark.parametrize("is_met", [True, False])
async def test_one_no_ends_it(kit: ApprovalKit, is_met: bool) -> None:  # noqa: FBT001 - a case
    """Whatever others have said, and whatever page it was said on; also who said yes before."""
    task = await kit.open()
    seen = await kit.ask(task)
    await kit.say(seen, is_met=is_met)

    said = await kit.say(seen, Answer.NO)

    assert said == Said(ApprovalState.DENIED, is_new=True, noes=1)
    with pytest.raises(SupersededError):
        await kit.say(await kit.approvals.find(seen.id), person="erin")
    with pytest.raises(SupersededError):
        await kit.say(await kit.approvals.find(seen.id))
    with pytest.raises(ApprovalUsedError):
        await kit.use(task, seen)
    assert await kit.say(seen, Answer.NO) == Said(ApprovalState.DENIED, is_new=False, noes=1)


async def test_after_a_no_the_same_is_not_asked_again_for_a_while(kit: ApprovalKit) -> None:
    """Noes of a task are counted."""
    task = await kit.open()
    denied = await kit.ask(task)
    await kit.say(denied, Answer.NO)
    other = await kit.ask(task, labels={"because": "please"})

    assert (await kit.say(other, Answer.NO)).noes == 2
    assert (await kit.ask(task)).id == denied.id
    record = kit.keys.of(denied.id).approval(denied.id)
    asking = await kit.link.read("HGET", record, "asking")
    assert 0 < await kit.link.read("PTTL", asking) <= BOUNDS.denied_ms
    await kit.link.read("DEL", asking)
    assert (await kit.ask(task)).id != denied.id


async def test_what_was_agreed_to_is_used_once(kit: ApprovalKit) -> None:
    """By however many grants at once: one lease, told once."""
    task = await kit.open()
    approval = await kit.approved(task)

    tries = (kit.use(task, approval) for _ in range(10))
    granted = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(isinstance(each, ApprovalUsedError) for each in granted) == 9
    [lease] = [each.lease for each in granted if not isinstance(each, BaseException)]
    after = await kit.approvals.find(approval.id)
    assert (after.state, after.credential) == (ApprovalState.USED, lease)
    assert await kinds(kit, task.id) == ["requested", "answered", "used"]


async def test_a_repeated_grant_uses_nothing_again(kit: ApprovalKit) -> None:
    """Under its key it finds the first lease; after that has ended nothing comes back."""
    task = await kit.open()
    approval = await kit.approved(task)

    first = await kit.use(task, approval, key="k", digest="d")
    again = await kit.use(task, approval, key="k", digest="d")
    await kit.leases.end([(first.lease, task.id)], "undone")
    await kit.leases.forget_key("k", first.lease)

    assert again.lease == first.lease
    assert not again.is_new
    with pytest.raises(ApprovalUsedError):
        await kit.use(task, approval, key="k", digest="d")


async def test_a_pending_one_gives_nothing(kit: ApprovalKit) -> None:
    """Nor does one that there is not."""
    task = await kit.open()
    seen = await kit.ask(task)

    for use in (
        Use(seen.id, seen.digest, seen.version),
        Use(ApprovalId("none"), seen.digest, 1),
        Use(kit.ids.approval(task.id), seen.digest, 1),
    ):
        with pytest.raises(ApprovalUsedError):
            await kit.grant(task, use=use)
    assert await kit.leases.live(task.id, 10) == []


async def test_it_is_of_no_use_in_another_task(kit: ApprovalKit) -> None:
    """Even of the same agent, in the same bucket."""
    task = await kit.open()
    child = await kit.open(task)
    approval = await kit.approved(task)

    with pytest.raises(ApprovalUsedError):
        await kit.use(child, approval)


@pytest.mark.parametrize("late", [-2_000, 0, 2_000])
async def test_it_is_good_until_its_time(kit: ApprovalKit, late: int) -> None:
    """And not at it, nor by what came back from being forgotten."""
    task = await kit.open()
    approval = await kit.approved(task)
    await kit.pass_time(task.id, 5 * MINUTE + late)

    if late < 0:
        assert await kit.use(task, approval)
    else:
        with pytest.raises(ApprovalUsedError):
            await kit.use(task, approval)


@pytest.mark.parametrize("is_answered", [True, False])
async def test_time_ends_it_from_the_due_queue(kit: ApprovalKit, is_answered: bool) -> None:  # noqa: FBT001 - a case
    """Once, told, and out of all lists; before its time the queue leaves it."""
    task = await kit.open(ttl_ms=30 * MINUTE)
    seen = await (kit.approved(task) if is_answered else kit.ask(task, Bounds(pending_ms=MINUTE)))

    assert not await kit.approvals.expire(seen.id)
    await kit.pass_time(task.id, 6 * MINUTE)
    assert f"a:{seen.id}" in await kit.works(task.id)
    assert await kit.approvals.expire(seen.id)
    assert await kit.approvals.expire(seen.id)

    assert (await kit.approvals.find(seen.id)).state is ApprovalState.EXPIRED
    assert (await kinds(kit, task.id)).count("expired") == 1
    assert await kit.approvals.of_task(task.id) == []
    assert await kit.approvals.page(bucket_of(task.id), "acme", None, 10) == []
    assert await kit.link.read("ZSCORE", kit.keys.of(task.id).due, f"a:{seen.id}") is None
    assert (await kit.ask(task)).id != seen.id


async def test_nothing_waits_longer_than_its_task_may_live(kit: ApprovalKit) -> None:
    """Neither for an answer nor to be used."""
    task = await kit.open(ttl_ms=2 * MINUTE)
    deadline = (await kit.tasks.view(task.id)).deadline_ms

    asked = await kit.ask(task)
    approved = await kit.approved(task)

    assert asked.expires_at_ms == approved.expires_at_ms == deadline


async def test_what_was_used_leaves_the_lists(kit: ApprovalKit) -> None:
    """The queue tidies up after it, at once."""
    task = await kit.open()
    approval = await kit.approved(task)
    await kit.use(task, approval)

    assert f"a:{approval.id}" in await kit.works(task.id)
    await kit.approvals.expire(approval.id)

    assert await kit.approvals.of_task(task.id) == []
    assert (await kit.approvals.find(approval.id)).state is ApprovalState.USED
    assert (await kit.ask(task)).id != approval.id


async def test_asking_too_fast_makes_for_longer_pauses(kit: ApprovalKit) -> None:
    """Five seconds more each time (RFC 8628), no more than a minute."""
    task = await kit.open()
    seen = await kit.ask(task)
    rule = {"every_ms": 5_000, "step_ms": 5_000, "most_ms": 12_000}

    assert await kit.approvals.poll(seen.id, **rule) == 5_000
    pauses = []
    for _ in range(3):
        with pytest.raises(SlowDownError) as caught:
            await kit.approvals.poll(seen.id, **rule)
        pauses.append(caught.value.retry_after_ms)
    await kit.pass_time(task.id, 12_000)

    assert pauses == [10_000, 12_000, 12_000]
    assert await kit.approvals.poll(seen.id, **rule) == 12_000


async def test_what_is_answered_is_told_however_soon(kit: ApprovalKit) -> None:
    """There is nothing to wait for any more."""
    task = await kit.open()
    seen = await kit.approved(task)

    for _ in range(3):
        await kit.approvals.poll(seen.id, every_ms=5_000, step_ms=5_000, most_ms=60_000)


async def test_what_is_not_kept_is_not_found(kit: ApprovalKit) -> None:
    """By whatever verb."""
    task = await kit.open()
    nothing = kit.ids.approval(task.id)

    with pytest.raises(NotFoundError):
        await kit.approvals.find(nothing)
    with pytest.raises(NotFoundError):
        await kit.approvals.poll(nothing, every_ms=1, step_ms=1, most_ms=1)
    assert await kit.approvals.expire(nothing)
    seen = await kit.ask(task)
    with pytest.raises(NotFoundError):
        await kit.say(replace(seen, id=nothing))


async def test_events_tell_nothing_that_the_agent_wrote(kit: ApprovalKit) -> None:
    """Who, what, until when; labels and names stay in the record."""
    task = await kit.open()
    approval = await kit.approved(task, labels={"k": "AGENT-TEXT"}, task_name="AGENT-TEXT")
    await kit.use(task, approval)

    told = [e for e in await kit.told(task.id) if e["type"].startswith("approval.")]

    assert "AGENT-TEXT" not in json.dumps([each["detail"] for each in told])
    first, second, third = (json.loads(each["detail"]) for each in told)
    assert first["who"] == ["dana"]
    assert first["expires_at_ms"] == (await kit.tasks.view(task.id)).deadline_ms
    assert (second["by"], second["answer"], second["state"]) == ("person:dana", "yes", "approved")
    assert third["credential"].startswith("l_")
    assert all(each["digest"] == approval.digest for each in (first, second, third))
