"""Agents vouched for by issuers that we did not write obtain, use and lose a credential."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from broker.client.api import BrokerClient
from broker.client.api_errors import UnauthenticatedError
from broker.client.results import OpenedTask
from tests.chaos.cast import Cast, Held
from tests.chaos.world import ORDERS, World, open_world
from tests.real.foreign import AGENT, AUDIENCE, OpenBao, start_openid_provider, trust

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

FROM_BAO: Final = {
    "name": "bao",
    "audience": AUDIENCE,
    "algorithms": ["ES256", "EdDSA"],
    "keys": {"discovery": True, "cooldown_seconds": 1},
    "claims": {
        "required": ["sub", "agent", "pod"],
        "ignored": ["namespace"],
    },
    "map": {
        "kind": "agent",
        "name": {"claim": "agent", "prefix": "agent:"},
        "tenant": {"value": "acme"},
        "instance": {"claim": "pod"},
    },
}
FROM_PROVIDER: Final = {
    "name": "provider",
    "audience": AUDIENCE,
    "algorithms": ["RS256"],
    "typ": ["at+jwt"],
    "keys": {"discovery": True},
    "claims": {
        "verified": {"scope": "jit", "client_id": AGENT},
        "required": ["sub", "instance"],
        "ignored": ["jti"],
    },
    "map": {
        "kind": "agent",
        "name": {"claim": "sub"},
        "tenant": {"value": "acme"},
        "instance": {"claim": "instance"},
    },
}


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """An installation whose broker does not run yet."""
    async with open_world() as opened:
        yield opened


@pytest_asyncio.fixture
async def bao(world: World, part: Callable[[str], Path], request: pytest.FixtureRequest) -> OpenBao:
    """An OpenBao that the broker will trust. Its algorithm may be a parameter."""
    started = OpenBao(world, part("openbao"))
    await started.start(getattr(request, "param", "ES256"))
    trust(world, {**FROM_BAO, "issuer": started.issuer})
    return started


async def begin(world: World) -> Cast:
    """Start the broker and a resource server that follows its feed."""
    await world.slots[0].start()
    await world.start_witness(ORDERS, check="feed")
    return Cast(world)


class Workload:
    """The agent, with whatever token its issuer gave it."""

    def __init__(self, cast: Cast, token: str, instance: str) -> None:
        self._cast = cast
        self._instance = instance
        self.token = token

        async def show() -> str:
            return self.token

        self.client = BrokerClient(cast.url, show, cast.world.session)

    async def task(self) -> OpenedTask:
        """Let the orchestrator open a task for this instance."""
        return await self._cast.open(instance=self._instance)

    async def issue(self, task: str) -> Held:
        """Obtain a credential, by this agent's own evidence."""
        issued = await self.client.credentials.issue(
            task, "orders-api", scopes=("orders:read",), ttl_seconds=120
        )
        return self._cast.hold(issued)

    async def obtains_uses_and_loses(self) -> None:
        """Walk through the life of one credential, by the resource server's own word."""
        task = await self.task()
        held = await self.issue(task.id)
        await self._cast.expect(alive=[held])
        await self.client.tasks.complete(task.id)
        await self._cast.all_final(task.id, [held.credential])
        await self._cast.expect(dead=[held])


@pytest.mark.parametrize("bao", ["ES256", "EdDSA"], indirect=True)
async def test_an_agent_of_openbao_obtains_uses_and_loses_a_credential(
    world: World, bao: OpenBao
) -> None:
    """Its keys are found by discovery, and nothing but a stanza was written for it."""
    cast = await begin(world)
    login = await bao.enrol(f"agent:{AGENT}", "pod-bao")

    await Workload(cast, await bao.identity_token(login), "pod-bao").obtains_uses_and_loses()


async def test_keys_of_openbao_rotate_while_the_broker_runs(world: World, bao: OpenBao) -> None:
    """The next token is taken at once, and the one before it as well."""
    cast = await begin(world)
    login = await bao.enrol(f"agent:{AGENT}", "pod-bao")
    former = Workload(cast, await bao.identity_token(login), "pod-bao")
    await former.obtains_uses_and_loses()

    await bao.rotate()
    following = Workload(cast, await bao.identity_token(login), "pod-bao")

    await following.obtains_uses_and_loses()
    await former.obtains_uses_and_loses()


async def test_what_openbao_says_to_or_of_somebody_else_opens_nothing(
    world: World, bao: OpenBao
) -> None:
    """Another audience, another name, and another instance than the task's."""
    cast = await begin(world)
    login = await bao.enrol(f"agent:{AGENT}", "pod-bao")
    mine = Workload(cast, await bao.identity_token(login), "pod-bao")
    task = await mine.task()
    nobody = await bao.enrol(AGENT, "pod-bao")
    twin = await bao.enrol(f"agent:{AGENT}x", "pod-bao")

    for token in (
        await bao.identity_token(login, "others"),
        await bao.identity_token(nobody),
        await bao.identity_token(twin),
    ):
        with pytest.raises(UnauthenticatedError):
            await Workload(cast, token, "pod-bao").issue(task.id)
    await cast.expect(alive=[await mine.issue(task.id)])


async def test_the_death_of_openbao_blocks_no_other_issuer_and_opens_nothing(
    world: World, bao: OpenBao
) -> None:
    """Its known keys serve on; who shows a token by an unknown key is refused."""
    cast = await begin(world)
    login = await bao.enrol(f"agent:{AGENT}", "pod-bao")
    known = Workload(cast, await bao.identity_token(login), "pod-bao")
    task = await known.task()
    await known.issue(task.id)
    # Twice, because its next key is published ahead of its first use.
    await bao.rotate()
    await bao.rotate()
    unknown = Workload(cast, await bao.identity_token(login), "pod-bao")

    await bao.die()

    await cast.expect(alive=[await known.issue(task.id)])
    await cast.expect(alive=[await cast.issue((await cast.open()).id)])
    with pytest.raises(UnauthenticatedError):
        await unknown.issue(task.id)


async def test_an_agent_of_an_openid_provider_obtains_uses_and_loses_a_credential(
    world: World, part: Callable[[str], Path]
) -> None:
    """An access token for us (RFC 9068) is evidence; one for somebody else is not."""
    provider = await start_openid_provider(world, part("oidc-provider"))
    trust(world, {**FROM_PROVIDER, "issuer": provider.issuer})
    cast = await begin(world)
    workload = Workload(cast, await provider.access_token(), f"{AGENT}-1")

    await workload.obtains_uses_and_loses()

    task = await workload.task()
    other = await provider.access_token("urn:somebody-else")
    with pytest.raises(UnauthenticatedError):
        await Workload(cast, other, f"{AGENT}-1").issue(task.id)
