"""Closing a task tree with a hundred thousand leases: how long Redis is busy with one command.

The leases are written through the ledger's own classes, which is how fast they can be; everything
after that is the running broker's work: the call that completes the root, the reaper that takes the
tree down, and the shipping of what it tells.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
import msgspec
from rich.console import Console
from rich.table import Table

from broker.ids import TaskId, bucket_of, parse_task_id
from broker.installation import ledger_limits
from broker.model.decision import Trace
from broker.model.lease import LeaseSpec, LeaseState
from broker.model.task import TaskSpec
from broker.settings.load import load_document
from broker.settings.settings import Settings
from broker.store import feed_cursors, feed_log, feed_outbox, feed_subscribers, scripts
from broker.store.connect import connect
from broker.store.feed_keys import FeedKeys
from broker.store.ledger import Ledger
from broker.store.link import Link, Script
from broker.store.new_lease import NewLease
from tests.bench.load import at_share
from tests.bench.meter import BenchFailedError, Meter
from tests.bench.stage import Plan, Stage, brokers
from tests.bench.usage import waited_seconds
from tests.bench.workload import Callers, Opened, openings, post
from tests.fakes.eventually_true import eventually_true

_SLOW_US: Final = 5_000
"""What the server's slow log notes. Everything would be too much: noting takes time as well."""

_CHILDREN: Final = 10
_AT_ONCE: Final = 500
_TTL_MS: Final = 800_000
_NEWEST: Final = 10**9  # facts and keys that no broker of the bench can be ahead of
_PATIENCE_S: Final = 300.0


class Slow(msgspec.Struct, frozen=True):
    """One command that the slow log noted."""

    what: str
    ms: float


class Felled(msgspec.Struct, frozen=True):
    """What closing a tree took. ``slow`` is the slowest first."""

    leases: int
    closed_ms: float
    taken_down_s: float
    slow: list[Slow]
    redis_waited_s: float
    """How long Redis was kept from the CPU by other processes: part of what looks slow."""
    ping_p50_ms: float
    ping_p99_ms: float
    ping_max_ms: float

    @property
    def longest_ms(self) -> float:
        """The longest command; 0 when none was slow enough to be noted."""
        return self.slow[0].ms if self.slow else 0.0


@dataclass(frozen=True, slots=True)
class Grove:
    """A tree that stands, and the ledger that it stands in."""

    link: Link
    ledger: Ledger
    root: TaskId
    token: str
    specs: Sequence[TaskSpec]
    outbox: str

    async def remaining(self) -> int:
        """Count the leases that have not been ended, and the events that have not been shipped."""
        keys = self.ledger.keys.of(self.root)
        live = [int(await self.link.read("ZCARD", keys.live(spec.id))) for spec in self.specs]
        return sum(live) + int(await self.link.read("XLEN", self.outbox))


async def fell(
    leases: int, loop: str, say: Callable[[str], None], *, is_preferred: bool = False
) -> Felled:
    """Grow a tree, close it, and watch until nothing of it is left.

    With ``is_preferred`` no ordinary process takes a CPU from Redis: what is measured then is its
    commands, not what else the machine does.

    Raises:
        BenchFailedError: it was not taken down in time, or may not be preferred.
    """
    async with brokers(Plan(1, loop, "EdDSA")) as stage, _planted(stage) as grove:
        if is_preferred:
            _prefer(stage.product.redis)
        say(f"writing {leases} leases")
        await _grow(grove, leases)
        await _until_left(grove, leases, "every lease told of in the feed log")
        await _watch(grove.link)
        say("closing the tree")
        pings: list[float] = []
        pinging = asyncio.create_task(_ping(grove.link, pings))
        try:
            started, waited_s = time.monotonic(), waited_seconds(stage.product.redis)
            closed_ms = await _close(stage, grove)
            await _until_left(grove, 0, "every lease ended, and told of")
            taken_s = time.monotonic() - started
            waited_s = waited_seconds(stage.product.redis) - waited_s
        finally:
            pinging.cancel()
        slow = await _slow(grove.link)
    pings.sort()
    return Felled(
        leases=leases,
        closed_ms=closed_ms,
        taken_down_s=taken_s,
        slow=slow,
        redis_waited_s=waited_s,
        ping_p50_ms=at_share(pings, 0.5),
        ping_p99_ms=at_share(pings, 0.99),
        ping_max_ms=pings[-1],
    )


@asynccontextmanager
async def _planted(stage: Stage) -> AsyncIterator[Grove]:
    """Open a root task and its children through the API."""
    settings = load_document(stage.config, Settings)
    link = await connect(settings.store)
    try:
        ledger = Ledger.over(
            link,
            namespace=settings.store.namespace,
            buckets=settings.store.buckets,
            limits=ledger_limits(settings),
        )
        callers = Callers(stage.badges, 1)
        instance = callers.next()
        token = callers.token(instance)
        meter = Meter(stage)
        [body] = await meter.ask(stage.product, openings(stage.badges, callers, 1))
        root = msgspec.json.decode(body, type=Opened)
        children = await meter.ask(
            stage.product, [_child(root.id, instance, token) for _ in range(_CHILDREN)]
        )
        names = [root.id, *(msgspec.json.decode(child, type=Opened).id for child in children)]
        specs = [await _spec(ledger, parse_task_id(name)) for name in names]
        outbox = FeedKeys(settings.store.namespace).outbox(bucket_of(root.id))
        yield Grove(link, ledger, specs[0].id, token, specs, outbox)
    finally:
        await link.close()


