"""``python -m tests.bench.redeciding``: how soon a change reaches what is alive, and at what price.

One broker and its ledger (an embedded Valkey) with a hundred thousand live leases, a hundred to a
task. Then one agent is suspended, a ticket is edited that a thousand stand by, and a policy changes
that forbids nobody: everything is decided again, alone, while credentials are issued all the time,
and while five hundred a second are issued. Broker and callers share one process here, so the
price is the highest that it can be.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from broker import collector
from broker.dev.embedded import EmbeddedServer
from broker.facts.change import ChangeSet, PutThing
from broker.facts_copy import Step
from broker.governance.published import Quotas
from broker.model.capability import Ceiling
from broker.model.decision import Trace
from broker.model.fact import Ref, Thing, ThingKind
from broker.model.lease import LeaseSpec, LeaseState
from broker.model.principal import Kind
from broker.model.requests import IssueCredential
from broker.model.task import Task
from broker.questions import about_issue, asked_of
from broker.settings.store import StoreSettings
from broker.store import codec
from broker.store.connect import connect
from broker.store.new_lease import NewLease
from tests.bench.meter import BenchFailedError
from tests.fakes.candidates import Candidate
from tests.fakes.replace import replace
from tests.fakes.verbs_kit import HOUR_MS, VerbsKit

_TO_A_TASK: Final = 100
_CALLERS: Final = 8
_ALONE_S: Final = 3.0
_RATE: Final = 500.0
_FAR_MS: Final = 10**14
_ASKS: Final = IssueCredential("orders-api", frozenset({"orders:read"}), 900_000)
_HELD: Final = 1_000
"""Leases of the agent that is suspended, and as many under tasks that name the ticket."""

_TICKET: Final = Ref(ThingKind.TICKET, "acme", "OPS-1")
_FILE: Final = "policies/50-bench.cedar"


class _Endless(Quotas):
    """No limit, so that issuing goes on."""

    def __init__(self) -> None:
        """Need nothing."""

    def of_agent(self, name: str) -> int:  # noqa: ARG002 - all alike
        """Allow all."""
        return 10**9

    def of_tenant(self, name: str) -> int:  # noqa: ARG002 - all alike
        """Allow all."""
        return 10**9


class Issuing(msgspec.Struct, frozen=True):
    """How credentials were issued for a while: how many a second, and how long one took."""

    spent_s: float
    per_s: float
    p50_ms: float
    p99_ms: float


class Measured(msgspec.Struct, frozen=True):
    """What came of it."""

    leases: int
    one_agent_held: int
    one_agent_ended: int
    one_agent_s: float
    one_ticket_s: float
    one_ticket_meanwhile_s: float
    all_s: float
    all_per_s: float
    all_meanwhile_per_s: float
    before: Issuing
    meanwhile: Issuing
    after: Issuing
    rated_before: Issuing
    rated_meanwhile: Issuing

    @property
    def ratio(self) -> float:
        """How much of issuing is left while everything is decided again: of before and after."""
        return self.meanwhile.per_s * 2 / (self.before.per_s + self.after.per_s)

    @property
    def rated_ratio(self) -> float:
        """How much is left of the stated rate."""
        return self.rated_meanwhile.per_s / self.rated_before.per_s


class Bench:
    """One broker, and what it is asked."""

    def __init__(self, kit: VerbsKit, candidate: Candidate) -> None:
        self.kit = kit
        self.candidate = candidate
        self._took_s: list[float] = []
        self._is_over = False

    async def publish(self) -> None:
        """Publish what the files say, and run it."""
        bundle = await asyncio.to_thread(self.candidate.bundle)
        record = await self.kit.ledger.control.publish(
            bundle.to_bytes().decode(), bundle.digest, "operator:bench"
        )
        published = await asyncio.to_thread(self.candidate.published, record.revision)
        published = published.with_facts(self.kit.replica.published.facts)
        self.kit.replica.published = replace(published, quotas=_Endless())

    async def fill(self, leases: int) -> None:
        """Write leases as the broker writes them, under a task for each hundred."""
        ceiling, others = (Ceiling("orders-api", _ASKS.scopes),), leases - 2 * _HELD
        holders = (("report-bot", _HELD, ()), ("invoice-bot", _HELD, (_TICKET.name,)))
        for agent, count, tickets in (*holders, ("invoice-bot", others, ())):
            for _ in range(0, count, _TO_A_TASK):
                task = await self.kit.open(
                    agent=agent, ceiling=ceiling, ttl_ms=HOUR_MS, tickets=tickets
                )
                news = [self._new(task, agent) for _ in range(_TO_A_TASK)]
                await asyncio.gather(*map(self.kit.ledger.leases.grant, news))

    def _new(self, task: Task, agent: str) -> NewLease:
        published, spec = self.kit.replica.published, task.spec
        capability = published.capabilities["orders-api"]
        caller = self.kit.principal(Kind.AGENT, agent, "pod-1")
        lease = self.kit.ledger.ids.lease(spec.id)
        granted = LeaseSpec(
            id=lease,
            task=spec.id,
            path=spec.path,
            actors=spec.actors,
            agent=agent,
            instance="pod-1",
            tenant=spec.tenant,
            on_behalf_of="",
            capability=capability.name,
            backend=capability.backend,
            audience=capability.audience,
            scopes=tuple(_ASKS.scopes),
            evidence_issuer=caller.issuer,
            locator=lease,
            key_id=self.kit.replica.keyring.active().kid,
            trace=Trace("bench", published.revision),
        )
        return NewLease(
            spec=granted,
            state=LeaseState.ACTIVE,
            ttl_ms=900_000,
            max_ttl_ms=900_000,
            evidence_exp_ms=_FAR_MS,
            facts=published.revision,
            key="",
            digest="",
            asked=codec.encode(asked_of(about_issue(caller, spec, capability, _ASKS))),
        )

    async def redecide(self) -> float:
        """Do what is due, to its end; return how long it took."""
        begun = time.perf_counter()
        await self.kit.reap()
        await self.kit.verbs.redeciders.reevaluation.rested()
        return time.perf_counter() - begun

    async def edit_ticket(self) -> float:
        """Edit the ticket that many stand by; return how long it took until all were looked at."""
        replica = self.kit.replica
        before, kept = replica.published.facts, self.counted("kept")
        thing = Thing(
            kind=_TICKET.kind, tenant=_TICKET.tenant, name=_TICKET.name, status="open",
            purpose=f"revision {before.revision}",
        )  # fmt: skip
        change = ChangeSet("operator:bench", "the bench says so", (PutThing(thing),))
        after = before.changed(change, before.revision + 1)
        begun = time.perf_counter()
        replica.published = replica.published.with_facts(after)
        replica.known_steps = (Step(before, after, (change,)),)
        await self.kit.ledger.facts.settle(after.revision)
        await self.redecide()
        spent_s = time.perf_counter() - begun
        if self.counted("kept") - kept != _HELD:
            raise BenchFailedError("an edit of a ticket did not reach who stands by it, or others")
        return spent_s

    async def change_policy(self, text: str) -> None:
        """Change a policy, so that nobody is refused."""
        self.candidate.write(_FILE, f"// {text}\n")
        await self.publish()

    async def issuing(
        self, until: Callable[[], Awaitable[object]], *, per_s: float | None = None
    ) -> Issuing:
        """Issue until something is done: all the time, or so many a second.

        At a rate each counts from when it was to begin, so that who waits behind another counts.
        """
        tasks = [await self.kit.open(ttl_ms=HOUR_MS) for _ in range(_CALLERS)]
        self._is_over, self._took_s = False, []
        begun = time.perf_counter()
        every_s = _CALLERS / per_s if per_s else 0.0
        callers = [
            asyncio.create_task(self._issue(task, begun + place * every_s / _CALLERS, every_s))
            for place, task in enumerate(tasks)
        ]
        callers.append(asyncio.create_task(self._drop_events()))
        await until()
        spent_s, took_s = time.perf_counter() - begun, sorted(self._took_s)
        self._is_over = True
        await asyncio.gather(*callers)
        count = len(took_s)
        return Issuing(
            spent_s=spent_s,
            per_s=count / spent_s,
            p50_ms=took_s[count // 2] * 1000,
            p99_ms=took_s[count * 99 // 100] * 1000,
        )

    async def _issue(self, task: Task, begun: float, every_s: float) -> None:
        while not self._is_over:
            begun = begun + every_s if every_s else time.perf_counter()
            await asyncio.sleep(max(0.0, begun - time.perf_counter()))
            self.kit.pace.came()  # as the edge says it of each request
            await self.kit.issue(task)
            self._took_s.append(time.perf_counter() - begun)

    async def _drop_events(self) -> None:
        """Keep the outboxes from filling: nobody ships here."""
        while not self._is_over:
            for bucket in self.kit.ledger.keys.buckets:
                await self.kit.link.read("XTRIM", bucket.out, "MAXLEN", 0)
            await asyncio.sleep(0.5)

    def counted(self, outcome: str) -> int:
        """Count what deciding again has come to so far."""
        line = f'jit_reevaluation_leases_total{{outcome="{outcome}"}} '
        found = [each for each in self.kit.exposition().splitlines() if each.startswith(line)]
        return int(float(found[0].removeprefix(line))) if found else 0


async def measure(leases: int, folder: Path, say: Callable[[str], None]) -> Measured:
    """Fill a ledger, change things, and measure.

    Raises:
        BrokerError, BenchFailedError: something does not work.
    """
    async with EmbeddedServer(folder / "ledger") as server:
        link = await connect(StoreSettings(url=f"unix://{server.socket}", deadline_ms=10_000))
        try:
            bench = Bench(VerbsKit(link), Candidate(folder))
            await bench.publish()
            await bench.redecide()
            say(f"writing {leases} leases")
            await bench.fill(leases)
            collector.settle()  # as a broker does
            return await _changed(bench, leases, say)
        finally:
            await link.close()


async def _changed(bench: Bench, leases: int, say: Callable[[str], None]) -> Measured:
    say("one agent is suspended")
    bench.candidate.agent("report-bot", status="suspended")
    await bench.publish()
    one_agent_s, ended = await bench.redecide(), bench.counted("ended")
    say("a ticket is edited")
    one_ticket_s = await bench.edit_ticket()
    say("a policy changes")
    await bench.change_policy("says nothing")
    kept = bench.counted("kept")
    all_s = await bench.redecide()
    all_per_s = (bench.counted("kept") - kept) / all_s
    say("issuing alone, and while a ticket is edited")
    before = await bench.issuing(lambda: asyncio.sleep(_ALONE_S))
    beside: list[float] = []
    await bench.issuing(lambda: _noted(bench.edit_ticket(), beside))
    say("another policy changes, while credentials are issued")
    await bench.change_policy("says nothing either")
    kept = bench.counted("kept")
    meanwhile = await bench.issuing(bench.redecide)
    kept = bench.counted("kept") - kept
    after = await bench.issuing(lambda: asyncio.sleep(_ALONE_S))
    rated_before, rated_meanwhile = await _at(bench, _RATE, say)
    if bench.counted("ended") != ended:
        raise BenchFailedError("a change that forbids nobody has ended something")
    return Measured(
        leases=leases,
        one_agent_held=_HELD,
        one_agent_ended=ended,
        one_agent_s=one_agent_s,
        one_ticket_s=one_ticket_s,
        one_ticket_meanwhile_s=beside[0],
        all_s=all_s,
        all_per_s=all_per_s,
        all_meanwhile_per_s=kept / meanwhile.spent_s,
        before=before,
        meanwhile=meanwhile,
        after=after,
        rated_before=rated_before,
        rated_meanwhile=rated_meanwhile,
    )


async def _at(bench: Bench, per_s: float, say: Callable[[str], None]) -> tuple[Issuing, Issuing]:
    """Return how it is at a rate, before and while everything is decided again."""
    say(f"a third policy changes, while {per_s:.0f} credentials a second are issued")
    before = await bench.issuing(lambda: asyncio.sleep(_ALONE_S), per_s=per_s)
    await bench.change_policy("nor does this")
    return before, await bench.issuing(bench.redecide, per_s=per_s)


async def _noted(taking: Awaitable[float], times: list[float]) -> None:
    times.append(await taking)


def shown(value: object) -> str:
    """Write a figure, or several in one line."""
    if isinstance(value, msgspec.Struct):
        parts = msgspec.structs.asdict(value).items()
        return "  ".join(f"{name} {shown(part)}" for name, part in parts)
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def main() -> int:
    """Run; 0 when one agent's leases, and those of one ticket, were all reached within a second."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.redeciding", description=__doc__)
    parser.add_argument("--leases", type=int, default=100_000)
    options = parser.parse_args()
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(options.leases, Path(folder), console.print))
    ratios = [("ratio", found.ratio), ("ratio at the rate", found.rated_ratio)]
    for name, value in [*msgspec.structs.asdict(found).items(), *ratios]:
        console.print(f"{name:22} {shown(value)}")
    slowest_s = max(found.one_agent_s, found.one_ticket_s)
    return 0 if slowest_s < 1 and found.one_agent_ended == found.one_agent_held else 1


if __name__ == "__main__":
    raise SystemExit(main())
