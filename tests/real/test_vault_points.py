"""A broker dies at every step of a credential through OpenBao; OpenBao says what is alive there.

OpenBao trusts the broker by discovery: it finds the keys at the running broker's own address.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from broker.client.api_errors import ApiError
from broker.client.errors import BrokerUnreachableError
from broker.client.results import Ceiling, IssuedCredential, Receipt
from tests.chaos.cast import Cast, unique
from tests.chaos.target_cases import KILLING, MINTING
from tests.chaos.world import open_world
from tests.fakes.eventually_true import eventually_true
from tests.real.openbao_server import OpenBaoServer, trust_role
from tests.real.postgres_server import PostgresServer
from tests.real.vault_lab import is_let_in
from tests.real.vault_world import AUDIENCE, SCOPES, capability, target

pytestmark = [
    pytest.mark.real,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
]

KILLED = -9


class Yard:
    """A world whose agents may have database credentials through OpenBao."""

    def __init__(self, cast: Cast, openbao: OpenBaoServer, postgres: PostgresServer) -> None:
        self.cast = cast
        self.openbao = openbao
        self.postgres = postgres
        self.slot = cast.world.slots[0]

    async def task(self) -> str:
        """Open a task that may have them."""
        return (await self.cast.open(ceiling=(Ceiling("bao-db", tuple(SCOPES)),))).id

    async def issue(self, task: str) -> IssuedCredential:
        """Ask for one."""
        return await self.cast.agent.client.credentials.issue(
            task, "bao-db", scopes=tuple(SCOPES), ttl_seconds=300, idempotency_key=unique("bao")
        )

    async def die_at(self, point: str, task: str) -> None:
        """Let a broker die there while it issues or, at the points of killing, ends the task."""
        await self.slot.kill()
        await self.slot.start(armed=point)
        with suppress(BrokerUnreachableError, ApiError):
            if point in MINTING:
                await self.issue(task)
            else:
                await self.cast.agent.client.tasks.complete(task)
        assert await self.slot.died() == KILLED, f"it did not die at {point}"
        await self.slot.start()

    async def confirmed(self, task: str) -> Receipt:
        """Wait until the task's one credential is dead at its target; return its receipt."""

        async def is_dead() -> bool:
            states = [r.state for r in (await self.cast.receipts(task)).values()]
            return states == ["confirmed"]

        await eventually_true(is_dead, f"one confirmed receipt of {task}")
        return next(iter((await self.cast.receipts(task)).values()))


def often(points: Sequence[str], one: str) -> list[Any]:
    """Try one every time, the others with the long tests: each takes two starts of a broker."""
    return [
        point if point == one else pytest.param(point, marks=pytest.mark.soak) for point in points
    ]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def yard(
    openbao_server: OpenBaoServer, postgres_server: PostgresServer
) -> AsyncIterator[Yard]:
    """One broker, whose keys OpenBao finds by itself."""
    mount = f"jwt-{secrets.token_hex(4)}"
    openbao_server.sweep()
    async with open_world(edit=lambda folder: _declare(folder, openbao_server, mount)) as world:
        await world.slots[0].start()
        await asyncio.to_thread(_trust, openbao_server, mount, world.setup.addresses.brokers[0])
        yield Yard(Cast(world), openbao_server, postgres_server)


def _trust(openbao: OpenBaoServer, mount: str, issuer: str) -> None:
    openbao.says("POST", f"sys/auth/{mount}", {"type": "jwt"})
    config = {"oidc_discovery_url": issuer, "bound_issuer": issuer}
    openbao.says("POST", f"auth/{mount}/config", config)
    trust_role(openbao, mount=mount, audience=AUDIENCE)


def _declare(folder: Path, openbao: OpenBaoServer, mount: str) -> None:
    (folder / "targets.yaml").write_text(
        yaml.safe_dump({"targets": [target(openbao.url, mount, deadline_ms=1_000)]})
    )
    _edit(folder / "capabilities.yaml", lambda f: f["capabilities"].append(capability("bao-db")))
    for file in folder.glob("broker*.yaml"):
        _edit(file, lambda document: document.update(targets="targets.yaml"))


def _edit(path: Path, change: Any) -> None:
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False))


@pytest.mark.parametrize("point", often(MINTING, "mint.minted"))
async def test_what_a_dead_broker_minted_dies(yard: Yard, point: str) -> None:
    """At once when it never was anybody's, or else with its task."""
    task = await yard.task()

    await yard.die_at(point, task)
    if point == "mint.activated":
        assert len(yard.openbao.leases()) == 1
        await yard.cast.agent.client.tasks.complete(task)

    assert (await yard.confirmed(task)).target == "bao"
    assert yard.openbao.accessors() == []
    assert yard.openbao.leases() == []


@pytest.mark.parametrize("point", often(KILLING, "kill.done"))
async def test_killing_goes_on_after_a_death(yard: Yard, point: str) -> None:
    """The next broker finds what the first had begun, and reports it once it is done."""
    task = await yard.task()
    issued = await yard.issue(task)
    words = {name: word.reveal() for name, word in issued.secret.items()}
    assert is_let_in(words, yard.postgres.port)

    await yard.die_at(point, task)

    receipt = await yard.confirmed(task)
    assert (receipt.credential, receipt.target) == (issued.id, "bao")
    assert not is_let_in(words, yard.postgres.port)
    assert yard.openbao.accessors() == []
    assert yard.openbao.leases() == []
