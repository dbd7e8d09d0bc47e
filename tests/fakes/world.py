"""A whole installation in one process: real brokers, a real ledger, real HTTP, real signatures.

Only who vouches for callers is made up (:class:`~tests.fakes.issuer.Signer`, which really signs),
and time, which a test may push. What a test asks and what it is told goes through the API.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
from msgspec.structs import replace as replace_members

from broker.app import Broker
from broker.clock import SystemClock
from broker.governance.bundle import Bundle
from broker.http.server import HttpServer
from broker.installation import Installation, open_installation
from broker.publishing import Publishing
from broker.rotation import Rotation
from broker.settings.limits import TaskLimits
from broker.settings.store import StoreSettings
from broker.store.connect import connect
from tests.fakes import contract
from tests.fakes.cast import AGENT, OPERATOR, ORCHESTRATOR, ORDERS, ROOT_OPERATOR, Who
from tests.fakes.issuer import Signer
from tests.fakes.ledger_view import LedgerView
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world_config import AUDIENCE, Template, WorldConfig

OPERATOR_AT_WORK: Final = "operator:test"
PATIENCE_S: Final = 20.0
"""After this a test is stuck, and fails."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    raw: bytes
    headers: Mapping[str, str]

    @property
    def body(self) -> Any:
        """The body as JSON."""
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        """The last part of a problem's type."""
        return str(self.body["type"]).rpartition("/")[2]

    def __getitem__(self, name: str) -> Any:
        return self.body[name]


class ShiftedClock(SystemClock):
    """This machine's clocks, wrong by as much as a test says."""

    def __init__(self, shift_ms: int = 0) -> None:
        self.shift_ms = shift_ms

    def now_ms(self) -> int:
        """Return a wall clock that is wrong."""
        return super().now_ms() + self.shift_ms


@dataclass
class Running:
    """One broker that runs: itself, its server, what stops it, how to reach it, and its clock."""

    broker: Broker
    server: HttpServer
    stack: AsyncExitStack
    session: aiohttp.ClientSession
    clock: ShiftedClock


