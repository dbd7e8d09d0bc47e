"""The deny set: what the ledger has taken away and has not yet forgotten.

* A denial is never withdrawn and never shortened; adding one twice changes nothing. So snapshots,
  repeated frames and frames of another broker can be added in any order.
* A denial outlives every token that it covers (its ``exp`` is not before theirs), so it can be
  forgotten by age. What was forgotten stays dead even if this machine's clock is set back.
"""

import hashlib
import heapq
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from broker.client.token import VerifiedToken

CUT_KINDS: Final = frozenset({"all", "agent", "capability", "issuer", "key", "task", "tenant"})
"""Of what a cut can be (DESIGN §2)."""

_Key = str | tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class IdDenial:
    """A lease or a task is dead; with a task, everything below it."""

    id: str
    exp: int
    """When it may be forgotten, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class CutDenial:
    """Nothing of X issued at or before an instant is alive, in one tenant or (empty) in all.

    Of a signing key nothing is, whatever instant it says: who stole it writes any instant.
    """

    of: str
    name: str
    tenant: str
    issued_before_ms: int
    exp: int
    """When it may be forgotten, in seconds since the epoch."""


Denial = IdDenial | CutDenial


class DenySet:
    """Denials, looked up in constant time per token."""

    def __init__(self) -> None:
        self._ends: dict[_Key, int] = {}
        self._cuts: dict[_Key, int] = {}
        self._due: list[tuple[int, int, _Key]] = []
        self._tie_breaker = itertools.count()
        self._forgotten_ms = 0

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, denial: Denial) -> None:
        """Deny what the denial names, from now until its ``exp``."""
        key: _Key
        if isinstance(denial, CutDenial):
            key = (denial.of, denial.name, denial.tenant)
            self._cuts[key] = max(self._cuts.get(key, 0), denial.issued_before_ms)
        else:
            key = denial.id
        self._keep(key, denial.exp)

    def covers(self, token: VerifiedToken) -> bool:
        """Tell whether the token is dead."""
        if token.expires_at_ms <= self._forgotten_ms or token.lease in self._ends:
            return True
        if any(step in self._ends for step in token.path):
            return True
        if not self._cuts:
            return False
        return ("key", token.key_id, "") in self._cuts or any(
            token.issued_at_ms <= self._cuts.get(key, -1) for key in _cuts_over(token)
        )

    def forget(self, before_ms: int, *, limit: int = 2_000) -> None:
        """Drop what is past its ``exp``; at most ``limit`` entries, so that no call takes long."""
        self._forgotten_ms = max(self._forgotten_ms, before_ms)
        for _ in range(limit):
            if not self._due or self._due[0][0] * 1000 > self._forgotten_ms:
                return
            exp, _, key = heapq.heappop(self._due)
            if self._ends.get(key) == exp:
                del self._ends[key]
                self._cuts.pop(key, None)

    def digest(self, at_ms: int) -> str:
        """Return one SHA-256 over all that is in force at an instant.

        Two sets that deny the same have the same digest, whatever the order of their histories.
        """
        lines = sorted(msgspec.json.encode(line) for line in self._lines(at_ms))
        return hashlib.sha256(b"\n".join(lines)).hexdigest()

    def _keep(self, key: _Key, exp: int) -> None:
        if exp > self._ends.get(key, -1):
            self._ends[key] = exp
            heapq.heappush(self._due, (exp, next(self._tie_breaker), key))

    def _lines(self, at_ms: int) -> Iterator[tuple[_Key, int, int]]:
        for key, exp in self._ends.items():
            if exp * 1000 > at_ms:
                yield key, self._cuts.get(key, 0), exp


def digest_of(denials: Iterable[Denial], at_ms: int) -> str:
    """Return the digest of a set given as its denials: what a server compares a subscriber with."""
    whole = DenySet()
    for denial in denials:
        whole.add(denial)
    return whole.digest(at_ms)


def _cuts_over(token: VerifiedToken) -> Iterator[_Key]:
    """Name every cut that would cover the token.

    An agent's cut reaches what it handed on, a task's whatever is below it.
    """
    for tenant in ("", token.tenant):
        yield "all", "", tenant
        yield "tenant", token.tenant, tenant
        yield "capability", token.capability, tenant
        yield "issuer", token.evidence_issuer, tenant
        for agent in token.actors:
            yield "agent", agent, tenant
        for step in token.path:
            yield "task", step, tenant
