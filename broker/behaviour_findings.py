"""Findings, for operators within their tenants: to look at, and to say that one has looked."""

from typing import Final

from broker.clock import Clock
from broker.cursor import foreign, number
from broker.errors import NotFoundError, SupersededError
from broker.model.behaviour import FindingFilter, FindingPage, FindingState, Kept, decode, encode
from broker.model.principal import Principal
from broker.ownership import is_operator_of, require_operator
from broker.store.watch_ledger import Row, WatchLedger

_LOOKS: Final = 1_000
_AT_ONCE: Final = 100

Spot = tuple[str, int]
"""Up to which instant, and how many of that instant were seen."""


class BehaviourFindings:
    """Looks at findings."""

    def __init__(self, ledger: WatchLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def find(
        self, caller: Principal, which: FindingFilter, cursor: str, limit: int
    ) -> FindingPage:
        """Return a page of those that the caller may see and the filter lets through.

        Raises:
            AccessDeniedError: the caller is no operator.
            InvalidRequestError: the cursor is none of this list.
        """
        require_operator(caller)
        until, skip = _parse(cursor)
        found: list[Kept] = []
        looked = 0
        while looked < _LOOKS:
            rows = await self._ledger.newest(until, skip + _AT_ONCE)
            for row in rows[skip:]:
                if len(found) == limit:
                    return FindingPage(tuple(found), f"{until}.{skip}")
                skip = skip + 1 if str(row.at_ms) == until else 1
                until, looked = str(row.at_ms), looked + 1
                if (kept := _seen(caller, row)) and _is_wanted(which, kept):
                    found.append(kept)
            if len(rows) < _AT_ONCE:
                return FindingPage(tuple(found), "")
        return FindingPage(tuple(found), f"{until}.{skip}")

    async def show(self, caller: Principal, finding: str) -> Kept:
        """Show one.

        Raises:
            NotFoundError: there is none, or it is of another tenant.
        """
        return (await self._kept(caller, finding))[0]

    async def acknowledge(self, caller: Principal, finding: str, reason: str) -> Kept:
        """Say that somebody has looked at it; the first to say so stays. It thaws nothing.

        Raises:
            NotFoundError: there is none, or it is of another tenant.
            SupersededError: something else has just happened to it: look again.
        """
        kept, text = await self._kept(caller, finding)
        if kept.acknowledged_by:
            return kept
        now = self._clock.now_ms()
        said = Kept(kept.finding, kept.did, kept.done_ms or now, caller.ref, reason, now)
        if not await self._ledger.replace(finding, text, encode(said)):
            raise SupersededError("the finding has changed meanwhile: look at it again")
        return said

    async def _kept(self, caller: Principal, finding: str) -> tuple[Kept, str]:
        require_operator(caller)
        text = await self._ledger.find(finding)
        kept = decode(text) if text else None
        if text is None or kept is None or not is_operator_of(caller, kept.finding.tenant):
            raise NotFoundError("no such finding")
        return kept, text


def _seen(caller: Principal, row: Row) -> Kept | None:
    kept = decode(row.text)
    return kept if is_operator_of(caller, kept.finding.tenant) else None


def _is_wanted(which: FindingFilter, kept: Kept) -> bool:
    state = FindingState.ACKNOWLEDGED if kept.acknowledged_by else FindingState.OPEN
    return (
        which.tenant in ("", kept.finding.tenant)
        and which.agent in ("", kept.finding.agent)
        and which.detector in ("", kept.finding.detector)
        and which.state in ("", state)
    )


def _parse(cursor: str) -> Spot:
    if not cursor:
        return "+inf", 0
    until, _, skip = cursor.partition(".")
    if not until.isdecimal():
        raise foreign("list")
    return until, number(skip, "list")
