"""Everybody who calls the brokers of a :class:`~tests.fakes.world.World`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from broker.model.principal import Kind
from tests.fakes.world_config import ISSUERS


@dataclass(frozen=True)
class Who:
    """A caller: what its workload token says. ``claims`` replaces or adds to it."""

    kind: Kind
    name: str
    tenant: str = ""
    instance: str = "i-1"
    issuer: str = ISSUERS[0]
    claims: Mapping[str, object] = field(default_factory=dict)

    def at(self, instance: str) -> "Who":
        """Another running copy of the same."""
        return replace(self, instance=instance)


ORCHESTRATOR: Final = Who(Kind.ORCHESTRATOR, "ci-orchestrator", "acme", "ci-1")
OTHER_ORCHESTRATOR: Final = Who(Kind.ORCHESTRATOR, "other-orchestrator", "acme", "ci-1")
STOCK_ORCHESTRATOR: Final = Who(Kind.ORCHESTRATOR, "stock-orchestrator", "globex", "ci-1")
WIDE_ORCHESTRATOR: Final = Who(Kind.ORCHESTRATOR, "wide-orchestrator")
AGENT: Final = Who(Kind.AGENT, "invoice-bot", "acme", "pod-1")
HELPER: Final = Who(Kind.AGENT, "helper-bot", "acme", "pod-1")
REPORTER: Final = Who(Kind.AGENT, "report-bot", "acme", "pod-1")
SMALL: Final = Who(Kind.AGENT, "small-bot", "acme", "pod-1")
STOCK_AGENT: Final = Who(Kind.AGENT, "stock-bot", "globex", "pod-1")
TINY_AGENT: Final = Who(Kind.AGENT, "tiny-bot", "tiny", "pod-1")
OPERATOR: Final = Who(Kind.OPERATOR, "alice", "acme")
STOCK_OPERATOR: Final = Who(Kind.OPERATOR, "gina", "globex")
BOTH_OPERATOR: Final = Who(Kind.OPERATOR, "both-operator")
ROOT_OPERATOR: Final = Who(Kind.OPERATOR, "root-operator")
ORDERS: Final = Who(Kind.RESOURCE, "https://orders.example")
REPORTS: Final = Who(Kind.RESOURCE, "https://reports.example")
DANA: Final = Who(Kind.PERSON, "dana", "acme", "browser-1")
ERIN: Final = Who(Kind.PERSON, "erin", "acme", "browser-1")
FRANK: Final = Who(Kind.PERSON, "frank", "acme", "browser-1")
STOCK_PERSON: Final = Who(Kind.PERSON, "gwen", "globex", "browser-1")
"""People are anybody only where the facts know them: :func:`tests.fakes.people.register`."""
