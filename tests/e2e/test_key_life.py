"""The life of a signing key at running brokers: files that come, go and open; keys that are stolen.

I5 throughout: without a private file that only the broker can read, nothing is given; what was
given, and who may take it away, is not affected.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from msgspec.structs import replace as replace_members

from broker.errors import NotFoundError, NotYetError
from broker.key_revocation import KeyRevocation
from broker.rotation import Rotation
from broker.rotation_plan import Step
from broker.settings.settings import KeyFiles
from tests.fakes.cast import AGENT, OPERATOR, ROOT_OPERATOR
from tests.fakes.world import OPERATOR_AT_WORK, PATIENCE_S, World

JWKS = "/.well-known/jwks.json"


def kid_of(issued: dict[str, object]) -> str:
    """Read which key signed a token."""
    return str(jwt.get_unverified_header(str(issued["access_token"]))["kid"])


def active_file(world: World, kid: str) -> Path:
    """Find the private half of a key."""
    return world.config.keys / f"{kid}.pem"


async def steal(world: World, kid: str) -> str:
    """Do what `broker keys revoke` does; return the order."""
    async with world.installation() as found:
        rotation = Rotation(found, by=OPERATOR_AT_WORK, alg="EdDSA")
        revocation = KeyRevocation(found, rotation, by=OPERATOR_AT_WORK)
        _, order, pending = await revocation.revoke(kid, "seen on a pastebin")
    assert pending == ()
    return order


async def test_a_stolen_key_is_gone_at_once_with_all_that_it_signed(worlds: World) -> None:
    """At both brokers, one of which has not looked yet: no token of it is alive, none is signed."""
    task = await worlds.open()
    issued = await worlds.issue(task["id"])
    kid = kid_of(issued)

    await steal(worlds, kid)
    anew = [await worlds.ask(task["id"], at=at) for at in (0, 1)]

    for at in (0, 1):
        assert not await worlds.is_active(issued["access_token"], at=at)
        shown = await worlds.get(None, JWKS, at=at)
        assert kid not in {key["kid"] for key in shown["keys"]}
    assert {answer.status for answer in anew} == {201}
    assert kid not in {kid_of(answer.body) for answer in anew}
    assert all([await worlds.is_active(answer["access_token"]) for answer in anew])


async def test_what_a_stolen_key_signed_is_reported_and_audited(world: World) -> None:
    """Who did it and why; each credential has its receipt, and only those that the key signed."""
    task = await world.open()
    first = await world.issue(task["id"])
    for _ in range(2):
        await world.rotate()
    second = await world.issue(task["id"])

    order = await steal(world, kid_of(first))
    await world.settle()
    receipts = await world.receipts(ROOT_OPERATOR, f"/v1/revocations/{order}/report")
    hidden = await world.get(OPERATOR, f"/v1/revocations/{order}/report")

    assert [receipt["credential"] for receipt in receipts] == [first["id"]]
    assert hidden.status == 404
    assert await world.is_active(second["access_token"])
    shown = await world.get(ROOT_OPERATOR, f"/v1/revocations/{order}")
    assert shown["selector"] == {"key": kid_of(first)}
    assert shown["reason"] == "seen on a pastebin"
    assert await world.told("keys.changed") == 4


async def test_a_repeat_never_signs_by_a_stolen_key(world: World) -> None:
    """The idempotency key finds the first grant, which is dead: not signed again, by no key."""
    task = await world.open()
    issued = await world.issue(task["id"], key="k-1")

    await steal(world, kid_of(issued))
    repeat = await world.ask(task["id"], key="k-1")

    assert (repeat.status, repeat.code) == (410, "credential-ended")


async def test_a_renewed_credential_outlives_the_theft_of_its_first_key(world: World) -> None:
    """Its token of now was signed by another key; the old token verifies nowhere."""
    task = await world.open()
    issued = await world.issue(task["id"], ttl_seconds=60)
    for _ in range(2):
        await world.rotate()
    renewed = await world.post(AGENT, f"/v1/credentials/{issued['id']}/renew", {"ttl_seconds": 120})

    await steal(world, kid_of(issued))

    assert await world.is_active(renewed["access_token"])
    assert not await world.is_active(issued["access_token"])


async def test_an_unknown_key_cannot_be_revoked(world: World) -> None:
    """A typing error changes nothing."""
    before = await world.get(None, JWKS)

    with pytest.raises(NotFoundError, match="no key nobody is published"):
        await steal(world, "nobody")

    assert (await world.get(None, JWKS)).raw == before.raw
    assert await world.told("revocation.ordered") == 0


async def test_a_broker_that_lags_cannot_sign_by_the_former_key(world: World) -> None:
    """The ledger refuses a grant of an older manifest, so it looks and signs by the new one."""
    task = await world.open()
    former = kid_of(await world.issue(task["id"]))
    async with world.installation() as found:
        for _ in range(2):
            await Rotation(found, by=OPERATOR_AT_WORK, alg="EdDSA").rotate(is_forced=True)

    assert kid_of(await world.issue(task["id"])) != former


async def test_a_changer_that_died_halfway_is_finished_by_the_brokers(world: World) -> None:
    """The manifest was published, the buckets never heard of it: the next look tells them."""
    await world.rotate()
    buckets = world.broker.ledger.keys.buckets
    for bucket in buckets:
        world.single.ask("HSET", bucket.meta, "keys", 1)
    await world.stop()
    await world.start()

    assert {world.single.ask("HGET", bucket.meta, "keys") for bucket in buckets} == {"2"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
async def test_a_private_file_that_is_opened_to_others_ends_minting(
    world: World, mode: int
) -> None:
    """While the broker runs; closed again, it goes on by itself. What was given lives on."""
    task = await world.open()
    issued = await world.issue(task["id"])
    file = active_file(world, kid_of(issued))
    file.chmod(mode)

    told = await world.until_refusing("keys")
    refused = await world.ask(task["id"])
    is_alive = await world.is_active(issued["access_token"])
    file.chmod(0o600)

    assert str(file) in told
    assert "open to group or others" in told
    assert (refused.status, is_alive) == (503, True)
    await world.until_ready()
    assert (await world.ask(task["id"])).status == 201


async def test_a_private_file_that_is_taken_away_ends_minting(world: World) -> None:
    """It is named, with the place where it must lie; brought back, it is found."""
    task = await world.open()
    kid = kid_of(await world.issue(task["id"]))
    file = active_file(world, kid)
    aside = file.rename(file.with_suffix(".aside"))

    told = await world.until_refusing("keys")
    answer = await world.get(None, "/readyz")
    shown = await world.get(None, JWKS)
    aside.rename(file)

    assert kid in told
    assert any(str(file) in reason["remedy"] for reason in answer["reasons"])
    assert [key["kid"] for key in shown["keys"]] == [kid]
    await world.until_ready()


async def test_files_of_no_published_key_are_no_reason(world: World) -> None:
    """Garbage beside the keys, and old keys open to others, keep nobody from anything."""
    task = await world.open()
    (world.config.keys / "notes.pem").write_text("no key")
    (world.config.keys / "notes.pem").chmod(0o644)
    await world.refresh()

    assert (await world.ask(task["id"])).status == 201


async def test_the_key_set_follows_whatever_the_files_are_worth(worlds: World) -> None:
    """A broker whose directory is spoiled shows the very keys that the others show."""
    worlds.config.keys.chmod(0o755)
    await worlds.until_refusing("keys")
    worlds.config.keys.chmod(0o700)
    await worlds.until_ready()
    await worlds.rotate()
    worlds.config.keys.chmod(0o755)
    async with worlds.installation() as found:
        record = await found.ledger.control.read()
    assert record is not None

    shown = [await worlds.get(None, JWKS, at=at) for at in (0, 1)]

    assert shown[0].raw == shown[1].raw
    assert {key["kid"] for key in shown[0]["keys"]} == {key.kid for key in record.keys}
    worlds.config.keys.chmod(0o700)


async def test_the_key_set_is_the_published_one_at_every_moment(worlds: World) -> None:
    """Asked right after a change, without any tick in between, both brokers show it."""
    for _ in range(3):
        async with worlds.installation() as found:
            rotation = Rotation(found, by=OPERATOR_AT_WORK, alg="EdDSA")
            record = await rotation.rotate(is_forced=True)
        shown = [await worlds.get(None, JWKS, at=at) for at in (1, 0)]
        assert shown[0].raw == shown[1].raw
        assert {key["kid"] for key in shown[0]["keys"]} == {key.kid for key in record.keys}
        assert {answer.headers["Etag"].split("-")[0] for answer in shown} == {f'"{record.manifest}'}


async def test_the_key_set_may_be_kept_and_asked_for_by_its_tag(world: World) -> None:
    """For less than the overlap; who has it already is sent nothing but 304."""
    shown = await world.get(None, JWKS)
    tag = shown.headers["Etag"]

    same = await world.call(None, "GET", JWKS, headers={"If-None-Match": tag})
    await world.rotate()
    other = await world.call(None, "GET", JWKS, headers={"If-None-Match": tag})

    assert shown.headers["Cache-Control"] == "public, max-age=60"
    assert (same.status, same.raw, same.headers["Etag"]) == (304, b"", tag)
    assert other.status == 200
    assert other.headers["Etag"] != tag


async def test_the_key_set_is_shown_while_the_ledger_is_gone(world: World) -> None:
    """As it was known last: whoever verifies is not kept from it."""
    before = await world.get(None, JWKS)
    world.single.kill()
    await world.until_refusing("ledger")

    shown = await world.get(None, JWKS)
    world.single.start()

    assert (shown.status, shown.raw) == (200, before.raw)
    await world.until_ready()


async def test_a_step_waits_for_a_broker_that_has_not_followed(worlds: World) -> None:
    """The one that does not serve the manifest is named; then the step may be taken."""
    settings = worlds.config.settings()
    quick = KeyFiles(directory=settings.keys.directory, cache_seconds=0, overlap_seconds=0)
    async with worlds.installation() as found:
        hurried = replace(found, settings=replace_members(settings, keys=quick))
        rotation = Rotation(hurried, by=OPERATOR_AT_WORK, alg="EdDSA")
        await until_served(worlds, rotation)
        await worlds.running[1].broker.replica._one_at_a_time.acquire()  # noqa: SLF001 - it is stuck
        await rotation.rotate(Step.ANNOUNCE)
        with pytest.raises(NotYetError, match=r"1\.sock serves manifest 1, not 2"):
            await rotation.rotate()
        worlds.running[1].broker.replica._one_at_a_time.release()  # noqa: SLF001 - and is no more
        record = await rotation.rotate(waiting=lambda _: None)

    assert [key.state for key in record.keys] == ["retiring", "active"]


async def until_served(world: World, rotation: Rotation) -> None:
    """Wait until every broker has said that it serves what is published."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            view = await rotation.view()
            serving = [each.serving.manifest for each in view.living]
            if serving == [view.record.manifest] * len(world.running):
                return
            await asyncio.sleep(0.05)


async def test_a_broker_that_stops_is_waited_for_no_more(worlds: World) -> None:
    """It says that it leaves; one that is killed is silent, and named for a while."""
    async with worlds.installation() as found:
        rotation = Rotation(found, by=OPERATOR_AT_WORK, alg="EdDSA")
        await until_served(worlds, rotation)
        await worlds.stop()
        view = await rotation.view()

    assert view.replicas == ()