class World:
    """Brokers on one ledger, and everybody who calls them."""

    def __init__(self, single: SingleServer, config: WorldConfig, signer: Signer) -> None:
        self.single = single
        self.config = config
        self.signer = signer
        self.running: list[Running] = []
        self.tokens: dict[tuple[object, ...], str] = {}
        self.later_s = 0

    @property
    def broker(self) -> Broker:
        """The first broker."""
        return self.running[0].broker

    # Who calls.

    def now(self) -> int:
        """Return the time as the issuer of workload tokens has it, in seconds."""
        return time.time_ns() // 1_000_000_000 + self.later_s  # noqa: TID251 - an own clock

    def token(self, who: Who, **changes: object) -> str:
        """Sign a workload token; a claim changed to ``...`` is left out."""
        now = self.now()
        claims: dict[str, object] = {
            "iss": who.issuer,
            "sub": who.name,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 3600,
            "kind": who.kind.value,
            "instance": who.instance,
        }
        claims |= {"tenant": who.tenant} if who.tenant else {}
        claims |= {**who.claims, **changes}
        return self.signer.sign({k: v for k, v in claims.items() if v is not ...})

    def remembered(self, who: Who) -> str:
        """Return one token of a caller again and again."""
        key = (who.kind, who.name, who.tenant, who.instance, who.issuer, *who.claims.items())
        return self.tokens.setdefault(key, self.token(who))

    async def call(
        self,
        who: Who | str | None,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        data: bytes | Mapping[str, str] | None = None,
        at: int = 0,
    ) -> Answer:
        """Ask broker number ``at`` something; a caller may also be a token, or nobody."""
        sent = dict(headers or {})
        if who is not None:
            token = who if isinstance(who, str) else self.remembered(who)
            sent.setdefault("Authorization", f"Bearer {token}")
        if key:
            sent["Idempotency-Key"] = key
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            data = json.dumps(body).encode()
        session = self.running[at].session
        async with session.request(
            method, f"http://broker{path}", data=data, headers=sent, allow_redirects=False
        ) as answer:
            raw = await answer.read()
            contract.check(method, path, answer.status, answer.content_type, raw)
            return Answer(answer.status, raw, dict(answer.headers))

    async def get(self, who: Who | None, path: str, *, at: int = 0) -> Answer:
        """GET."""
        return await self.call(who, "GET", path, at=at)

    async def post(
        self, who: Who | str | None, path: str, body: object = None, *, key: str = "", at: int = 0
    ) -> Answer:
        """POST JSON, or nothing."""
        return await self.call(who, "POST", path, body, key=key, at=at)

    # What callers do, and must succeed in.

    async def open(
        self, who: Who = ORCHESTRATOR, *, key: str = "", at: int = 0, **changes: object
    ) -> dict[str, Any]:
        """Open a task for the agent; a member changed to ``...`` is left out."""
        answer = await self.post(who, "/v1/tasks", task_body(**changes), key=key, at=at)
        assert answer.status in (200, 201), answer.raw
        body: dict[str, Any] = answer.body
        return body

    async def delegate(self, parent: str, who: Who = AGENT, **changes: object) -> Answer:
        """Hand a part of a task on to the helper, which may be refused."""
        part = {"parent": parent, "agent": "helper-bot", "name": "a-part", **changes}
        return await self.post(who, "/v1/tasks", task_body(**part))

    async def issue(
        self, task: str, who: Who = AGENT, *, key: str = "", at: int = 0, **changes: object
    ) -> dict[str, Any]:
        """Issue a credential."""
        answer = await self.ask(task, who, key=key, at=at, **changes)
        assert answer.status == 201, answer.raw
        body: dict[str, Any] = answer.body
        return body

    async def ask(
        self, task: str, who: Who = AGENT, *, key: str = "", at: int = 0, **changes: object
    ) -> Answer:
        """Ask for a credential, which may be refused."""
        path = f"/v1/tasks/{task}/credentials"
        return await self.post(who, path, issue_body(**changes), key=key, at=at)

    async def end(self, task: str, how: str = "complete", who: Who = AGENT) -> dict[str, Any]:
        """End a task and return the report's first page."""
        answer = await self.post(who, f"/v1/tasks/{task}/{how}")
        assert answer.status == 200, answer.raw
        body: dict[str, Any] = answer.body
        return body

    async def ended(self, task: str, who: Who = ROOT_OPERATOR) -> dict[str, Any]:
        """Wait until a task has ended, and return it."""
        async with asyncio.timeout(PATIENCE_S):
            while (  # noqa: ASYNC110 - what ends it is in Redis
                answer := await self.get(who, f"/v1/tasks/{task}")
            )["state"] == "open":
                await asyncio.sleep(0.02)
        body: dict[str, Any] = answer.body
        return body

    async def revoke(self, who: Who = OPERATOR, *, key: str = "", **selector: object) -> Answer:
        """Order a revocation."""
        body = {"reason": "a test says so", **selector}
        return await self.post(who, "/v1/revocations", body, key=key)

    async def introspect(self, token: str, who: Who = ORDERS, *, at: int = 0) -> Answer:
        """Ask whether a token is alive."""
        return await self.call(who, "POST", "/oauth/introspect", data={"token": token}, at=at)

    async def is_active(self, token: str, who: Who = ORDERS, *, at: int = 0) -> bool:
        """Tell whether a token is alive for its resource server."""
        return bool((await self.introspect(token, who, at=at))["active"])

    async def is_told_alive(self, token: str) -> bool:
        """Say whether the resource server is told that a token is alive; 503 tells it nothing."""
        answer = await self.introspect(token)
        return answer.status != 503 and bool(answer["active"])

    async def pages(self, who: Who, path: str, *, at: int = 0) -> list[Any]:
        """Follow a list or a report to its end, and return its pages."""
        pages, following = [], path
        while following:
            answer = await self.get(who, following, at=at)
            assert answer.status == 200, answer.raw
            pages.append(answer.body)
            following = answer["next"]
        return pages

    async def receipts(self, who: Who, path: str) -> list[Any]:
        """Return every receipt of a report."""
        return [receipt for page in await self.pages(who, path) for receipt in page["receipts"]]

    async def until_state(self, who: Who, path: str, state: str) -> None:
        """Wait until every receipt of a report has come so far."""
        async with asyncio.timeout(PATIENCE_S):
            while {  # noqa: ASYNC110 - asked over HTTP
                receipt["state"] for receipt in await self.receipts(who, path)
            } != {state}:
                await asyncio.sleep(0.1)

    async def readiness(self, *, at: int = 0) -> tuple[int, list[str]]:
        """Return the status of ``/readyz`` and what stands in the way."""
        answer = await self.get(None, "/readyz", at=at)
        return answer.status, [reason["what"] for reason in answer["reasons"]]

    def routes(self) -> list[tuple[str, str]]:
        """List every method and path template that the first broker answers."""
        return [
            (route.method, route.resource.canonical)
            for route in self.running[0].server.app.router.routes()
            if route.resource is not None
        ]

    @property
    def ledger(self) -> LedgerView:
        """What the ledger holds."""
        return LedgerView(self.single, self.broker.ledger.keys)

    async def pass_time(self, seconds: float) -> None:
        """Let every bucket have seen a later time: the ledger's clock then never reads less."""
        self.ledger.pass_time(seconds)

    async def told(self, kind: str) -> int:
        """Count the events of a kind, once what is due has been worked off."""
        await self.settle()
        return self.ledger.told(kind)

    async def settle(self) -> None:
        """Work off everything that is due."""
        for each in self.running:
            await each.broker.verbs.reaper.tick()
            await each.broker.verbs.reaper.rested()

    def dump(self) -> dict[str, object]:
        """Return everything that the ledger holds, but for clocks and bookkeeping."""
        return self.ledger.dump()

    async def prepare(self) -> None:
        """Make the first signing key, and publish the unchanged files."""
        async with self.installation() as found:
            await Rotation(found, by=OPERATOR_AT_WORK, alg="EdDSA").init()
        bundle = self.config.bundle
        await self.publish_raw(bundle.to_bytes().decode(), bundle.digest)

    async def start(self, *, gives: bool = True, **changes: object) -> None:
        """Start one more broker on the same ledger, some of its settings changed.

        Unless it cannot be expected to, wait until it gives access.
        """
        settings = self.config.settings(len(self.running), **changes)
        stack, clock = AsyncExitStack(), ShiftedClock(self.later_s * 1000)
        link = await connect(settings.store)
        stack.push_async_callback(link.close)
        broker = Broker(settings, link, clock)
        server = await broker.start(stack)
        session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(settings.listen.unix), limit=0),
            timeout=aiohttp.ClientTimeout(total=PATIENCE_S),
        )
        await stack.enter_async_context(session)
        self.running.append(Running(broker, server, stack, session, clock))
        async with asyncio.timeout(PATIENCE_S):
            while not broker.gate.is_open and gives:
                await asyncio.sleep(0.005)
                await broker.look()

    async def stop(self) -> None:
        """Stop every broker."""
        while self.running:
            await self.running.pop().stack.aclose()

    async def publish(self, *, wait: bool = True) -> int:
        """Publish what the files say; return the revision, which every broker then follows."""
        bundle = await asyncio.to_thread(Bundle.from_files, self.config.settings().bundle)
        async with self.installation() as found:
            record = await Publishing(found, by=OPERATOR_AT_WORK).publish(bundle)
        if wait:
            await self.refresh()
        return record.revision

    async def rotate(self, *, alg: str = "EdDSA") -> None:
        """Take one step of a rotation of the signing key, whatever is in the way."""
        async with self.installation() as found:
            await Rotation(found, by=OPERATOR_AT_WORK, alg=alg).rotate(is_forced=True)
        await self.refresh()

    def installation(self) -> AbstractAsyncContextManager[Installation]:
        """Reach the ledger as a command does that runs beside the brokers."""
        return open_installation(self.config.settings())

    async def publish_raw(self, bundle: str, digest: str) -> None:
        """Publish any text as the bundle, past every check of it."""
        async with self.installation() as found:
            await found.ledger.control.publish(bundle, digest, OPERATOR_AT_WORK)

    async def refresh(self) -> None:
        """Let every broker look at the control record now."""
        for each in self.running:
            await each.broker.replica.refresh()

    async def until_ready(self, *, at: int = 0) -> None:
        """Wait until a broker gives access."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self.readiness(at=at))[0] != 200:  # noqa: ASYNC110 - asked over HTTP
                await asyncio.sleep(0.02)

    async def until_no_reason(self, *, at: int = 0) -> None:
        """Wait until a broker gives access and has nothing to complain of."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self.readiness(at=at)) != (200, []):  # noqa: ASYNC110 - asked over HTTP
                await asyncio.sleep(0.02)

    async def until_refusing(self, word: str, *, at: int = 0) -> str:
        """Wait until readiness names a reason that begins with the word, and return it."""
        status, told = await self.until_told(word, at=at)
        assert status == 503
        return told

    async def until_told(self, word: str, *, at: int = 0) -> tuple[int, str]:
        """Wait until readiness names such a reason, whether the broker gives access or not."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                status, reasons = await self.readiness(at=at)
                told = [reason for reason in reasons if reason.startswith(word)]
                if told:
                    return status, told[0]
                await asyncio.sleep(0.02)

    def store(self, **changes: int) -> StoreSettings:
        """Return how the ledger is reached, some of it changed."""
        return replace_members(self.config.settings().store, **changes)

    async def until_logged(self, file: Path, kind: str) -> None:
        """Wait until an audit trail tells of an event."""
        async with asyncio.timeout(PATIENCE_S):
            while not _holds(file, kind):  # noqa: ASYNC110 - what ends it is in a file
                await asyncio.sleep(0.05)

    def task_limits(self, **changes: int) -> TaskLimits:
        """Return the shipped bounds of tasks, some of them changed."""
        return replace_members(self.config.settings().tasks, **changes)


def task_body(**changes: object) -> dict[str, object]:
    """Say what an orchestrator says to open a task; a member changed to ``...`` is left out."""
    body: dict[str, object] = {
        "name": "reconcile-invoices",
        "agent": "invoice-bot",
        "tenant": "acme",
        "instance": "pod-1",
        "ceiling": [{"capability": "orders-api", "scopes": ["orders:read"]}],
        "ttl_seconds": 600,
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}


def issue_body(**changes: object) -> dict[str, object]:
    """Say what an agent says to get a credential; a member changed to ``...`` is left out."""
    body: dict[str, object] = {
        "capability": "orders-api",
        "scopes": ["orders:read"],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}


def _holds(file: Path, word: str) -> bool:
    return file.exists() and word in file.read_text()


def seconds_between(earlier: str, later: str) -> float:
    """Tell how far two instants of the API are apart."""
    apart = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    return apart.total_seconds()


@asynccontextmanager
async def open_world(
    single: SingleServer, template: Template, signer: Signer, folder: Path, *, brokers: int = 1
) -> AsyncIterator[World]:
    """Publish the configuration, make keys, start brokers; stop them at the end."""
    with tempfile.TemporaryDirectory(prefix="jit-", dir="/tmp") as sockets:
        config = WorldConfig(template, folder, store=single.settings.url, sockets=Path(sockets))
        world = World(single, config, signer)
        try:
            await world.prepare()
            for _ in range(brokers):
                await world.start()
            yield world
        finally:
            await world.stop()
