"""A broker without any AWS key: it signs a token, as whoever trusts its keys can check."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from broker.doctor import Doctor
from tests.fakes import aws_world
from tests.fakes.aws import ROLE
from tests.fakes.cast import AGENT
from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.sts_server import ACCOUNT, StsServer, running, session
from tests.fakes.target_world import TargetWorld, open_target_world


@pytest.fixture
def sts() -> Any:
    """Something that answers as STS does."""
    with running(session()) as server:
        yield server


@pytest.fixture
async def world(
    single: SingleServer, tmp_path: Path, sts: StsServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[TargetWorld]:
    """A broker with that account, and no key of AWS anywhere."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    target = aws_world.target(sts.url, ACCOUNT, web_identity={})
    capability = aws_world.capability(
        ROLE, "orders", tags={"tenant": "${tenant}"}, transitive_tags=["tenant"]
    )
    async with open_target_world(single, Signer(), tmp_path, target, capability) as world:
        yield world


async def test_the_token_is_the_brokers_and_says_for_what(
    world: TargetWorld, sts: StsServer
) -> None:
    """Its signature is checked as AWS would: by discovery at the issuer."""
    task = await world.task_for_target()
    refused = await world.ask(task, **world.wish)
    for _ in range(2):
        await world.rotate(alg="ES256")
    issued = await world.issue(task, **world.wish)

    assert (refused.status, refused.code) == (502, "issuance-failed")
    assert "locked-out" in refused["detail"]  # it signed with EdDSA, of which AWS knows nothing
    (asked,) = sts.asked
    found = (await world.call(None, "GET", "/.well-known/openid-configuration")).body
    keys = (await world.call(None, "GET", "/.well-known/jwks.json")).body
    token = asked["WebIdentityToken"]
    kid = jwt.get_unverified_header(token)["kid"]
    (key,) = [jwt.PyJWK(each) for each in keys["keys"] if each["kid"] == kid]
    claims = jwt.decode(
        token, key, algorithms=["ES256"], audience="sts.amazonaws.com", issuer=found["issuer"]
    )
    assert claims["sub"] == "capability:order-files"
    assert claims["https://aws.amazon.com/tags"] == {
        "principal_tags": {"tenant": ["acme"]},
        "transitive_tag_keys": ["tenant"],
    }
    assert asked["RoleSessionName"] == f"{task}-{issued['id']}"
    assert sts.signed_by == [""]


async def test_a_key_that_aws_does_not_believe_is_named(world: TargetWorld) -> None:
    """By whoever examines the installation, until the key that signs is another."""

    async def complaints() -> list[str]:
        settings = world.config.settings(targets=world.config.folder / "targets.yaml")
        return [line.what async for line in Doctor(settings).run() if "believe" in line.what]

    before = await complaints()
    for _ in range(2):
        await world.rotate(alg="ES256")

    assert before == ["files does not believe the key that signs: no login there"]
    assert await complaints() == []


async def test_a_session_that_cannot_be_killed_says_so_until_it_has_ended(
    world: TargetWorld,
) -> None:
    """The ledger has ended it; its receipt says irrevocable, and expired when it is."""
    for _ in range(2):
        await world.rotate(alg="ES256")
    task = await world.task_for_target()
    issued = await world.issue(task, **world.wish, ttl_seconds=3)
    await world.end(task)
    waiting = await world.until_receipt(task, issued["id"], "irrevocable")
    ended = await world.until_receipt(task, issued["id"], "expired")

    assert (waiting["target"], waiting["kind"]) == ("files", "aws_sts")
    assert ended["settled_at"] >= issued["expires_at"]
    assert set(issued["secret"]) == {
        "access_key_id",
        "secret_access_key",
        "session_token",
        "expiration",
        "region",
    }
    shown = (await world.call(AGENT, "GET", f"/v1/credentials/{issued['id']}")).body
    assert "secret" not in shown
    assert issued["secret"]["secret_access_key"] not in repr(world.dump())
