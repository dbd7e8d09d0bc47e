"""People in the loop at real targets: what a person lends, an emergency, a freeze.

PostgreSQL, OpenBao and radosgw say themselves whom they refuse; the receipts have to agree.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from broker.behaviour.rules import Action, Detector
from broker.clock import SystemClock
from broker.settings.behaviour import Behaviour, DetectorSetting
from tests.e2e.test_freezing import freeze, thaw
from tests.fakes.cast import AGENT, DANA, OPERATOR
from tests.fakes.delegation import UNENTITLED, claim, open_own, prepare
from tests.fakes.emergency import emergency
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import Signer
from tests.fakes.people import change, leaves
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import World
from tests.fakes.world_config import Template
from tests.real.aws_lab import AwsLab, open_lab
from tests.real.aws_peer import Peer
from tests.real.aws_yard import enter_as
from tests.real.openbao_server import OpenBaoServer
from tests.real.postgres_server import PostgresServer
from tests.real.three_world import (
    EXPORT,
    GLASS,
    KINDS,
    Held,
    Servers,
    ThreeWorld,
    ceiling,
    leaving,
    open_three_world,
)

pytestmark = pytest.mark.real

BURST: Final = Behaviour(
    detectors={Detector.DENIAL_BURST: DetectorSetting(threshold=3, action=Action.FREEZE)}
)


@pytest.fixture
def lab(radosgw: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsLab]:
    """Objects and a role; the broker is the peer's administrator, by its environment."""
    enter_as(radosgw, monkeypatch)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with open_lab(radosgw) as lab:
        yield lab


@pytest.fixture
def servers(postgres: PostgresServer, openbao: OpenBaoServer, lab: AwsLab) -> Servers:
    """The three targets."""
    return Servers(postgres, openbao, lab)


@pytest.fixture
async def world(
    single: SingleServer,
    template: Template,
    signer: Signer,
    tmp_path: Path,
    *,
    servers: Servers,
) -> AsyncIterator[ThreeWorld]:
    """One broker that has them."""
    async with open_three_world(single, template, signer, tmp_path, servers) as world:
        yield world


async def lent(world: World) -> str:
    """Have dana open a task that may export everywhere, and the agent claim it."""
    opened = (await open_own(world, ceiling=ceiling())).body
    assert (await claim(world, opened)).status == 200
    return str(opened["id"])


async def receipts_of(world: ThreeWorld, task: str, held: Sequence[Held]) -> list[dict[str, Any]]:
    """Wait until each is confirmed dead, and return what the report says of it to operators."""
    for each in held:
        await world.until_receipt(task, each.credential, "confirmed")
    told = await world.receipts(OPERATOR, f"/v1/tasks/{task}/report")
    found = {each["credential"]: each for each in told}
    assert [found[each.credential]["kind"] for each in held] == [each.kind for each in held]
    return [found[each.credential] for each in held]


@pytest.mark.parametrize(
    ("how", "reason"), [("she leaves", "person-gone"), ("her right is taken", "right-not-lent")]
)
async def test_what_a_person_has_lent_is_refused_by_every_target_once_it_is_hers_no_more(
    world: ThreeWorld, how: str, reason: str
) -> None:
    """While all is in use; the report says why, and a task that she has no part in goes on."""
    await prepare(world)
    task, other = await lent(world), str((await world.open(ceiling=ceiling()))["id"])
    held = [await world.hold(task, name) for name in KINDS]
    kept = [await world.hold(other, name) for name in KINDS]
    with leaving(*held, *kept):
        if how == "she leaves":
            await leaves(world, DANA)
        else:
            await change(world, UNENTITLED)
        receipts = await receipts_of(world, task, held)
        after = [(each.is_taken(), each.goes_on()) for each in held]
        others = [(each.is_taken(), each.goes_on()) for each in kept]

    assert after == [(False, False)] * 3
    assert others == [(True, True)] * 3
    assert {each["why"]["reason"] for each in receipts} == {reason}
    assert (await world.ask(task, capability="export-db", scopes=[EXPORT])).status == 403


async def by_order(world: World, task: str) -> None:
    """An operator wants it."""
    assert (await freeze(world, task)).status == 200


async def by_finding(world: World, task: str) -> None:
    """A detector does: the agent asks again and again for what policy refuses."""
    for _ in range(3):
        assert (await world.ask(task, scopes=["orders:write"])).status == 403

    async def is_frozen() -> bool:
        return bool((await world.get(OPERATOR, f"/v1/tasks/{task}"))["frozen"])

    await eventually_true(is_frozen, "it is frozen")


FREEZES: Final = {"operator": by_order, "finding": by_finding}


