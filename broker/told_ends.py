"""Ends that orchestrators tell of: a signed message says that a task of theirs has ended.

- A message (Standard Webhooks) vouches for itself, by keys that are declared with whose it is.
- It ends what its orchestrator may end by its own token, and nothing else: the ending itself is
  :meth:`broker.tasks.Tasks.close`, with the same rule, the same crash safety, the same report.
- Its id stands for one end. The same message again has no second effect and the same answer,
  however often, at whatever broker, whoever died meanwhile; another end under the same id is
  refused.
- Who nobody vouches for, and what is too old or of the future, is refused alike.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from broker.attestation.attested import Attested
from broker.attestation.reasons import Reason
from broker.clock import Clock
from broker.errors import AttestationError, IdempotencyConflictError, KeySetUnavailableError
from broker.faultpoints import FaultPoints
from broker.governance.registry import Registry
from broker.idempotency import repeatable
from broker.ids import TaskId
from broker.model.principal import Kind, Principal
from broker.model.task import Task, TaskState
from broker.replica import Replica
from broker.settings.ends import EndSource
from broker.store.bindings import Bindings
from broker.store.ledger import Ledger
from broker.tasks import Tasks
from broker.webhook_check import TOLERANCE_SECONDS, UncountedError, check
from broker.webhook_keys import Key, is_signed_by, read_keys
from broker.webhook_signing import ID

_TOLERANCE_MS: Final = TOLERANCE_SECONDS * 1000


@dataclass(frozen=True, slots=True)
class Message:
    """A message that somebody declared vouches for: its id, and whose it is."""

    id: str
    sender: Principal


@dataclass(frozen=True, slots=True)
class End:
    """What a message says."""

    task: TaskId
    outcome: TaskState
    reason: str = ""


class Given(Protocol):
    """What a broker has at hand: :class:`broker.verbs.Parts`."""

    @property
    def end_sources(self) -> Sequence[EndSource]:
        """Who is declared."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Where tasks and bindings are."""
        ...

    @property
    def replica(self) -> Replica:
        """Who is registered."""
        ...

    @property
    def faults(self) -> FaultPoints:
        """Where a test may let it die."""
        ...

    @property
    def clock(self) -> Clock:
        """By which messages are judged."""
        ...


class ToldEnds:
    """Takes messages. ``registry`` says who is registered now."""

    def __init__(
        self,
        sources: Sequence[EndSource],
        *,
        tasks: Tasks,
        bindings: Bindings,
        registry: Callable[[], Registry],
        faults: FaultPoints,
        clock: Clock,
    ) -> None:
        self._sources = {source.orchestrator: source for source in sources}
        self._tasks = tasks
        self._bindings = bindings
        self._registry = registry
        self._faults = faults
        self._clock = clock

    @classmethod
    def over(cls, given: Given, tasks: Tasks) -> "ToldEnds":
        """Build it in a broker."""
        return cls(
            given.end_sources,
            tasks=tasks,
            bindings=given.ledger.tasks.bindings,
            registry=lambda: given.replica.registered.registry,
            faults=given.faults,
            clock=given.clock,
        )

    async def vouch(self, orchestrator: str, headers: Mapping[str, str], body: bytes) -> Message:
        """Check whose a message is, by the bytes of its body as they came.

        Raises:
            AttestationError: it is not of a declared and registered orchestrator, or not of now.
            KeySetUnavailableError: its keys cannot be read: nobody can say.
        """
        source = self._sources.get(orchestrator)
        if source is None:
            raise AttestationError(Reason.UNTRUSTED_ISSUER, "nobody of that name sends messages")
        keys = await self._keys(source)
        now_ms, judge = self._clock.now_ms(), partial(is_signed_by, keys)
        try:
            id_ = check(headers, body, judge, now_ms=now_ms, tolerance_ms=_TOLERANCE_MS)
        except UncountedError as error:
            raise AttestationError(Reason.SIGNATURE, f"{orchestrator}: {error}") from None
        return Message(id_, self._registry().resolve(_attested(source, now_ms)))

    async def end(self, message: Message, said: End) -> Task:
        """End what it says has ended.

        Raises:
            NotFoundError: there is no such task, or its orchestrator has not opened it.
            IdempotencyConflictError: the id came with another end before.
        """
        same = repeatable(message.sender, "ends", message.id, said)
        try:
            await self._bindings.bind(same.key, same.digest)
        except IdempotencyConflictError as error:
            raise IdempotencyConflictError("was used for another end", field=ID) from error
        self._faults.reach("tell.bound")
        reason = f"message {message.id}: {said.reason}" if said.reason else f"message {message.id}"
        return await self._tasks.close(message.sender, said.task, said.outcome, reason)

    async def _keys(self, source: EndSource) -> Sequence[Key]:
        try:
            return await asyncio.to_thread(read_keys, source.keys_file)
        except (OSError, ValueError) as error:
            raise KeySetUnavailableError(
                Reason.KEYS_MISSING, f"ends of {source.orchestrator}: keys_file: {error}"
            ) from error


def _attested(source: EndSource, now_ms: int) -> Attested:
    return Attested(
        kind=Kind.ORCHESTRATOR,
        name=source.orchestrator,
        tenant="",
        instance="",
        issuer=source.issuer,
        subject="",
        expires_at_ms=now_ms + _TOLERANCE_MS,
    )
