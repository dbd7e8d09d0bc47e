"""The names of all keys: the one place that knows how they are spelt (``docs/architecture.md``)."""

from dataclasses import dataclass

from broker.ids import ApprovalId, BreakGlassId, LeaseId, RevocationId, TaskId, bucket_of
from broker.model.task import TaskSpec
from broker.store.facts_keys import FactsKeys
from broker.store.review_keys import ReviewKeys


@dataclass(frozen=True, slots=True)
class Bucket:
    """The keys of one bucket. Everything that one script touches lies in one bucket."""

    prefix: str

    @property
    def meta(self) -> str:
        """Clock, outbox number, facts revision."""
        return self.prefix + "meta"

    @property
    def cuts(self) -> str:
        """Cuts by name."""
        return self.prefix + "cuts"

    @property
    def due(self) -> str:
        """Work by due time."""
        return self.prefix + "due"

    @property
    def fences(self) -> str:
        """Fencing numbers of claimed work."""
        return self.prefix + "fences"

    @property
    def out(self) -> str:
        """The outbox."""
        return self.prefix + "out"

    @property
    def dying(self) -> str:
        """Leases that have ended and are not dead at their target yet, by their end."""
        return self.prefix + "dying"

    @property
    def head(self) -> tuple[str, str, str, str]:
        """What every mutating script of the ledger begins with."""
        return (self.meta, self.cuts, self.due, self.out)

    def task(self, task: TaskId) -> str:
        """A task node."""
        return f"{self.prefix}t:{task}"

    def path(self, path: tuple[TaskId, ...]) -> list[str]:
        """The nodes from the root to the task."""
        return [self.task(task) for task in path]

    def leases(self, task: TaskId) -> str:
        """All leases of a task, by time of issue: a report's order."""
        return f"{self.prefix}tl:{task}"

    def live(self, task: TaskId) -> str:
        """The leases of a task that have not ended, by expiry: its quota, and what to take down."""
        return f"{self.prefix}tq:{task}"

    def children(self, task: TaskId) -> str:
        """The children of a task, by opening time."""
        return f"{self.prefix}tc:{task}"

    def open_children(self, task: TaskId) -> str:
        """The children of a task that have not ended, by deadline: what is bounded."""
        return f"{self.prefix}to:{task}"

    def open_below(self, task: TaskId) -> str:
        """The tasks anywhere below one that have not ended, by deadline: where it bounds them."""
        return f"{self.prefix}td:{task}"

    def ending(self, path: tuple[TaskId, ...]) -> list[str]:
        """What the scripts that may end the last task of a path begin with.

        Then follow all sets that it leaves with its end.
        """
        siblings = [self.open_children(path[-2])] if len(path) > 1 else []
        left = [*siblings, *map(self.open_below, path[:-1])]
        return [*self.head, self.task(path[-1]), self.audiences(path[0]), *left]

    def rooms(self, spec: TaskSpec) -> dict[str, int]:
        """The tasks below those above one that bound them, and how many there may be."""
        above = zip(spec.path[:-1], spec.rooms, strict=False)
        return {self.open_below(task): most for task, most in above if most}

    def audiences(self, root: TaskId) -> str:
        """Every audience that a lease of this tree was ever made for."""
        return f"{self.prefix}ta:{root}"

    def lease(self, lease: LeaseId) -> str:
        """A lease."""
        return f"{self.prefix}l:{lease}"

    def index(self, kind: str, name: str) -> str:
        """Tasks by agent, tenant, issuer or capability."""
        return f"{self.prefix}ix:{kind}:{name}"

    def named(self, task: TaskSpec) -> list[str]:
        """Tasks by what they name: tickets, and on whose behalf they are."""
        tickets = [("ticket", name) for name in dict.fromkeys(task.tickets)]
        people = [("person", task.on_behalf_of)] if task.on_behalf_of else []
        named = [self.index(kind, f"{task.tenant}/{name}") for kind, name in tickets + people]
        return named + self._lent(task)

    def _lent(self, task: TaskSpec) -> list[str]:
        """Roots by the sessions that they were opened in; what is below ends with them."""
        lent = [] if task.lender is None else task.lender.ended_with(task.tenant)
        parts = (name.partition(":") for name in lent if len(task.path) == 1)
        return [self.index(f"by-{kind}", name) for kind, _, name in parts]

    def idempotency(self, digest: str) -> str:
        """What an idempotency key stands for."""
        return f"{self.prefix}id:{digest}"

    def evidence(self, name: str) -> str:
        """What evidence was used for; ``name`` is a digest."""
        return f"{self.prefix}ev:{name}"

    def decision(self, decision: str) -> str:
        """A recorded refusal."""
        return f"{self.prefix}d:{decision}"

    @property
    def refusals(self) -> str:
        """The recorded refusals, by when they were noted: the newest of those that are kept."""
        return f"{self.prefix}dx"

    def denials(self, caller: str) -> str:
        """How many refusals of a caller were recorded in this minute."""
        return f"{self.prefix}dn:{caller}"

    def glass(self, glass: BreakGlassId) -> str:
        """An emergency."""
        return f"{self.prefix}g:{glass}"

    @property
    def glasses(self) -> str:
        """Emergencies by when they were asked for."""
        return f"{self.prefix}gs"

    @property
    def glass_reviews(self) -> str:
        """Those that nobody has looked at yet, by when it is due."""
        return f"{self.prefix}gr"

    def revocation(self, revocation: RevocationId) -> str:
        """An operator's order."""
        return f"{self.prefix}r:{revocation}"

    def orders(self, tenant: str) -> str:
        """Orders that reach one tenant alone, by when they were given; ``*``: all of them."""
        return f"{self.prefix}ro:{tenant}"

    def selection(self, digest: str) -> str:
        """A set of leases that an operator has picked."""
        return f"{self.prefix}s:{digest}"

    def approval(self, approval: ApprovalId) -> str:
        """What people have to agree to."""
        return f"{self.prefix}a:{approval}"

    def asking(self, digest: str) -> str:
        """The approval that a request waits for; ``digest`` is of what it asks for."""
        return f"{self.prefix}aq:{digest}"

    def approvals(self, tenant: str) -> str:
        """Its open approvals, by when they were asked for."""
        return f"{self.prefix}ao:{tenant}"

    def task_approvals(self, task: TaskId) -> str:
        """The open approvals of a task, by when they were asked for."""
        return f"{self.prefix}at:{task}"

    def told(self, what: str) -> str:
        """Set once this bucket has told of a finding."""
        return f"{self.prefix}bt:{what}"

    def late(self, agent: str) -> str:
        """How many late uses of an agent (``TENANT/NAME``) were told in this minute."""
        return f"{self.prefix}bl:{agent}"

    def said(self, task: TaskId) -> str:
        """What a task's agent has said of the uses of its credentials."""
        return f"{self.prefix}ts:{task}"

    def said_lately(self, task: TaskId) -> str:
        """How often it has in this minute."""
        return f"{self.prefix}tm:{task}"

    def cut_marker(self, revocation: RevocationId) -> str:
        """Set once this bucket has told of the order's cut."""
        return f"{self.prefix}rc:{revocation}"


