"""A lease of five minutes as the ledger holds it, and asking again whether it would be granted."""

from dataclasses import replace as with_parts
from typing import Final

from broker.facts.base import Base, tenant_thing
from broker.facts.facts import Facts
from broker.governance.published import Published
from broker.model.asked import Asked, Asker
from broker.model.capability import Capability
from broker.model.fact import BUNDLE
from broker.model.held import HeldLease
from broker.model.redecision import NoLonger, Redecision
from broker.model.task import TaskSpec
from broker.policy.cedar import CedarEngine
from broker.redeciding import redecide
from tests.fakes.clock import FakeClock
from tests.fakes.facts import ACME, thing
from tests.fakes.policy import CAPABILITY, ENTITIES, PERMIT_ALL, PRINCIPAL, compiled
from tests.fakes.records import lease_spec, task_spec
from tests.fakes.replace import replace
from tests.fakes.verbs_kit import FixedReplica

NOW: Final = 1_800_000_000_000
FIVE_MINUTES: Final = 300_000
READ: Final = frozenset({"orders:read"})
BOTH: Final = READ | {"orders:write"}
ASKED: Final = Asked(by=Asker.of(PRINCIPAL), scopes=READ, ttl_ms=FIVE_MINUTES)
BASE: Final = Base(
    [
        tenant_thing(ACME),
        thing("agent:invoice-bot", owner="o", purpose="p", source=BUNDLE),
    ],
    [],
    {},
)
SHIPPED: Final = FixedReplica().published
AT: Final = replace(CAPABILITY, backend="toy", target="yard", template='{"role": "reader"}')


def held(asked: Asked | None = ASKED, **changed: object) -> HeldLease:
    """Make a lease of five minutes; the changes go to its spec."""
    return HeldLease(
        spec=lease_spec(**changed),
        asked=asked,
        generation=1,
        given_ms=FIVE_MINUTES,
        expires_at_ms=NOW + FIVE_MINUTES,
    )


def published(
    *texts: str,
    capability: Capability | None = CAPABILITY,
    facts: Facts = Facts(3, BASE),  # noqa: B008 - it never changes
) -> Published:
    """Publish policies, and one capability or none, over facts."""
    texts = texts or (PERMIT_ALL,)
    engine = CedarEngine(compiled(*texts), ENTITIES, revision=7, facts=facts, clock=FakeClock(NOW))
    known = {} if capability is None else {capability.name: capability}
    return with_parts(SHIPPED, engine=engine, facts=facts, capabilities=known)


async def again(
    now: Published, lease: HeldLease | None = None, task: TaskSpec | None = None
) -> Redecision:
    """Ask again about one lease."""
    (answer,) = await redecide(now, [(lease or held(), task or task_spec())])
    return answer


async def refused(
    now: Published, lease: HeldLease | None = None, task: TaskSpec | None = None
) -> NoLonger:
    """Ask again about one lease that is not granted any more."""
    answer = await again(now, lease, task)
    assert isinstance(answer, NoLonger), answer
    return answer