@pytest.mark.parametrize("by", FREEZES)
async def test_a_freeze_kills_at_every_target_for_good(world: ThreeWorld, by: str) -> None:
    """Open sessions included; thawed, the agent asks anew, and the old ones stay dead."""
    await prepare(world)
    if by == "finding":
        await world.stop()
        await world.start(behaviour=BURST)
    wide = [*ceiling(), {"capability": "orders-api", "scopes": ["orders:write"]}]
    task, other = [str((await world.open(ceiling=wide))["id"]) for _ in range(2)]
    held = [await world.hold(task, name) for name in KINDS]
    kept = [await world.hold(other, name) for name in KINDS]
    with leaving(*held, *kept):
        await FREEZES[by](world, task)
        receipts = await receipts_of(world, task, held)
        assert [(each.is_taken(), each.goes_on()) for each in held] == [(False, False)] * 3
        assert all(each.is_taken() and each.goes_on() for each in kept)

        assert (await thaw(world, task)).status == 200
        again = await world.hold(task, "export-db")
        with leaving(again):
            assert not any(each.is_taken() for each in held)

    for each in receipts:
        shown = await world.get(OPERATOR, f"/v1/credentials/{each['credential']}")
        assert shown["ended_by"] == "frozen"


class Gate:
    """A TLS server that lets in whoever has a certificate of OpenBao's authority that is good."""

    def __init__(self, openbao: OpenBaoServer, folder: Path) -> None:
        self._folder = folder
        asked = {"common_name": "gate.example.org", "ttl": "1h"}
        own = openbao.says("POST", "pki/issue/bots", asked)["data"]
        self._authority = own["issuing_ca"]
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self._kept("gate", own))
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.load_verify_locations(cadata=self._authority)

    def _kept(self, name: str, words: Mapping[str, str]) -> Path:
        file = self._folder / f"{name}.pem"
        file.write_text(f"{words['private_key']}\n{words['certificate']}\n")
        return file

    def refuses(self, words: Mapping[str, str]) -> str:
        """Shake hands with the holder of a certificate; return why not, or nothing."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self._authority)
        context.load_cert_chain(self._kept("agent", words))
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        holder = context.wrap_bio(down, up, server_hostname="gate.example.org")
        gate = self._context.wrap_bio(up, down, server_side=True)
        try:
            for _ in range(4):
                for side in (holder, gate):
                    _step(side)
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        return "" if gate.getpeercert() else "no certificate came"


def _step(side: ssl.SSLObject) -> None:
    with suppress(ssl.SSLWantReadError):  # it is the other side's turn
        side.do_handshake()


async def until(instant: str) -> None:
    """Let time pass until after an instant."""
    ends_ms = datetime.fromisoformat(instant).timestamp() * 1000
    while SystemClock().now_ms() <= ends_ms:  # noqa: ASYNC110 - real time passes
        await asyncio.sleep(0.1)


async def test_an_emergency_ends_at_its_targets_with_every_broker_stopped(
    world: ThreeWorld, tmp_path: Path, servers: Servers
) -> None:
    """A certificate of OpenBao and a session of a role: the end stands in what was given."""
    async with emergency(world, tmp_path) as here:
        here.task = str((await world.open(ceiling=ceiling(*GLASS)))["id"])
        gate = Gate(servers.openbao, tmp_path)
        asked = [await here.asked(capability=n, scopes=[EXPORT], ttl_seconds=30) for n in GLASS]
        opened = [(await here.confirm(each)).body for each in asked]
        certificate, keys = [(await here.fetch(each)).body["secret"] for each in opened]
        assert len(here.alarms) == 2
        await world.stop()

        assert gate.refuses(certificate) == ""
        assert servers.lab.may(keys)
        for each in opened:
            await until(each["ends_at"])
        assert gate.refuses(certificate) == "certificate has expired"
        assert not servers.lab.may(keys)

        await world.start(notify=here.notify)
        again = [await here.fetch(each) for each in opened]
        shown = [(await here.show(each)).body for each in opened]
        reviews = [(await here.review(each)).status for each in opened]

    assert [each.status for each in again] == [409, 409]
    assert [each["state"] for each in shown] == ["ended", "ended"]
    assert reviews == [200, 200]


async def test_what_no_emergency_is_had_of_lives_as_long_as_its_target_lets_it(
    world: ThreeWorld, servers: Servers
) -> None:
    """Why: with every broker stopped PostgreSQL lets nobody in any more, and who is in stays in.

    OpenBao undoes its lease by itself, by the statements that its owner has written.
    """
    await prepare(world)
    task = str((await world.open(ceiling=ceiling()))["id"])
    role, lease = [await world.hold(task, n, ttl_seconds=15) for n in ("export-db", "export-bao")]
    with leaving(role, lease):
        shown = [await world.get(AGENT, f"/v1/credentials/{e.credential}") for e in (role, lease)]
        await world.stop()
        for each in shown:
            await until(each["expires_at"])
        await world.are_refused(lease)
        assert not role.is_taken()
        assert role.goes_on(), "this is why it is refused for emergencies"

        await world.start()
        await world.are_refused(role)
        await receipts_of(world, task, (role, lease))
    assert servers.postgres.roles() == []
