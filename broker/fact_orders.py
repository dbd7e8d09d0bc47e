"""Changing facts, for operators within their tenants: all of it or nothing, and never unawares.

- It is looked at over this broker's copy; what seems wrong there once more over the facts as their
  log ends now, so that whoever is spread over several brokers can go on from what another one has
  acknowledged a moment ago. Dry runs and ways back, of which there are few, begin with the newest.
- What a caller may not see does not exist for it, so it can be neither named nor changed (I16).
- Before anything is changed it is looked at which live credentials would die of it. More than the
  brake allows do not die unasked: whoever means it says so, by the digest of what would die.
- No policy is asked: nobody is given anything by it that policy does not give (I5).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol

from broker.clock import Clock
from broker.errors import InvalidChangeError, SupersededError
from broker.fact_access import require_tenants
from broker.fact_faults import member_faults
from broker.fact_views import Sight
from broker.facts.change import ChangeSet
from broker.facts.checking import faults_of
from broker.facts.facts import Facts
from broker.facts.fault import ChangeFault
from broker.foresight import Foresight, Outlook
from broker.idempotency import Repeatable, repeatable
from broker.model.principal import Principal
from broker.ownership import require_operator
from broker.preview import Doomed

_TRIES: Final = 5
_MANY: Final = 200
"""So many changes are checked beside the event loop."""


@dataclass(frozen=True, slots=True)
class How:
    """How something is to be changed: see ``docs/api.md``."""

    reason: str
    base: int | None = None
    is_dry: bool = False
    accept: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be changed, and how. ``request`` is the body, by which a repeat is known."""

    change: ChangeSet
    how: How
    request: object


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change. Unless ``is_complete`` there may be more deaths.

    Of ``unsure`` others it cannot be told: the engine gave no answer about them.
    """

    revision: int
    is_dry: bool
    changes: int
    deaths: int = 0
    dying: tuple[Doomed, ...] = ()
    digest: str = ""
    is_complete: bool = True
    unsure: int = 0


class Appends(Protocol):
    """Makes a change that was looked at, on whatever stands by then: ``broker.fact_changes``."""

    async def apply(self, change: ChangeSet, *, base: int | None, same: Repeatable) -> int:
        """Return the revision that it is; of a repeat, the one that it was.

        Raises:
            SupersededError: another revision than ``base`` stands.
            InvalidChangeError: it cannot be any more.
            IdempotencyConflictError: the key was used for another request.
        """
        ...

    async def done(self, same: Repeatable) -> int:
        """Return the revision that a request has made already; 0 when it has made none."""
        ...


class Inverses(Protocol):
    """Knows how a revision is taken back: ``broker.fact_history``."""

    async def inverse(
        self, caller: Principal, revision: int, facts: Facts, reason: str
    ) -> ChangeSet:
        """Return what takes back what a caller may see of a revision.

        Raises:
            NotFoundError: it is not kept, or nothing of it is the caller's.
            InvalidChangeError: what was changed since stands in the way.
        """
        ...


class FactOrders:
    """Changes facts."""

    def __init__(
        self,
        *,
        facts: Callable[[], Facts],
        newest: Callable[[], Awaitable[Facts]],
        appends: Appends,
        inverses: Inverses,
        foresight: Foresight,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._newest = newest
        self._appends = appends
        self._inverses = inverses
        self._foresight = foresight
        self._clock = clock

    async def change(self, caller: Principal, wish: Wish) -> Outcome:
        """Make a change, or say what it would come to.

        Raises:
            AccessDeniedError: the caller is no operator.
            NotFoundError: something in it is of a tenant that is not the caller's.
            InvalidChangeError: something in it cannot be; it has every fault.
            SupersededError: another revision than the base stands.
            WouldKillManyError: more would die than may unasked.
            UnavailableError: the ledger does not answer, or this broker has no facts.
        """
        require_operator(caller)
        require_tenants(caller, wish.change)
        same = repeatable(caller, "facts.change", wish.how.key, wish.request)
        return await self._carry_out(caller, wish.change, wish.how, same)

    async def roll_back(self, caller: Principal, revision: int, how: How) -> Outcome:
        """Take a revision back, or say what that would come to. Raises what a change does.

        The way back is made from what stands, so it is made anew when that has moved.
        """
        require_operator(caller)
        same = repeatable(caller, f"facts.rollback.{revision}", how.key, how)
        if done := await self._done(same, how):
            return done
        for left in reversed(range(_TRIES)):
            facts = await self._newest()
            change = await self._inverses.inverse(caller, revision, facts, how.reason)
            over = how if how.base is not None else replace(how, base=facts.revision)
            try:
                return await self._carry_out(caller, change, over, same)
            except SupersededError:
                if how.base is not None or not left:
                    raise
        raise AssertionError("the last try has returned or raised")

    async def _done(self, same: Repeatable, how: How) -> Outcome | None:
        """Find the outcome of a request that was made already."""
        if not same.key or how.is_dry:
            return None
        revision = await self._appends.done(same)
        return Outcome(revision, is_dry=False, changes=0) if revision else None

    async def _carry_out(
        self, caller: Principal, change: ChangeSet, how: How, same: Repeatable
    ) -> Outcome:
        if done := await self._done(same, how):
            return replace(done, changes=len(change.changes))
        before, after = await self._both(caller, change, how)
        outlook = await self._foresight.look(change, before, after, is_exact=how.is_dry)
        if how.is_dry:
            return _told(before.revision, change, outlook, is_dry=True)
        self._foresight.require_few(outlook, how.accept)
        revision = await self._appends.apply(change, base=how.base, same=same)
        return _told(revision, change, outlook)

    async def _both(self, caller: Principal, change: ChangeSet, how: How) -> tuple[Facts, Facts]:
        """Return the facts before a change that is good, and after it."""
        now_ms = self._clock.now_ms()
        if not how.is_dry:
            before = self._facts()
            with suppress(InvalidChangeError):
                return before, await checked(Sight(before, caller, now_ms), change)
        before = await self._newest()
        if how.base is not None and how.base != before.revision and how.is_dry:
            raise SupersededError(f"revision {before.revision} stands, not {how.base}")
        return before, await checked(Sight(before, caller, now_ms), change)


async def checked(sight: Sight, change: ChangeSet) -> Facts:
    """Return the facts after a change.

    Raises:
        InvalidChangeError: it cannot be; it has every fault.
    """
    if len(change.changes) > _MANY:
        return await asyncio.to_thread(_checked, sight, change)
    return _checked(sight, change)


def _checked(sight: Sight, change: ChangeSet) -> Facts:
    found = faults_of(sight.facts, change, now_ms=sight.now_ms)
    if found:
        raise refusal(found, change)
    return sight.facts.changed(change, sight.facts.revision + 1)


def refusal(found: Sequence[ChangeFault], change: ChangeSet) -> InvalidChangeError:
    """Return the error that tells all faults of a change, each by its member."""
    return InvalidChangeError(tuple(member_faults(found, change)))


def _told(revision: int, change: ChangeSet, outlook: Outlook, *, is_dry: bool = False) -> Outcome:
    return Outcome(
        revision=revision,
        is_dry=is_dry,
        changes=len(change.changes),
        deaths=outlook.deaths,
        unsure=outlook.unsure,
        dying=outlook.dying,
        digest=outlook.digest,
        is_complete=outlook.is_complete,
    )