def _child(parent: str, instance: str, token: str) -> bytes:
    wish = {
        "name": "part",
        "agent": "invoice-bot",
        "tenant": "acme",
        "instance": instance,
        "parent": parent,
        "ceiling": [{"capability": "orders-api", "scopes": ["orders:read"]}],
        "ttl_seconds": 5_000,
        "idle_timeout_seconds": 5_000,
    }
    return post("/v1/tasks", token, msgspec.json.encode(wish))


async def _spec(ledger: Ledger, task: TaskId) -> TaskSpec:
    spec = await ledger.tree.spec(task)
    if spec is None:
        raise BenchFailedError(f"the task {task} was opened and is not there")
    return spec


async def _grow(grove: Grove, leases: int) -> None:
    """Write the leases, spread evenly over all tasks of the tree."""
    for start in range(0, leases, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, leases))
        wanted = (_lease(grove, grove.specs[number % len(grove.specs)]) for number in numbers)
        await asyncio.gather(*(grove.ledger.leases.grant(lease) for lease in wanted))


def _lease(grove: Grove, task: TaskSpec) -> NewLease:
    lease = grove.ledger.ids.lease(task.id)
    spec = LeaseSpec(
        id=lease,
        task=task.id,
        path=task.path,
        actors=task.actors,
        agent=task.agent,
        instance="pod-0",
        tenant=task.tenant,
        on_behalf_of="",
        capability="orders-api",
        backend="jwt",
        audience="https://orders.example",
        scopes=("orders:read",),
        evidence_issuer=task.opener_issuer,
        locator=lease,
        key_id="bench",
        trace=Trace("bench", 1, policies=("agents-read",)),
    )
    return NewLease(
        spec=spec,
        state=LeaseState.ACTIVE,
        ttl_ms=_TTL_MS,
        max_ttl_ms=_TTL_MS,
        evidence_exp_ms=10**14,
        facts=_NEWEST,
        manifest=_NEWEST,
        key="",
        digest="",
    )


async def _until_left(grove: Grove, count: int, what: str) -> None:
    async def is_so() -> bool:
        return await grove.remaining() == count

    try:
        await eventually_true(is_so, what, _PATIENCE_S)
    except TimeoutError as error:
        raise BenchFailedError(f"{error}; left are {await grove.remaining()}") from error


async def _close(stage: Stage, grove: Grove) -> float:
    """Complete the root; return how long the call took, in milliseconds."""
    url = f"http://127.0.0.1:{stage.product.port}/v1/tasks/{grove.root}/complete"
    headers = {"Authorization": f"Bearer {grove.token}"}
    started = time.monotonic()
    async with aiohttp.ClientSession(headers=headers) as session, session.post(url) as answer:
        if answer.status != 200:
            raise BenchFailedError(f"completing answered {await answer.text()}")
    return (time.monotonic() - started) * 1000


def _prefer(process: int) -> None:
    try:
        os.sched_setscheduler(process, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError as error:
        raise BenchFailedError("only root may let Redis go first (--redis-first)") from error


async def _watch(link: Link) -> None:
    for command in (
        ("CONFIG", "SET", "slowlog-log-slower-than", _SLOW_US),
        ("CONFIG", "SET", "slowlog-max-len", 1024),
        ("SLOWLOG", "RESET"),
    ):
        await link.each_server(*command)


async def _ping(link: Link, milliseconds: list[float]) -> None:
    """Note what others see meanwhile."""
    while True:
        started = time.monotonic()
        await link.each_server("PING")
        milliseconds.append((time.monotonic() - started) * 1000)
        await asyncio.sleep(0.005)


async def _slow(link: Link) -> list[Slow]:
    [entries] = await link.each_server("SLOWLOG", "GET", 1024)
    found = [Slow(_named(entry[3]), entry[2] / 1000) for entry in entries]
    return sorted(found, key=lambda slow: -slow.ms)


def _named(command: Sequence[str]) -> str:
    """Name a command; a script by its own name."""
    modules = (scripts, feed_cursors, feed_log, feed_outbox, feed_subscribers)
    known = {
        value.sha: value.name
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Script)
    }
    word = command[0].upper()
    return known.get(command[1], command[1]) if word == "EVALSHA" else word


def show(console: Console, of: Felled) -> None:
    """Print it."""
    table = Table(
        title=f"Closing a tree with {of.leases:,} leases",
        caption="Redis waited: was ready to run while other processes had the CPUs. "
        "A command that is interrupted so looks longer than it is.",
    )
    names = ("call ms", "taken down s", "leases/s", "longest command ms", "over 5 ms")
    for name in (*names, "Redis waited s", "PING ms: p50, p99, max"):
        table.add_column(name, justify="right")
    longest = f"{of.longest_ms:.1f} ({of.slow[0].what})" if of.slow else "below 5"
    table.add_row(
        f"{of.closed_ms:.1f}",
        f"{of.taken_down_s:.1f}",
        f"{of.leases / of.taken_down_s:,.0f}",
        longest,
        str(len(of.slow)),
        f"{of.redis_waited_s:.1f}",
        f"{of.ping_p50_ms:.1f}, {of.ping_p99_ms:.1f}, {of.ping_max_ms:.1f}",
    )
    console.print(table)
