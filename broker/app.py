"""The composition root: the one place that builds every object, and owns every lifetime.

Whatever starts here is stopped here, in the reverse order, also when a later start fails.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Final

import structlog

from backends.jwt import access_token_claims
from broker import under_way
from broker.attestation.attestation import Attestation
from broker.attestation.reasons import Reason
from broker.behaviour_side import BehaviourSide
from broker.callers import Callers, client_watch
from broker.census_watch import CensusWatch
from broker.clock import Clock
from broker.doors import open_attestation, open_panic_door
from broker.endpoints import endpoint_of, http_limits, name_of, trust_of
from broker.engines.chosen import ChosenEngine
from broker.errors import BrokerError, StoreUnavailableError
from broker.evaluations import Evaluations
from broker.fact_verbs import build_fact_verbs
from broker.facts_replica import FactsReplica
from broker.faultpoints import FaultPoints
from broker.feeding import FeedSide, feed_log_of, feed_side_of
from broker.gate import Gate
from broker.glass_watch import GlassWatch
from broker.governance.published import builder
from broker.governance.reasons import SUSPENDED, UNREGISTERED
from broker.http.feed_routes import routes as feed_routes
from broker.http.limits import Limits as HttpLimits
from broker.http.routes import build
from broker.http.server import HttpServer
from broker.http.services import KeySet, Services
from broker.installation import ledger_limits
from broker.key_state import KeyState
from broker.last_words import settle
from broker.metrics import Metrics
from broker.notice_watch import NoticeWatch
from broker.notices.counts import NoticeCounts
from broker.notices.notice_side import NoticeSide, notice_side_of
from broker.pace import Pace
from broker.policy.query import Action
from broker.policy_state import PolicyState
from broker.presence import Presence
from broker.proving import possession_of
from broker.readiness import readiness
from broker.reaper import Claims
from broker.reassessment import Patience
from broker.reconcile_watch import ReconcileWatch
from broker.redeciding_watch import RedecidingWatch
from broker.replica import WATCHERS, Replica
from broker.restoration import Restoration
from broker.session_ends import SessionEnds
from broker.settings.settings import Settings
from broker.shadow import Shadow
from broker.store.census import Counting
from broker.store.clock_bounds import ClockBounds
from broker.store.ledger import Ledger
from broker.store.ledger_clock import LedgerClock
from broker.store.link import Link
from broker.surroundings import targets_of
from broker.task_trees import TaskTrees
from broker.tasks import TaskLimits
from broker.ticker import Ticker
from broker.verbs import Parts, Verbs, build_verbs
from broker.watch import CLOCK, FEED, ISSUERS, STORE, ClockWatch, FeedWatch, IssuerWatch, StoreWatch

_WATCH_MS: Final = 1_000
_CENSUS_MS: Final = 5_000
_REFRESH_MS: Final = 500
"""How soon a published revision is in force at every replica (I15 asks for two seconds)."""

Look = Callable[[], Awaitable[None]]


class Broker:
    """One running broker. Built by :meth:`start` inside a stack that takes it down again."""

    def __init__(self, settings: Settings, link: Link, clock: Clock) -> None:
        self._settings, self._link, self._clock = settings, link, clock
        self.gate = Gate([*WATCHERS, STORE, CLOCK, FEED, ISSUERS])
        self.metrics = Metrics(
            durability=settings.store.durability,
            reasons=[*Reason, UNREGISTERED, SUSPENDED],
            actions=list(Action),
        )
        self._ticker, self._faults = Ticker(clock), FaultPoints.of_this_process()
        self._pace = Pace(clock, share=settings.reevaluation.busy_percent / 100)
        self._looking: set[asyncio.Task[None]] = set()
        self.ledger = self._build_ledger()
        self._restoration = Restoration(self.ledger)
        self.facts = self._build_facts()
        self._engine = ChosenEngine(settings.policy, clock, self.gate.remark)
        self.replica = self._build_replica()
        self._targets = targets_of(settings, self.replica, clock, self.metrics, self.ledger.ids)
        self._census = CensusWatch(
            *(Counting(link, self.ledger.keys, self._targets), self.replica, self.metrics, clock)
        )
        self._feed = self._build_feed()
        self._notices = self._build_notices()
        self._behaviour = BehaviourSide.over(link, self.ledger, clock, self._build_bounds())
        self._presence = Presence.over(self.ledger, self.replica, self.gate, name_of(settings))
        self._shadow = self._build_shadow()
        parts = (self._targets, self.ledger, self.gate, self.metrics, self.replica)
        self.reconcile_watch = ReconcileWatch(*parts)
        self._clock_watch = self._build_clock_watch()
        self._looks = self._build_looks()
        self.fact_verbs = build_fact_verbs(
            *(self.ledger, self.replica, self.gate, clock, self._faults),
            settings=settings,
            counted=self.metrics.facts_changed,
            told=lambda: self._feed.shipper.poke(0, urgent=False),
        )
        self.verbs: Verbs = build_verbs(self._parts())
        self._watch = self._behaviour.watch(settings, self._feed.log, self.verbs, self.fact_verbs)

    def _build_looks(self) -> list[Look]:
        settings, clock = self._settings, self._clock
        return [
            StoreWatch(self._link, settings.store, self.gate, self.metrics).look,
            self._clock_watch.look,
            FeedWatch(self._feed.shipper, self._feed.sink, self.gate).look,
            self.facts.look,
            RedecidingWatch(self.ledger.redo, clock, self.gate, self.metrics).look,
            GlassWatch(self.ledger.glass, self.gate, self.metrics.registry).look,
            NoticeWatch(self._notices.receivers, self._notices.ledger, self.gate).look,
        ]

    def _build_notices(self) -> NoticeSide:
        counts, log = NoticeCounts(self.metrics.registry), self._feed.log
        given = (self._settings, self._link)
        return notice_side_of(*given, ledger=self.ledger, log=log, counts=counts, clock=self._clock)

    def _build_ledger(self) -> Ledger:
        store = self._settings.store
        return Ledger.over(
            self._link,
            namespace=store.namespace,
            buckets=store.buckets,
            limits=ledger_limits(self._settings),
            bounds=self._build_bounds(),
        )

    def _build_bounds(self) -> ClockBounds:
        settings = self._settings
        return ClockBounds(self._clock, settings.clock.max_skew_ms, settings.store.deadline_ms)

    def _build_clock_watch(self) -> ClockWatch:
        clock, most_ms = LedgerClock(self._link, self.ledger.keys), self._settings.clock.max_skew_ms
        return ClockWatch(clock, self._clock, self.gate, max_skew_ms=most_ms)

    def _build_replica(self) -> Replica:
        build = builder(self._settings.quotas, self._engine.decider, self._clock)
        return Replica(
            control=self.ledger.control,
            restoration=self._restoration,
            gate=self.gate,
            keys=KeyState(self._settings.keys.directory, issuer=self._settings.issuer),
            policy=PolicyState(self.ledger.control, self.facts, build),
            facts=self.facts,
        )

    def _build_shadow(self) -> Shadow:
        ledger, metrics = self.ledger.shadow, self.metrics
        return Shadow(ledger, lambda: self.replica.published.facts, metrics, self._clock)

    def _build_feed(self) -> FeedSide:
        log = feed_log_of(self._settings, self._link, self._restoration, self._build_bounds())
        return feed_side_of(
            self._settings,
            log,
            lambda: self.replica.registered.resource_servers,
            clock=self._clock,
            faults=self._faults,
            metrics=self.metrics,
        )

    def _build_facts(self) -> FactsReplica:
        return FactsReplica(
            *(self.ledger, self._restoration, self.gate),
            clock=self._clock,
            faults=self._faults,
            max_age_ms=self._settings.facts.max_age_ms,
            told=self.metrics.facts,
        )

    def _parts(self) -> Parts:
        settings = self._settings
        return Parts(
            ledger=self.ledger,
            feed_log=self._feed.log,
            gate=self.gate,
            replica=self.replica,
            metrics=self.metrics,
            faults=self._faults,
            issuer=settings.issuer,
            claims_of=access_token_claims,
            task_limits=TaskLimits(settings.tasks.max_ttl_seconds * 1000, settings.tasks.max_depth),
            agent_quota=settings.quotas.agent,
            retention_ms=settings.retention_seconds * 1000,
            claims=Claims(settings.reaper.batch, settings.reaper.claim_seconds * 1000),
            news=self._feed.shipper.poke,
            due=self._follow_up,
            may_sweep=lambda: self._clock_watch.is_right,
            pace=self._pace,
            targets=self._targets,
            onlooker=self._shadow,
            late=self._behaviour.late,
            alarm=self._notices.alarm,
            clock=self._clock,
            more_work={"w": self.fact_verbs.review_effects},
            patience=Patience(settings.policy.undecided_seconds),
            questions=settings.approvals,
            end_sources=settings.ends.sources,
        )

    def _follow_up(self, buckets: Sequence[int]) -> None:
        """Reap at once what a verb has made due; the next tick would, too."""
        for bucket in buckets:
            self.verbs.reaper.start(bucket)

    async def start(self, stack: AsyncExitStack) -> HttpServer:
        """Start everything; the stack stops it.

        Raises:
            ConfigurationError: something here is not as it must be; nothing is left running.
        """
        with suppress(StoreUnavailableError):  # then the replica says so
            await self.ledger.control.require_fit()
        stack.push_async_callback(self._engine.close)
        # First, and on nothing but the ledger, so that it is there whatever else is not.
        await open_panic_door(self._settings, self.verbs.revocations, self.metrics, stack)
        attestation = await open_attestation(self._settings, self._clock, stack)
        self._looks.append(IssuerWatch(attestation, self.gate).look)
        await self.look()
        await self._start_background(stack)
        stack.push_async_callback(settle, self._feed.shipper, self._feed.sink)
        stack.push_async_callback(self._presence.leave)
        self._start_ticking(stack)
        server = await self._start_http(attestation)
        stack.push_async_callback(server.stop)
        stack.callback(self._feed.hub.close)  # before that: its readers would wait on
        return server

    async def look(self) -> None:
        """Let every watcher look now: before the first request comes, and whenever it is asked."""
        for look in (*self._looks, self._refresh):
            await look()

    def look_again(self) -> None:
        """Look at the published record and the key files now, not at the next tick (SIGHUP)."""
        look = asyncio.create_task(self._refresh())
        self._looking.add(look)
        look.add_done_callback(self._looking.discard)

    async def _refresh(self) -> None:
        try:
            await self.replica.refresh()
            await self._presence.report()
        except BrokerError as error:
            structlog.get_logger(__name__).warning("replica-refresh-failed", error=str(error))

    async def _start_background(self, stack: AsyncExitStack) -> None:
        stack.push_async_callback(self._notices.close)
        feed, tell = self._feed, self._notices.courier.run
        for run in (feed.shipper.run, feed.hub.run, feed.sink.run, tell, self._watch.log.run):
            task = asyncio.create_task(run())
            stack.push_async_callback(under_way.end, [task])

    def _start_ticking(self, stack: AsyncExitStack) -> None:
        for look in self._looks:
            self._ticker.every(_WATCH_MS, look)
        self._ticker.every(_REFRESH_MS, self._refresh)
        self._ticker.every(_CENSUS_MS, self._census.look)
        self._ticker.every(_REFRESH_MS, self._shadow.tick)
        self._ticker.every(self._settings.reaper.interval_ms, self.verbs.reaper.tick)
        self._ticker.every(self.verbs.bans.every_ms, self.verbs.bans.look)
        self._ticker.start()
        stack.callback(self._targets.close)
        stack.push_async_callback(self.facts.stop)
        self.reconcile_watch.start(self._ticker, stack)
        self.fact_verbs.start(self._ticker, stack)
        for part in (self.verbs.bans, self.verbs.killer, self.verbs.redeciders, self.verbs.reaper):
            stack.push_async_callback(part.stop)
        stack.callback(self._ticker.stop)

    async def _start_http(self, attestation: Attestation) -> HttpServer:
        limits, endpoint = http_limits(self._settings), endpoint_of(self._settings.listen)
        trust = trust_of(self._settings.listen, endpoint)
        callers = Callers(attestation, self.replica, client_watch(attestation, trust, self._clock))
        self._ticker.every(_WATCH_MS, callers.look)
        server = HttpServer(build(found := self._services(callers, limits)), limits, found.log)
        await server.start(endpoint)
        return server

    async def _jwks(self) -> KeySet:
        keyring = await self.replica.fresh_keyring()
        return KeySet(keyring.jwks(), keyring.number, self._settings.keys.cache_seconds)

    def _services(self, callers: Callers, limits: HttpLimits) -> Services:
        verbs, issuer = self.verbs, self._settings.issuer
        return Services(
            tasks=verbs.tasks,
            freezing=verbs.freezing,
            findings=self._behaviour.findings,
            signals=self._watch.signals,
            ends=verbs.ends,
            said=verbs.said,
            listing=verbs.listing,
            trees=TaskTrees.over(self.ledger),
            agents=verbs.agents,
            issuance=verbs.issuance,
            approvals=verbs.approvals,
            credentials=verbs.credentials,
            revocations=verbs.revocations,
            order_list=verbs.order_list,
            selections=verbs.selections,
            glass=verbs.glass,
            cuts=verbs.cuts,
            sessions=SessionEnds(callers.logout, verbs.revocations, self.ledger, self._faults),
            reports=verbs.reports,
            introspection=verbs.introspection,
            explain=verbs.explain,
            evaluations=Evaluations.over(self.ledger, self.replica, self.gate),
            revisions=verbs.revisions,
            reviews=self.fact_verbs.reviewing,
            facts=self.fact_verbs.ports(),
            authenticate=callers.by_token,
            clients=callers,
            possession=possession_of(self._settings, self._clock, self.ledger.proofs, self.replica),
            readiness=lambda: readiness(self.gate, self._settings.store.durability, self.facts),
            jwks=self._jwks,
            metrics=self.metrics,
            came=self._pace.came,
            limits=limits,
            clock=self._clock,
            log=structlog.get_logger("broker.http"),
            issuer=issuer,
            durability=self._settings.store.durability,
            request_id=self.ledger.ids.operation,
            extra_routes=feed_routes(self._feed.hub, limits=limits),
        )
