"""What people agreed to cannot be changed behind their backs: every byte is refused."""

import json

import msgspec
import pytest

from broker.approval_errors import ApprovalUsedError
from broker.errors import UnreadableRecordError
from broker.ids import ApprovalId
from broker.model.approval import Approval, Use, Wanted
from broker.store.approval_records import digest_of
from broker.store.link import Link
from tests.fakes.approvals import ApprovalKit, wanted
from tests.fakes.replace import replace


@pytest.fixture
def kit(link: Link) -> ApprovalKit:
    """A ledger."""
    return ApprovalKit(link)


async def field(kit: ApprovalKit, approval: str, name: str, text: str) -> None:
    """Change the record behind the broker's back."""
    await kit.link.read("HSET", kit.keys.of(approval).approval(ApprovalId(approval)), name, text)


async def test_every_mutated_byte_of_the_request_is_refused(kit: ApprovalKit) -> None:
    """Whoever can write to the ledger cannot change what was agreed to: each member, then bytes."""
    task = await kit.open()
    approval = await kit.approved(task)
    record = kit.keys.of(approval.id).approval(approval.id)
    text = await kit.link.read("HGET", record, "wanted")
    members = json.loads(text)

    for name, value in members.items():
        other = json.dumps(members | {name: _another(value)})
        await field(kit, approval.id, "wanted", other)
        with pytest.raises(UnreadableRecordError):
            await kit.approvals.find(approval.id)
    for at in range(0, len(text), 7):
        await field(kit, approval.id, "wanted", text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :])
        with pytest.raises(UnreadableRecordError):
            await kit.approvals.find(approval.id)


def _another(value: object) -> object:
    match value:
        case str():
            return value + "x"
        case bool() | None:
            return {"binding": "dpop", "thumbprint": "x"}
        case int():
            return value + 1
        case list():
            return [*value, value[0] if value else "x"]
        case dict():
            return value | {"x": "y"}
    raise AssertionError(value)


async def test_a_voice_for_another_digest_counts_for_nothing(kit: ApprovalKit) -> None:
    """What somebody has said stands for what she was shown."""
    task = await kit.open()
    approval = await kit.approved(task)
    [voice] = approval.voices

    other = msgspec.json.encode(replace(voice, digest="0" * 64)).decode()
    await field(kit, approval.id, "v:dana", other)

    assert (await kit.approvals.find(approval.id)).agreeing() == frozenset()


@pytest.mark.parametrize(
    "change", [{"digest": "0" * 64}, {"version": 1}, {"version": 3}, {"approval": "another"}]
)
async def test_only_what_was_judged_is_used(kit: ApprovalKit, change: dict[str, object]) -> None:
    """Another digest, an older or newer version, another approval."""
    task = await kit.open()
    approval = await kit.approved(task)
    other = await kit.ask(task, labels={"another": "one"})
    if "approval" in change:
        change = {"approval": other.id}

    use = replace(Use(approval.id, approval.digest, approval.version), **change)
    with pytest.raises(ApprovalUsedError):
        await kit.use(task, approval, use=use)


async def test_garbage_in_a_record_is_said_to_be_that(kit: ApprovalKit) -> None:
    """And can be ended all the same."""
    task = await kit.open()
    seen = await kit.ask(task)
    for name, text in (("wanted", "{"), ("state", "odd"), ("version", "x"), ("v:dana", "[]")):
        kept = await kit.link.read("HGET", kit.keys.of(seen.id).approval(seen.id), name)
        await field(kit, seen.id, name, text)
        with pytest.raises(UnreadableRecordError):
            await kit.approvals.find(seen.id)
        if kept is not None:
            await field(kit, seen.id, name, kept)

    await kit.approvals.supersede(seen.id, "unreadable")

    assert await kit.approvals.of_task(task.id) == []


async def test_a_digest_tells_every_member_apart(kit: ApprovalKit) -> None:
    """No two different requests are one."""
    task = await kit.open()
    plain = wanted(task)
    seen: Approval = await kit.ask(task)
    digests = {seen.digest}

    for name in Wanted.__struct_fields__:
        value = getattr(plain, name)
        if isinstance(value, str):
            other = replace(plain, **{name: value + "x"})
        elif isinstance(value, int):
            other = replace(plain, **{name: value + 1})
        elif isinstance(value, tuple):
            other = replace(plain, **{name: (*value, value[0] if value else "x")})
        else:
            continue
        digests.add(digest_of(other))

    assert len(digests) == 1 + sum(
        isinstance(getattr(plain, name), str | int | tuple) for name in Wanted.__struct_fields__
    )
