"""Agents that a real SPIRE vouches for by JWT-SVIDs: its bundle by every way, its keys rotating."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio

from broker.client.api import BrokerClient
from broker.client.api_errors import UnauthenticatedError
from broker.signing.private_files import write_private
from tests.chaos.cast import CEILING, Cast, Held
from tests.chaos.world import ORDERS, World, open_world
from tests.fakes.certificates import Authority
from tests.fakes.eventually_true import eventually_true
from tests.real.spiffe_bot import AUDIENCE, running, trust
from tests.real.spire_domain import DOMAIN, PATH, SOON, Spire

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """An installation whose broker does not run yet."""
    async with open_world() as opened:
        yield opened


@pytest.fixture
def spire(world: World, part: Callable[[str], Path]) -> Spire:
    """Return a SPIRE that does not run yet."""
    return Spire(world.processes, part("spire").parent)


async def begin(world: World, bundle: dict[str, Any]) -> Cast:
    """Start the broker, which trusts the domain, and a resource server that follows its feed."""
    trust(world, DOMAIN, **bundle)
    await world.slots[0].start()
    await world.start_witness(ORDERS, check="feed")
    return Cast(world)


def bearer(cast: Cast, svid: str) -> BrokerClient:
    """Return a client of whoever bears an SVID."""

    async def show() -> str:
        return svid

    return BrokerClient(cast.url, show, cast.world.session)


async def issue(cast: Cast, svid: str, task: str) -> Held:
    """Obtain a credential, as whoever bears an SVID."""
    issued = await bearer(cast, svid).credentials.issue(task, "orders-api", scopes=("orders:read",))
    return cast.hold(issued)


async def is_somebody(cast: Cast, svid: str, task: str) -> bool:
    """Tell whether the bearer of an SVID sees its task, or is nobody."""
    try:
        await bearer(cast, svid).tasks.show(task)
    except UnauthenticatedError:
        return False
    return True


def kid_of(svid: str) -> str:
    """Return the name of the key that signed."""
    return str(jwt.get_unverified_header(svid)["kid"])


async def obtains_uses_and_loses(cast: Cast, spire: Spire) -> None:
    """Walk through the life of one credential of the workload, by the resource server's word."""
    task = await cast.open()
    async with running(cast.url, spire.agent.address) as bot:
        held = await bot.holds("issue", task.id)
        await cast.expect(alive=[held])
        assert (await bot.says("complete", task.id))["state"] == "completed"
    await cast.all_final(task.id, [held.credential])
    await cast.expect(dead=[held])


async def test_an_agent_of_spire_obtains_uses_and_loses_a_credential(
    world: World, spire: Spire
) -> None:
    """The broker has the bundle as the server's command prints it."""
    await spire.start(https_spiffe={})
    cast = await begin(world, await spire.by_file(world.setup.state))

    await obtains_uses_and_loses(cast, spire)


async def test_the_bundle_comes_from_an_endpoint_of_the_web(world: World, spire: Spire) -> None:
    """Profile ``https_web``: the endpoint has a certificate of an authority that we know."""
    web = Authority(world.setup.state, "web")
    certificate, key = map(str, web.issue("endpoint"))
    files = {
        "cert_file_path": certificate,
        "key_file_path": key,
        "file_sync_interval": "1h",
    }
    await spire.start(https_web={"serving_cert_file": files})
    bundle = {**SOON, "url": spire.server.bundle_url, "ca_file": str(web.ca_file)}

    await obtains_uses_and_loses(await begin(world, bundle), spire)


@pytest.mark.parametrize(
    ("key_type", "algorithm"), [("rsa-2048", "RS256"), ("ec-p256", "ES256"), ("ec-p384", "ES384")]
)
async def test_svids_by_keys_of_every_type_are_evidence(
    world: World, spire: Spire, key_type: str, algorithm: str
) -> None:
    """The authority's own key too, by which its bundle endpoint is known."""
    spire.server.settings["ca_key_type"] = key_type
    await spire.server.start()
    cast = await begin(world, await spire.by_endpoint(world.setup.state))
    svid = await spire.server.jwt_svid(PATH, AUDIENCE)

    assert jwt.get_unverified_header(svid)["alg"] == algorithm
    await cast.expect(alive=[await issue(cast, svid, (await cast.open()).id)])


async def test_one_svid_opens_a_task_and_another_claims_it(world: World, spire: Spire) -> None:
    """An orchestrator of SPIRE's opens it for no instance; an agent of SPIRE's makes it its own."""
    await spire.start(https_spiffe={})
    cast = await begin(world, await spire.by_endpoint(world.setup.state))
    opener = bearer(cast, await spire.server.jwt_svid("/orchestrators/ci-orchestrator/x", AUDIENCE))
    svid = await spire.server.jwt_svid(PATH, AUDIENCE)

    opened = await opener.tasks.open(
        name="reconcile", agent="invoice-bot", tenant="acme", ceiling=CEILING, ttl_seconds=600
    )
    assert opened.claim_handle is not None
    await bearer(cast, svid).tasks.claim(opened.id, opened.claim_handle)
    held = await issue(cast, svid, opened.id)
    await cast.expect(alive=[held])
    await opener.tasks.cancel(opened.id)

    await cast.all_final(opened.id, [held.credential])
    await cast.expect(dead=[held])


