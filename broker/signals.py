"""Signals from outside: a trusted source says that an agent, a task or a person is odd.

- A signal is a Security Event Token (RFC 8417), signed by a source that is declared with what it
  may bring about at most, and in which tenants. It only ever takes away.
- It counts once: its ``jti`` is used up in the step that keeps the finding made of it.
- A token that nobody can vouch for is refused like any other, whatever is wrong with it.
"""

import asyncio
import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from broker import text
from broker.attestation.compact import UnverifiedToken, parse_compact
from broker.attestation.dates import read_date
from broker.attestation.header import check_header
from broker.attestation.keyset import UnusableKeySetError, parse_key_set
from broker.attestation.reasons import Reason
from broker.behaviour.detecting import Finding
from broker.behaviour.rules import SIGNAL, Action
from broker.clock import Clock
from broker.errors import (
    AttestationError,
    EvidenceUsedError,
    InvalidRequestError,
    KeySetUnavailableError,
    NotFoundError,
)
from broker.ids import parse_task_id
from broker.model.behaviour import Kept, encode
from broker.settings.signals import SignalSource
from broker.store.task_ledger import TaskLedger
from broker.store.watch_ledger import Row, WatchLedger

TYPE: Final = "secevent+jwt"
FRESH_MS: Final = 300_000
"""How old a signal may be; for twice as long it is known that it was used."""

AHEAD_MS: Final = 30_000
_LONGEST: Final = 128

SEVERITIES: Final = {"low": Action.NOTE, "medium": Action.FREEZE, "high": Action.SUSPEND}
"""What a signal asks for; it never gets more than its source may."""

_ORDER: Final = (Action.NOTE, Action.FREEZE, Action.SUSPEND)


class Acts(Protocol):
    """Does what a finding leads to: :class:`broker.behaviour_acts.Acts`."""

    async def act(self, finding: Finding) -> tuple[str, ...]:
        """Do it; return what was done. A repeat has no second effect."""
        ...


class _Subject(msgspec.Struct, frozen=True):
    format: str
    id: str


class _Event(msgspec.Struct, frozen=True):
    tenant: str = ""
    severity: str = "medium"


class _Claims(msgspec.Struct, frozen=True):
    jti: str
    sub_id: _Subject
    events: dict[str, _Event]


@dataclass(frozen=True, slots=True)
class _Signal:
    source: SignalSource
    jti: str
    kind: str
    name: str
    tenant: str
    action: Action


class Signals:
    """Takes signals. ``audience`` is what they must be for: the broker's own issuer."""

    def __init__(
        self,
        sources: Sequence[SignalSource],
        audience: str,
        *,
        ledger: WatchLedger,
        tasks: TaskLedger,
        acts: Acts,
        clock: Clock,
    ) -> None:
        self._sources = {source.issuer: source for source in sources}
        self._audience = audience
        self._ledger = ledger
        self._tasks = tasks
        self._acts = acts
        self._clock = clock

    async def take(self, token: str) -> Kept:
        """Take a signal, and do what it leads to.

        Raises:
            AttestationError: no source vouches for it, or it is not for us, or not of now.
            InvalidRequestError: its source says what cannot be understood.
            NotFoundError: it names a task that is none of its tenants'.
            EvidenceUsedError: it was taken before.
        """
        unverified = parse_compact(token)
        source = await self._vouched(unverified)
        signal = _read(source, unverified.unverified_claims)
        finding = await self._finding(signal)
        kept = Kept(finding)
        row = Row(finding.id, finding.at_ms, encode(kept))
        if not await self._ledger.add(_hash(source.issuer, signal.jti), 2 * FRESH_MS, row):
            raise EvidenceUsedError("signal-used")
        # From here on the finding is carried out, if not here then by whoever watches.
        did = await self._acts.act(finding)
        done = msgspec.structs.replace(kept, did=did, done_ms=self._clock.now_ms())
        await self._ledger.replace(finding.id, row.text, encode(done))
        return done

    async def _vouched(self, token: UnverifiedToken) -> SignalSource:
        claims = token.unverified_claims
        source = self._sources.get(str(claims.get("iss")))
        if source is None:
            raise AttestationError(Reason.UNTRUSTED_ISSUER, "no source of signals has this iss")
        header = check_header(token.unverified_header, algorithms=source.algorithms, types=(TYPE,))
        try:
            document = await asyncio.to_thread(source.keys_file.read_bytes)
            key = parse_key_set(document, source.algorithms).keys.get(header.key_id)
        except (OSError, UnusableKeySetError) as error:
            raise KeySetUnavailableError(Reason.KEYS_MISSING, f"{source.name}: {error}") from error
        if key is None or key.algorithm.name != header.algorithm:
            raise AttestationError(Reason.UNKNOWN_KEY, f"{source.name} has no such key")
        if not key.verifies(token.signing_input, token.signature):
            raise AttestationError(Reason.SIGNATURE, "the signature does not hold")
        if claims.get("aud") not in (self._audience, [self._audience]):
            raise AttestationError(Reason.AUDIENCE, "aud is not ours")
        self._check_age(read_date(claims, "iat") * 1000)
        return source

    def _check_age(self, issued_ms: int) -> None:
        now = self._clock.now_ms()
        if not now - FRESH_MS < issued_ms < now + AHEAD_MS:
            raise AttestationError(Reason.EXPIRED, "iat is not of now", claim="iat")

    async def _finding(self, signal: _Signal) -> Finding:
        agent, tasks = signal.name if signal.kind == "agent" else "", tuple[str, ...]()
        if signal.kind == "task":
            task = await self._tasks.view(parse_task_id(signal.name, field="sub_id"))
            if task.spec.tenant != signal.tenant:
                raise NotFoundError("no such task")
            agent, tasks = task.spec.agent, (task.spec.id,)
        return Finding(
            id=f"f_00_{_hash(signal.source.issuer, signal.jti)}",
            detector=SIGNAL,
            action=signal.action,
            tenant=signal.tenant,
            agent=agent,
            at_ms=self._clock.now_ms(),
            count=1,
            limit=1,
            what=f"{signal.source.name}: {signal.kind}:{signal.name}",
            tasks=tasks,
        )


def _read(source: SignalSource, claims: Mapping[str, object]) -> _Signal:
    try:
        read = msgspec.convert(claims, _Claims)
    except msgspec.ValidationError as error:
        raise InvalidRequestError("no security event of ours", field="signal") from error
    if not 0 < len(read.jti) <= _LONGEST or len(read.events) != 1:
        raise InvalidRequestError("send one event under a jti", field="signal")
    (event,) = read.events.values()
    kind, _, name = read.sub_id.id.partition(":")
    if read.sub_id.format != "opaque" or kind not in ("agent", "task", "person"):
        raise InvalidRequestError("name agent:…, task:… or person:…", field="sub_id")
    tenant = event.tenant or (source.tenants[0] if len(source.tenants) == 1 else "")
    if tenant not in source.tenants:
        raise InvalidRequestError("name a tenant of this source's", field="tenant")
    if event.severity not in SEVERITIES:
        raise InvalidRequestError("use low, medium or high", field="severity")
    wanted = min(SEVERITIES[event.severity], source.may, key=_ORDER.index)
    named = name if kind == "task" else text.parse_name(name, field="sub_id")
    return _Signal(source, read.jti, kind, named, tenant, wanted)


def _hash(issuer: str, jti: str) -> str:
    digest = hashlib.sha256(msgspec.json.encode([issuer, jti])).digest()
    return base64.b32encode(digest).decode().lower()[:26]