@dataclass(frozen=True, slots=True)
class BanKeys:
    """The keys of one deny list at a target: a slot of their own."""

    prefix: str

    @property
    def meta(self) -> str:
        """Clock, lineage, revision, what is known to stand there, who writes, the cut-off."""
        return self.prefix + "meta"

    @property
    def entries(self) -> str:
        """What must stand in the list, by when it may go."""
        return self.prefix + "entries"

    @property
    def covered(self) -> str:
        """What a cut-off that is being laid takes the place of, by when it may go."""
        return self.prefix + "covered"

    @property
    def stood(self) -> str:
        """What was last read back of the list."""
        return self.prefix + "stood"

    @property
    def born(self) -> str:
        """The leases that this list has to refuse one day, by when their minting began."""
        return self.prefix + "born"


class Keyspace:
    """All keys of one installation: ``namespace`` keeps it apart from others on the same server."""

    def __init__(self, namespace: str, buckets: int) -> None:
        self.namespace = namespace
        self.buckets = [Bucket(f"{namespace}:{{b{number:02x}}}:") for number in range(buckets)]

    def of(self, any_id: str) -> Bucket:
        """Return the bucket that an id lives in."""
        return self.buckets[bucket_of(any_id) % len(self.buckets)]

    def quota(self, kind: str, name: str) -> str:
        """Live leases of an agent or tenant: a slot of its own."""
        return f"{self.namespace}:{{q:{kind}:{name}}}:live"

    @property
    def facts(self) -> FactsKeys:
        """The facts log."""
        return FactsKeys(self.buckets[0].prefix)

    @property
    def reviews(self) -> ReviewKeys:
        """The reviews."""
        return ReviewKeys(self.buckets[0].prefix)

    def of_evidence(self, name: str) -> Bucket:
        """Return the bucket that a piece of evidence lives in: its name, a digest, says which."""
        return self.buckets[int(name[:8], 16) % len(self.buckets)]

    def proofs(self, key: str) -> str:
        """Proofs of possession that a key has used: a slot of its own."""
        return f"{self.namespace}:{{p:{key}}}:used"

    def bans(self, digest: str) -> BanKeys:
        """Return the keys of a deny list; ``digest`` is made of its target's name and its own."""
        return BanKeys(f"{self.namespace}:{{k:{digest}}}:")

    @property
    def watch(self) -> str:
        """Who watches what agents do, and how far the log was looked at."""
        return f"{self.namespace}:{{watch}}:turn"

    @property
    def findings(self) -> tuple[str, str, str]:
        """Findings by id; their ids by when; those that want doing."""
        prefix = f"{self.namespace}:{{watch}}:"
        return f"{prefix}findings", f"{prefix}found", f"{prefix}todo"

    @property
    def signals(self) -> str:
        """Signals that were taken, by when they may be forgotten."""
        return f"{self.namespace}:{{watch}}:signals"

    def past(self, agent: str) -> str:
        """What is remembered of an agent (``TENANT/NAME``)."""
        return f"{self.namespace}:{{watch}}:past:{agent}"

    @property
    def ban_lists(self) -> str:
        """The names of all deny lists, by their digests."""
        return f"{self.namespace}:{{k}}:lists"

    @property
    def control(self) -> str:
        """The control record."""
        return f"{self.namespace}:{{control}}:record"

    def bundle(self, revision: int) -> str:
        """The published bundle of a revision."""
        return f"{self.namespace}:{{control}}:bundle:{revision}"

    @property
    def history(self) -> str:
        """Who published which of the kept revisions, when and why."""
        return f"{self.namespace}:{{control}}:history"

    @property
    def replicas(self) -> str:
        """What each broker serves, and when it last said so."""
        return f"{self.namespace}:{{control}}:replicas"

    @property
    def shadow(self) -> str:
        """The candidate that decides beside what is published."""
        return f"{self.namespace}:{{control}}:shadow"

    @property
    def shadow_counts(self) -> str:
        """How often it would have decided otherwise."""
        return f"{self.namespace}:{{control}}:shadow:counts"

    @property
    def reconciled(self) -> str:
        """When each target was compared with the ledger, when it will be, and what came of it."""
        return f"{self.namespace}:{{control}}:reconciled"
