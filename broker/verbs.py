"""Builds the verbs over a ledger: the inner half of the composition root."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from backends.access_token import ClaimsOf
from broker.agents import Agents
from broker.approving import Approving
from broker.asking import Limits as QuestionLimits
from broker.asking import Questions
from broker.bans import Bans
from broker.clock import Clock
from broker.credentials import Credentials
from broker.cuts import Cuts
from broker.due_work import workers
from broker.explain import Explain
from broker.faultpoints import FaultPoints
from broker.freezing import Freezing
from broker.gate import Gate
from broker.glass_verbs import GlassVerbs
from broker.granting import Granting
from broker.ids import bucket_of
from broker.introspection import Introspection
from broker.issuance import Issuance
from broker.judgement import Judgement
from broker.killing import Killer
from broker.late_use import Lateness, Unnoted
from broker.listing import Listing
from broker.live_credentials import LiveCredentials
from broker.metrics import Metrics
from broker.minting import Minting
from broker.model.alarm import AlarmPort, NoAlarm
from broker.onlooker import Nobody, Onlooker
from broker.order_list import OrderList
from broker.order_walk import OrderWalk
from broker.pace import Pace
from broker.places import Places
from broker.populations import Populations
from broker.prolonging import Prolonging
from broker.reaper import Claims, News, Reaper, Worker
from broker.reassessment import Patience
from broker.receipts import Receipts
from broker.redeciders import Redeciders
from broker.replica import Replica
from broker.reports import Reports
from broker.revisions import Revisions
from broker.revocation import Revocations
from broker.said_uses import SaidUses
from broker.selecting import Selecting
from broker.selections import Selections
from broker.set_orders import SetOrders
from broker.settings.ends import EndSource
from broker.settings.limits import Approvals
from broker.single_use import SingleUse
from broker.store.feed_log import FeedLog
from broker.store.ledger import Ledger
from broker.target_minting import TargetMinting
from broker.targets.targets import Targets
from broker.tasks import TaskLimits, Tasks
from broker.told_ends import ToldEnds
from broker.tree_walk import TreeWalk


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the verbs stand on.

    ``news`` is called with a bucket whose outbox has something, and whether somebody's access
    ended; ``due`` with buckets that have work. ``claims_of`` writes down what our tokens state.
    ``agent_quota`` is the quota of an agent that states none.
    """

    ledger: Ledger
    feed_log: FeedLog
    gate: Gate
    replica: Replica
    metrics: Metrics
    faults: FaultPoints
    issuer: str
    claims_of: ClaimsOf
    task_limits: TaskLimits
    agent_quota: int
    retention_ms: int
    claims: Claims
    news: News
    due: Callable[[Sequence[int]], None]
    may_sweep: Callable[[], bool]
    clock: Clock
    pace: Pace
    targets: Targets = field(default_factory=Targets)
    patience: Patience = field(default_factory=Patience)
    onlooker: Onlooker = field(default_factory=Nobody)
    questions: Approvals = field(default_factory=Approvals)
    more_work: Mapping[str, Worker] = field(default_factory=dict)
    late: Lateness = field(default_factory=Unnoted)
    alarm: AlarmPort = field(default_factory=NoAlarm)
    end_sources: Sequence[EndSource] = ()

    def wake(self, buckets: Sequence[int]) -> None:
        """Say that access ended in these buckets, and that there is work."""
        for bucket in buckets:
            self.news(bucket, urgent=True)
        self.due(buckets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbs:
    """Everything that callers and the due queue can set in motion."""

    tasks: Tasks
    ends: ToldEnds
    said: SaidUses
    freezing: Freezing
    listing: Listing
    agents: Agents
    issuance: Issuance
    approvals: Approving
    credentials: Credentials
    revocations: Revocations
    order_list: OrderList
    selections: Selections
    cuts: Cuts
    reports: Reports
    introspection: Introspection
    explain: Explain
    revisions: Revisions
    reaper: Reaper
    redeciders: Redeciders
    glass: GlassVerbs
    killer: Killer
    bans: Bans


def build_verbs(parts: Parts) -> Verbs:
    """Build them."""
    ledger, judgement = parts.ledger, _judgement(parts)
    populations = Populations(ledger.tree)
    listing = Listing(ledger.tasks, ledger.tree, len(ledger.keys.buckets))
    cuts = Cuts(ledger.cuts, ledger.orders, ledger.clock)
    sets = _set_orders(parts, selections := _selections(parts))
    revocations = _revocations(parts, sets)
    bans = Bans.over(ledger, parts.targets, parts.faults)
    killer = Killer.over(ledger, parts.targets, bans, parts.faults)
    freezing = Freezing.over(ledger, parts.faults, parts.wake)
    approvals = _approving(parts, judgement, freezing)
    pieces = workers(
        *(ledger, parts.faults, parts.retention_ms),
        populations=populations,
        revocations=revocations,
        sets=sets,
        killer=killer,
        approvals=approvals,
    )
    at_targets = TargetMinting.over(ledger, parts.targets, killer, bans, parts.faults)
    return Verbs(
        tasks=(tasks := _tasks(parts, judgement)),
        ends=ToldEnds.over(parts, tasks),
        said=SaidUses.over(parts, judgement.knocks),
        freezing=freezing,
        listing=listing,
        agents=_agents(parts, listing, cuts),
        issuance=_issuance(parts, judgement, approvals.questions, killer, at_targets),
        glass=GlassVerbs.over(parts, judgement, at_targets),
        approvals=approvals,
        credentials=Credentials.over(ledger, parts.faults, parts.news, parts.due),
        revocations=revocations,
        order_list=OrderList(ledger.orders, revocations.told, len(ledger.keys.buckets)),
        selections=selections,
        cuts=cuts,
        reports=_reports(parts, populations, sets),
        introspection=_introspection(parts),
        explain=Explain(ledger, lambda: parts.replica.published, parts.clock),
        revisions=Revisions(ledger.control, ledger.replicas, ledger.shadow),
        redeciders=(redeciders := Redeciders.over(parts)),
        reaper=_reaper(parts, pieces, redeciders),
        killer=killer,
        bans=bans,
    )


def _agents(parts: Parts, listing: Listing, cuts: Cuts) -> Agents:
    ledger = parts.ledger
    return Agents(
        registered=lambda: parts.replica.registered,
        default_quota=parts.agent_quota,
        quotas=ledger.quotas,
        listing=listing,
        credentials=LiveCredentials(ledger.quotas, ledger.leases),
        cuts=cuts,
        clock=ledger.clock,
    )


def _introspection(parts: Parts) -> Introspection:
    return Introspection(
        lambda: parts.replica.verifier,
        parts.ledger.leases,
        parts.late,
        told=lambda lease: parts.news(bucket_of(lease), urgent=False),
    )


def _judgement(parts: Parts) -> Judgement:
    return Judgement(
        parts.gate,
        parts.replica,
        log=parts.ledger.decisions,
        metrics=parts.metrics,
        faults=parts.faults,
        onlooker=parts.onlooker,
        rest=parts.ledger.facts.rest,
        late=parts.late,
    )


def _tasks(parts: Parts, judgement: Judgement) -> Tasks:
    return Tasks(
        ledger=parts.ledger.tasks,
        judgement=judgement,
        single_use=SingleUse(parts.ledger.evidence, judgement, parts.ledger.ids),
        ids=parts.ledger.ids,
        limits=parts.task_limits,
        faults=parts.faults,
        wake=lambda task: parts.wake([bucket_of(task)]),
    )


def _approving(parts: Parts, judgement: Judgement, freezing: Freezing) -> Approving:
    return Approving(
        parts.ledger,
        judgement,
        replica=parts.replica,
        clock=parts.clock,
        limits=QuestionLimits.of(parts.questions),
        faults=parts.faults,
        told=lambda task: parts.news(bucket_of(task), urgent=False),
        freeze=freezing.freeze,
    )


def _issuance(
    parts: Parts,
    judgement: Judgement,
    questions: Questions,
    killer: Killer,
    at_targets: TargetMinting,
) -> Issuance:
    ledger = parts.ledger
    granting = Granting(ledger.leases, Places(ledger.quotas))
    return Issuance(
        tree=ledger.tree,
        leases=ledger.leases,
        granting=granting,
        at_targets=at_targets,
        prolonging=Prolonging(
            targets=parts.targets,
            granting=granting,
            ledger=ledger.prolonging,
            killer=killer,
            faults=parts.faults,
        ),
        judgement=judgement,
        single_use=SingleUse(ledger.evidence, judgement, ledger.ids),
        questions=questions,
        minting=Minting(parts.issuer, parts.replica, parts.claims_of),
        ids=ledger.ids,
        faults=parts.faults,
        told=lambda lease: parts.news(bucket_of(lease), urgent=False),
    )


def _selections(parts: Parts) -> Selections:
    ledger = parts.ledger
    return Selections(
        selecting=Selecting(ledger.tree, ledger.live, len(ledger.keys.buckets)),
        kept=ledger.selections,
        tasks=ledger.tasks,
        leases=ledger.leases,
        paths=ledger.paths,
        control=ledger.control,
        clock=ledger.clock,
        registered=lambda: parts.replica.registered,
    )


def _set_orders(parts: Parts, selections: Selections) -> SetOrders:
    ledger = parts.ledger
    return SetOrders(
        selections=selections,
        kept=ledger.selections,
        orders=ledger.orders,
        leases=ledger.leases,
        tree=ledger.tree,
        places=Places(ledger.quotas),
        faults=parts.faults,
        retention_ms=parts.retention_ms,
    )


def _revocations(parts: Parts, sets: SetOrders) -> Revocations:
    ledger = parts.ledger
    return Revocations(
        tasks=ledger.tasks,
        leases=ledger.leases,
        cuts=ledger.cuts,
        orders=ledger.orders,
        places=Places(ledger.quotas),
        sets=sets,
        ids=ledger.ids,
        buckets=len(ledger.keys.buckets),
        faults=parts.faults,
        wake=parts.wake,
    )


def _reports(parts: Parts, populations: Populations, sets: SetOrders) -> Reports:
    ledger = parts.ledger
    tree_walk = TreeWalk(ledger.leases, ledger.tree, ledger.paths)
    return Reports(
        tasks=ledger.tasks,
        leases=ledger.leases,
        paths=ledger.paths,
        orders=ledger.orders,
        tree_walk=tree_walk,
        order_walk=OrderWalk(
            populations=populations,
            tree=ledger.tree,
            leases=ledger.leases,
            tree_walk=tree_walk,
            buckets=len(ledger.keys.buckets),
        ),
        sets=sets,
        receipts=Receipts(parts.feed_log.subscribers),
        servers=lambda: parts.replica.registered.resource_servers,
    )


def _reaper(parts: Parts, pieces: dict[str, Worker], redeciders: Redeciders) -> Reaper:
    return Reaper(
        due=parts.ledger.due,
        leases=parts.ledger.leases,
        workers={**pieces, **parts.more_work, "f": redeciders.reevaluation},
        many={"c": redeciders.doubts},
        buckets=len(parts.ledger.keys.buckets),
        metrics=parts.metrics,
        faults=parts.faults,
        told=parts.news,
        may_sweep=parts.may_sweep,
        claims=parts.claims,
    )
