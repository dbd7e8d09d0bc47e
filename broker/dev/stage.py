"""What the story's steps act on: who calls, where tokens are used, and what is remembered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from broker.clock import Clock
from broker.dev.parts import Part, Turn
from broker.dev.passports import Identity, Passports
from broker.dev.step import Death
from broker.dev.visitor import Visitor
from broker.model.principal import Kind
from broker.secret import Secret

TENANT: Final = "acme"
ORCHESTRATOR: Final = Identity(Kind.ORCHESTRATOR, "ci-orchestrator", instance="ci-1")
AGENT: Final = Identity(Kind.AGENT, "invoice-bot", TENANT, "pod-1")
HELPER: Final = Identity(Kind.AGENT, "helper-bot", TENANT, "pod-2")
OPERATOR: Final = Identity(Kind.OPERATOR, "alice", instance="console-1")


@dataclass(slots=True)
class Job:
    """One task of the story, and the credential that was got for it."""

    name: str
    task: str
    credential: str = ""
    token: Secret = field(default_factory=lambda: Secret(""))
    expires_at_ms: int = 0
    cause: str = ""
    took_ms: int = 0
    """From what killed it to the first refusal."""


class Stage:
    """The callers, the resource server's visitor, and the jobs by their key."""

    def __init__(
        self,
        *,
        passports: Passports,
        session: aiohttp.ClientSession,
        brokers: Sequence[str],
        resource: str,
        clock: Clock,
    ) -> None:
        turn = Turn(len(brokers))

        def part(identity: Identity) -> Part:
            return Part(identity, passports=passports, session=session, brokers=brokers, turn=turn)

        self.orchestrator = part(ORCHESTRATOR)
        self.agent = part(AGENT)
        self.helper = part(HELPER)
        self.operator = part(OPERATOR)
        self.visitor = Visitor(session, resource=resource, clock=clock)
        self.clock = clock
        self.jobs: dict[str, Job] = {}
        self.refusals: dict[str, str] = {}
        """The decisions behind refusals, by the key of the job."""
        self.deaths: list[Death] = []

    def wall_ms(self, monotonic_ms: int) -> int:
        """Turn an instant of the monotonic clock into one of the wall clock."""
        return monotonic_ms + self.clock.now_ms() - self.clock.monotonic_ms()
