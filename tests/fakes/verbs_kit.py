"""The verbs of one broker over a real ledger, with the shipped policies and a key of its own."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from backends.jwt import access_token_claims
from broker.clock import Clock, SystemClock
from broker.facts_copy import Step
from broker.faultpoints import FaultPoints
from broker.gate import Gate
from broker.governance.bundle import Bundle
from broker.governance.published import Published, Quotas
from broker.metrics import Metrics
from broker.model.capability import Ceiling
from broker.model.principal import Kind, Principal
from broker.model.requests import ExtendTask, IssueCredential, OpenTask, Selector, SelectorKind
from broker.model.task import Task
from broker.pace import Pace
from broker.reaper import Claims
from broker.reassessment import Patience
from broker.settings.limits import QuotaDefaults, Reevaluation
from broker.settings.settings import BundleFiles
from broker.signing.key import SigningKey, new_private_key, thumbprint
from broker.signing.keyring import Keyring
from broker.signing.token_verifier import TokenVerifier
from broker.store.clock_bounds import ANY_TIME, ClockBounds
from broker.store.feed_log import FeedLog
from broker.store.ledger import Ledger
from broker.store.limits import Limits
from broker.store.link import Link
from broker.tasks import TaskLimits
from broker.verbs import Parts, Verbs, build_verbs
from tests.fakes.policy import CONFIG
from tests.fakes.replace import replace

ISSUER: Final = "https://broker.example"
HOUR_MS: Final = 3_600_000
BUCKETS: Final = 4

_FILES: Final = BundleFiles(
    agents=CONFIG / "agents.yaml",
    capabilities=CONFIG / "capabilities.yaml",
    resource_servers=CONFIG / "resource_servers.yaml",
    schema=CONFIG / "schema.cedarschema",
    policies=CONFIG / "policies",
)


class FixedReplica:
    """Runs the shipped bundle as revision 1, and one key."""

    def __init__(self, clock: Clock | None = None) -> None:
        bundle = Bundle.from_files(_FILES)
        self.published = Published.of(
            bundle, revision=1, quotas=QuotaDefaults(), clock=clock or SystemClock()
        )
        private = new_private_key("ES256")
        key = SigningKey(thumbprint(private), private)
        manifest = {"kid": key.kid, "alg": key.alg, "state": "active", "jwk": key.jwk}
        self.keyring = Keyring([key], [manifest])
        self.verifier = TokenVerifier(self.keyring, issuer=ISSUER)
        self.known_steps: Sequence[Step] | None = None

    @property
    def registered(self) -> Published:
        """Who there is."""
        return self.published

    async def refresh(self) -> None:
        """Find nothing new."""

    def steps(self, first: int, last: int) -> Sequence[Step] | None:  # noqa: ARG002 - as a test says
        """Know what a test says of what the facts were before: nothing, mostly."""
        return self.known_steps

    def allow(self, agent: str, live: int) -> None:
        """Let an agent have so many live credentials."""
        self.published = replace(self.published, quotas=_Allowance(agent, live))


class _Allowance(Quotas):
    """Many for everybody, but for one agent."""

    def __init__(self, agent: str, live: int) -> None:
        self._one = (agent, live)

    def of_agent(self, name: str) -> int:
        return self._one[1] if name == self._one[0] else 1_000

    def of_tenant(self, name: str) -> int:  # noqa: ARG002 - all alike
        return 1_000


class VerbsKit:
    """The verbs, and short ways to the states that tests begin from."""

    def __init__(
        self,
        link: Link,
        *,
        clock: Clock | None = None,
        bounds: ClockBounds = ANY_TIME,
        patience: Patience | None = None,
    ) -> None:
        self.link = link
        self.ledger = Ledger.over(
            link, namespace="jit", buckets=BUCKETS, limits=Limits(), bounds=bounds
        )
        self.clock = clock or SystemClock()
        self.replica = FixedReplica(self.clock)
        self.gate = Gate([])
        self.patience = patience or Patience()
        self.may_sweep = True
        self.due: Callable[[Sequence[int]], object] = list  # a test reaps when it wants
        self.pace = Pace(self.clock, share=Reevaluation().busy_percent / 100)
        self.metrics = Metrics(durability="os", reasons=[], actions=[])
        self.verbs: Verbs = build_verbs(self._parts())
        self.orchestrator = self.principal(Kind.ORCHESTRATOR, "ci-orchestrator", "ci-1")
        self.agent = self.principal(Kind.AGENT, "invoice-bot", "pod-1")
        self.operator = self.principal(Kind.OPERATOR, "alice", "console-1")

    def _parts(self) -> Parts:
        return Parts(
            ledger=self.ledger,
            feed_log=FeedLog(self.link, "jit"),
            gate=self.gate,
            replica=self.replica,
            metrics=self.metrics,
            faults=FaultPoints(),
            issuer=ISSUER,
            claims_of=access_token_claims,
            task_limits=TaskLimits(max_ttl_ms=8 * HOUR_MS),
            agent_quota=500,
            retention_ms=HOUR_MS,
            claims=Claims(),
            news=lambda bucket, *, urgent: None,  # noqa: ARG005 - nobody ships here
            due=self._due,
            may_sweep=lambda: self.may_sweep,
            clock=self.clock,
            pace=self.pace,
            patience=self.patience,
        )

    def _due(self, buckets: Sequence[int]) -> None:
        self.due(buckets)

    def principal(self, kind: Kind, name: str, instance: str) -> Principal:
        """Make a caller of tenant acme."""
        return Principal(
            kind=kind,
            name=name,
            tenants=frozenset({"acme"}),
            instance=instance,
            issuer="https://issuer.example",
            subject=name,
            expires_at_ms=self.clock.now_ms() + HOUR_MS,
        )

    async def open(self, **changes: Any) -> Task:
        """Open a task for the agent."""
        request = OpenTask(
            name="reconcile",
            agent="invoice-bot",
            tenant="acme",
            ceiling=(
                Ceiling("orders-api", frozenset({"orders:read"})),
                Ceiling("reports-read", frozenset({"reports:read"})),
            ),
            ttl_ms=HOUR_MS // 2,
            idle_ms=HOUR_MS,
            instance="pod-1",
        )
        opened = await self.verbs.tasks.open(self.orchestrator, replace(request, **changes), "")
        return opened.task

    async def open_child(self, parent: Task) -> Task:
        """Let the agent hand on a part of its task to itself."""
        request = OpenTask(
            name="child",
            agent="invoice-bot",
            tenant="acme",
            ceiling=(Ceiling("orders-api", frozenset({"orders:read"})),),
            ttl_ms=HOUR_MS // 4,
            idle_ms=HOUR_MS,
            instance="pod-1",
            parent=parent.spec.id,
        )
        return (await self.verbs.tasks.open(self.agent, request, "")).task

    async def extend(self, task: Task) -> Task:
        """Move a task's deadline a little."""
        return await self.verbs.tasks.extend(self.agent, task.spec.id, ExtendTask(600_000), "")

    async def issue(self, task: Task, key: str = "", ttl_ms: int = 60_000) -> str:
        """Issue a credential for orders; return its id."""
        request = IssueCredential("orders-api", frozenset({"orders:read"}), ttl_ms)
        issued = await self.verbs.issuance.issue(self.agent, task.spec.id, request, key)
        return issued.lease.spec.id

    async def revoke(self, of: SelectorKind, value: str, key: str = "") -> str:
        """Let the operator order something; return the order's id."""
        ordered = await self.verbs.revocations.order(
            self.operator, Selector(of, value), "a test says so", key
        )
        return ordered.id

    def exposition(self) -> str:
        """Return the metrics as a scrape sees them."""
        return self.metrics.exposition().body.decode()

    async def reap(self) -> None:
        """Do what is due."""
        for bucket in range(BUCKETS):
            await self.verbs.reaper.reap(bucket)

    async def counted(self, kind: str, name: str) -> Sequence[str]:
        """Read whom a quota counts."""
        return list(await self.link.read("ZRANGE", self.ledger.keys.quota(kind, name), 0, -1))