async def test_keys_of_spire_rotate_while_the_broker_runs(world: World, spire: Spire) -> None:
    """The next key is taken, the former as well, until the authority revokes it."""
    await spire.start(https_spiffe={})
    cast = await begin(world, await spire.by_endpoint(world.setup.state))
    task = (await cast.open()).id
    async with running(cast.url, spire.agent.address) as bot:
        held = await bot.holds("issue", task)
        old = await bot.svid()

        former, new = await spire.server.rotate("jwt")
        assert kid_of(old) == former
        await spire.server.taint("jwt", former)

        async def is_known_by_the_next() -> bool:
            svid = await bot.svid()
            # Its endpoint shows a new key after a moment, and we look once in a cool-down.
            return kid_of(svid) == new and await is_somebody(cast, svid, task)

        await eventually_true(is_known_by_the_next, "an SVID by the next key")
        renewed = await bot.holds("renew", held.credential)
        assert await is_somebody(cast, old, task)

        await spire.server.revoke("jwt", former)

        async def is_refused() -> bool:
            return not await is_somebody(cast, old, task)

        await eventually_true(is_refused, "the bundle without the revoked key")
        last = await bot.holds("issue", task)
    await cast.expect(alive=[renewed, last])


async def test_svids_for_others_or_of_others_open_nothing(world: World, spire: Spire) -> None:
    """Of a domain nobody declared, of one that only has the name, for somebody else."""
    await spire.start(https_spiffe={})
    cast = await begin(world, await spire.by_endpoint(world.setup.state))
    task = (await cast.open()).id
    stranger, impostor = await spire.others()

    for svid in (
        await stranger.jwt_svid(PATH, AUDIENCE),
        await impostor.jwt_svid(PATH, AUDIENCE),
        await spire.server.jwt_svid(PATH, "somebody-else"),
        await spire.server.jwt_svid("/robots/invoice-bot/pod-1", AUDIENCE),
    ):
        assert not await is_somebody(cast, svid, task)
        with pytest.raises(UnauthenticatedError):
            await issue(cast, svid, task)
    honest = await spire.server.jwt_svid(PATH, AUDIENCE)
    assert await is_somebody(cast, honest, task)
    await cast.expect(alive=[await issue(cast, honest, task)])


async def test_the_death_of_spire_blocks_nobody(world: World, spire: Spire) -> None:
    """Its agent has SVIDs, and we its bundle, for longer than a restart takes."""
    await spire.start(https_spiffe={})
    cast = await begin(world, await spire.by_endpoint(world.setup.state))
    task = (await cast.open()).id
    async with running(cast.url, spire.agent.address) as bot:
        svid = await bot.svid()
        assert await is_somebody(cast, svid, task)

        await spire.server.die()

        async def is_noticed() -> bool:
            assert await is_somebody(cast, svid, task)
            return "attestation-keys-unreachable" in world.slots[0].log_text()

        await eventually_true(is_noticed, "a look at the endpoint that fails")
        held = await bot.holds("issue", task)
    other = await cast.issue((await cast.open(cast.twin)).id, agent=cast.twin)
    await cast.expect(alive=[held, other])

    await spire.server.start({"https_spiffe": {}})
    await spire.server.rotate("jwt")
    new = await spire.server.jwt_svid(PATH, AUDIENCE)

    async def is_back() -> bool:
        return await is_somebody(cast, new, task)

    await eventually_true(is_back, "the bundle of the restarted server")


async def test_a_workload_that_spire_forgets_gets_nothing_new(world: World, spire: Spire) -> None:
    """Not registered any more, then without an agent: a typed error; what it holds lives on."""
    await spire.start(https_spiffe={})
    cast = await begin(world, await spire.by_endpoint(world.setup.state))
    task = (await cast.open()).id
    async with running(cast.url, spire.agent.address) as bot:
        held = await bot.holds("issue", task)

        await spire.server.forget(spire.entry)

        async def is_forgotten() -> bool:
            return "error" in await bot.says("svid")

        await eventually_true(is_forgotten, "no SVID")
        forgotten = await bot.says("issue", task)
        await spire.agent.die()
        gone = await bot.says("issue", task)

    assert [answer["error"] for answer in (forgotten, gone)] == ["WorkloadApiError"] * 2
    assert forgotten["says"].endswith("it answered PERMISSION_DENIED")
    assert gone["says"].endswith("it answered UNAVAILABLE")
    await cast.expect(alive=[held])


async def test_a_declaration_is_tried_on_an_svid_of_spire(world: World, spire: Spire) -> None:
    """By ``broker issuer check``, which fetches the bundle itself and needs no broker."""
    await spire.server.start()
    trust(world, DOMAIN, **await spire.by_endpoint(world.setup.state))
    argv = [*(sys.executable, "-m", "broker", "issuer", "check", "workloads")]
    argv += ["--config", str(world.setup.config[0]), "--token-file"]

    codes = {}
    for path in (PATH, "/robots/invoice-bot/pod-1"):
        file = world.setup.state / "svid"
        write_private(file, (await spire.server.jwt_svid(path, AUDIENCE)).encode())
        check = await world.processes.start("check", [*argv, str(file)])
        codes[path] = await check.process.wait()

    assert codes == {PATH: 0, "/robots/invoice-bot/pod-1": 1}
