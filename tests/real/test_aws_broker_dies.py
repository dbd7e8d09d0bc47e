"""A broker is killed with SIGKILL while it kills a session of a role; the next one ends it."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from broker.client.api_errors import ApiError
from broker.client.errors import BrokerUnreachableError
from broker.client.results import Ceiling
from tests.chaos.cast import Cast, unique
from tests.chaos.world import open_world
from tests.fakes import aws_world
from tests.fakes.eventually_true import eventually_true
from tests.real.aws_lab import AwsLab, open_lab
from tests.real.aws_peer import Peer

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("aws_peer", ["radosgw"], indirect=True, scope="session"),
]

KILLED = -9
SCOPES = ("orders:read",)


@pytest_asyncio.fixture(loop_scope="module")
async def stood(
    aws_peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Cast, AwsLab]]:
    """One broker in a process of its own, which is the peer's administrator."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws_peer.admin.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws_peer.admin.secret.reveal())
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with open_lab(aws_peer) as lab:

        def edit(folder: Path) -> None:
            _declare(folder, lab)

        async with open_world(edit=edit) as world:
            await world.slots[0].start()
            yield Cast(world), lab


def _declare(folder: Path, lab: AwsLab) -> None:
    peer = lab.peer
    writer = {"endpoint_url": peer.iam_url}
    target = aws_world.target(
        peer.sts_url, peer.account, ambient={}, kill="deny", deny_writer=writer
    )
    target["deadline_ms"] = 20_000
    (folder / "targets.yaml").write_text(yaml.safe_dump({"targets": [target]}))
    capability = aws_world.capability(lab.role, lab.bucket)
    _edit(folder / "capabilities.yaml", lambda file: file["capabilities"].append(capability))
    for file in folder.glob("broker*.yaml"):
        _edit(file, lambda document: document.update(targets="targets.yaml"))


def _edit(path: Path, change: Any) -> None:
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False))


async def _issued(cast: Cast, task: str) -> dict[str, str]:
    issued = await cast.agent.client.credentials.issue(
        task, aws_world.CAPABILITY, scopes=SCOPES, ttl_seconds=300, idempotency_key=unique("s")
    )
    return {name: word.reveal() for name, word in issued.secret.items()}


async def test_what_a_dead_broker_was_about_to_kill_is_refused(
    stood: tuple[Cast, AwsLab],
) -> None:
    """The ledger has the entry, the role does not yet; and the other task is left alone."""
    cast, lab = stood
    slot = cast.world.slots[0]
    ceiling = (Ceiling(aws_world.CAPABILITY, SCOPES),)
    task, other = [(await cast.open(ceiling=ceiling)).id for _ in range(2)]
    killed, kept = await _issued(cast, task), await _issued(cast, other)
    await slot.kill()
    await slot.start(armed="ban.listed")

    with suppress(BrokerUnreachableError, ApiError):
        await cast.agent.client.tasks.complete(task)
    assert await slot.died() == KILLED
    alive = (lab.may(killed), lab.may(kept))
    await slot.start()

    async def is_refused() -> bool:
        return not lab.may(killed)

    await eventually_true(is_refused, "a refused session")
    assert alive == (True, True)
    assert lab.may(kept)
