"""Telling the demo, from the first server to the last one gone."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from broker.clock import Clock
from broker.dev.console import Reporter
from broker.dev.step import Step
from broker.dev.story import play
from tests.chaos.cast import Cast
from tests.chaos.world import ORDERS, World, open_world
from tests.real.demo.cast import Scene
from tests.real.demo.declared import AUDIENCE, MOUNT, declare
from tests.real.demo.servers import Servers
from tests.real.demo.steps import DEATHS, STORY
from tests.real.openbao_server import trust_key
from tests.real.parts import Shelf

INTERRUPTED: Final = "Interrupted."
_SETTING_UP: Final = "Real servers"


class SetUp:
    """What has been started so far."""

    scene: Scene

    def __init__(self, stack: AsyncExitStack, servers: Servers, kill: str, clock: Clock) -> None:
        self.servers = servers
        self._stack = stack
        self._kill = kill
        self._clock = clock

    async def postgres(self) -> str:
        """Start the database."""
        return self.servers.start_postgres()

    async def openbao(self) -> str:
        """Start OpenBao."""
        return self.servers.start_openbao()

    async def aws(self) -> str:
        """Start what speaks AWS."""
        return self.servers.start_aws()

    async def broker(self) -> str:
        """Start ledger, issuer, broker and resource server; OpenBao trusts the broker's key."""
        world = await self._stack.enter_async_context(open_world(edit=self._edit))
        await world.slots[0].start()
        await _trust(self.servers, world)
        witness = await world.start_witness(ORDERS, check="feed")
        self.scene = Scene(Cast(world, timeout_s=60.0), self.servers, witness, self._clock)
        self._stack.callback(self.scene.close)
        return world.slots[0].url

    def _edit(self, folder: Path) -> None:
        servers = self.servers
        declare(
            folder,
            openbao=servers.openbao.url,
            peer=servers.peer,
            role=servers.role,
            stage=servers.stage,
            kill=self._kill,
        )


class _Key:
    """The public half of the broker's active key."""

    def __init__(self, jwk: dict[str, str]) -> None:
        self.jwk = jwk


async def _trust(servers: Servers, world: World) -> None:
    async with world.session.get(f"{world.slots[0].url}/.well-known/jwks.json") as answer:
        keys = (await answer.json())["keys"]
    issuer = world.setup.addresses.brokers[0]
    trust_key(servers.openbao, _Key(keys[0]), mount=MOUNT, issuer=issuer, audience=AUDIENCE)


SETTING_UP: Final[tuple[Step[SetUp], ...]] = (
    Step("postgres", _SETTING_UP, "a database", SetUp.postgres),
    Step("openbao", _SETTING_UP, "a secret store, which makes logins there", SetUp.openbao),
    Step("aws", _SETTING_UP, "STS, IAM and S3, with a role", SetUp.aws),
    Step("broker", _SETTING_UP, "ledger, issuer, broker and resource server", SetUp.broker),
)


async def tell(
    reporter: Reporter,
    clock: Clock,
    *,
    aws: str,
    kill: str = "deny",
    steps: Sequence[Step[Scene]] = (*STORY, *DEATHS),
) -> str:
    """Tell it; return what went wrong, or nothing. However it ends, nothing is left running."""
    failure = INTERRUPTED
    try:
        async with _set_up(aws, kill, clock) as set_up:
            failure = await _play(set_up, steps, reporter, clock)
    finally:
        reporter.end(failure)
    return failure


async def _play(
    set_up: SetUp, steps: Sequence[Step[Scene]], reporter: Reporter, clock: Clock
) -> str:
    failure = await play(set_up, SETTING_UP, reporter, clock)
    if failure:
        return failure
    failure = await play(set_up.scene, steps, reporter, clock)
    reporter.receipts(set_up.scene.deaths)
    return failure


@asynccontextmanager
async def _set_up(aws: str, kill: str, clock: Clock) -> AsyncIterator[SetUp]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jit-demo-")))
        servers = Servers(Shelf(), folder, aws)
        stack.callback(servers.close)
        yield SetUp(stack, servers, kill, clock)
