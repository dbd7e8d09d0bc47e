"""`broker reconcile`: compare ledger and targets, and end what differs."""

import asyncio
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from click.exceptions import Exit
from msgspec import structs

from broker.bans import Bans
from broker.cli import exits, reconcile_views
from broker.cli.failure import CommandFailedError
from broker.cli.interrupts import run
from broker.cli.person import this_person
from broker.cli.progress import telling
from broker.cli.screen import Document, Screen
from broker.cli.settings import config_option, load
from broker.comparing import Comparing, Incomparable
from broker.comparing_lists import ListComparing, ListComparison
from broker.errors import NotFoundError
from broker.faultpoints import FaultPoints
from broker.foreseen_lists import foreseen
from broker.installation import Installation, as_broker, open_installation
from broker.mending_lists import ListOrder, MendingLists
from broker.model.ban import ListName
from broker.model.comparison import Comparison, digest_of
from broker.places import Places
from broker.reconcile_watch import keep
from broker.reconciling import Ended, Order, Reconciling
from broker.settings.settings import Settings
from broker.target_access import LedgerSeen, reached_targets, see_ledger
from broker.targets.target import Target
from broker.targets.targets import Targets
from broker.terminal import shown
from broker.text import parse_reason

LIMIT: Final = 20
"""How many are ended at most by an order that names no set."""

NOW: Final = "now"
"""What `--kill` without a digest means: whatever differs now."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says."""

    settings: Settings
    names: tuple[str, ...]
    lost: frozenset[str]
    kill: str | None
    limit: int
    reason: str
    is_sure: bool
    is_mending: bool
    is_taking_over: bool


@click.command(short_help="Compare ledger and targets.")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@config_option
@click.option(
    "--kill",
    is_flag=False,
    flag_value=NOW,
    metavar="[DIGEST]",
    help="End what differs: exactly the set of this digest, or without one no more than --limit.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=LIMIT,
    show_default=True,
    help="How many --kill may end at most without a digest.",
)
@click.option(
    "--lost-epoch",
    "lost",
    multiple=True,
    help="Count as this ledger's what is of a ledger that is gone for good. May be repeated.",
)
@click.option("--reason", default="", help="Why, for the audit trail. Required to kill or mend.")
@click.option("--mend", is_flag=True, help="Write lists that differ as they must be.")
@click.option(
    "--take-over",
    is_flag=True,
    help="With --mend: also lists of another ledger in which this one wants nothing to stand.",
)
@click.option("--yes", is_flag=True, help="Do not ask before killing without a digest.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def reconcile(targets: tuple[str, ...], config: Path, *, as_json: bool, **given: object) -> None:
    """Compare the ledger with what is at its targets, in both directions, and say what differs.

    Runs beside a broker, from its configuration. It names orphans (they bear this ledger's mark,
    and no lease has them), the undead (they live although their death was confirmed), what is
    missing (a lease is active, its credential is gone), remnants (orphans that can do nothing) and
    what has our prefix and nobody's mark; what is another ledger's is counted only. What differs is
    looked at twice, some seconds apart, so that nothing is named that is only under way.

    Of targets that refuse by lists of their own (AWS with `kill: deny`) it tells of each list that
    the ledger knows: how many stand there and how many must, what is missing (it may live), what is
    left over, whose mark it bears, whether it was edited, and what room is left; also of lists that
    only published capabilities name, where something stands there (a lost ledger's). It changes
    none: brokers write what must stand there by themselves, every ten seconds. With --mend lists
    that differ are written at once, also where nothing must stand, by the brokers or, where none
    runs, by the command. What bears another mark is left alone where this ledger wants nothing to
    stand; with --take-over it goes on refusing until every session is over that it can refuse, and
    goes then.

    With --kill orphans, remnants and the undead are killed at their target, and the leases of what
    is missing are ended. A digest, as printed without --kill, ends exactly that set or nothing.
    What bears no mark of this ledger is never touched. With --lost-epoch, what a ledger left
    behind that is gone for good counts as this one's: be sure that no broker works on it any more.

    Ends with 1 when something differs that somebody should look at, with 3 when a target could not
    be compared, with 4 when something that was to be ended or mended was not.
    """
    wish = _wish(targets, config, given)
    told, code = run(_run(wish, as_json=as_json))
    Screen(sys.stdout, as_json=as_json).answer(told, reconcile_views.compared)
    raise Exit(code)


def _wish(names: tuple[str, ...], config: Path, given: dict[str, object]) -> Wish:
    kill, reason = given["kill"], str(given["reason"])
    if isinstance(kill, str) and kill != NOW and _DIGEST.fullmatch(kill) is None:
        raise click.UsageError(
            f"{shown(kill)} is no digest: give a whole one, or name targets first"
        )
    if kill is not None and not reason:
        raise click.UsageError("--kill needs a --reason")
    is_mending, is_taking_over = bool(given["mend"]), bool(given["take_over"])
    if is_mending and not reason:
        raise click.UsageError("--mend needs a --reason")
    if is_taking_over and not is_mending:
        raise click.UsageError("--take-over goes with --mend")
    is_sure = bool(given["yes"]) or kill != NOW
    if not is_sure and not sys.stdin.isatty():
        raise click.UsageError("--kill without a digest needs --yes, where nobody can be asked")
    lost = given["lost"]
    return Wish(
        settings=load(config),
        names=names,
        lost=frozenset(lost) if isinstance(lost, tuple) else frozenset(),
        kill=kill if isinstance(kill, str) else None,
        limit=given["limit"] if isinstance(given["limit"], int) else LIMIT,
        reason=parse_reason(reason) if reason else "",
        is_sure=is_sure,
        is_mending=is_mending,
        is_taking_over=is_taking_over,
    )


async def _run(wish: Wish, *, as_json: bool) -> tuple[Document, int]:
    async with open_installation(wish.settings) as found:
        seen = await see_ledger(found)
        with reached_targets(found, seen) as targets:
            chosen = _chosen(targets, wish.names)
            names = await foreseen(chosen, await seen.capabilities())
            work = _Work(found, seen, wish, names, as_json=as_json)
            return await work.run(chosen)


def _chosen(targets: Targets, names: Sequence[str]) -> list[Target]:
    """Return the named targets, or all."""
    by_name = {each.name: each for each in targets.all}
    if unknown := [name for name in names if name not in by_name]:
        known = ", ".join(by_name) or "none"
        raise NotFoundError(f"no target is called {shown(unknown)}; there are: {known}")
    return [by_name[name] for name in dict.fromkeys(names)] if names else list(targets.all)


class _Work:
    """One run of the command."""

    def __init__(
        self,
        found: Installation,
        seen: LedgerSeen,
        wish: Wish,
        names: frozenset[ListName],
        *,
        as_json: bool,
    ) -> None:
        self._found = found
        self._ledger = found.ledger
        self._foreseen = names
        self._epoch = seen.epoch
        self._wish = wish
        self._as_json = as_json
        self._by = this_person()

    async def run(self, targets: Sequence[Target]) -> tuple[Document, int]:
        """Compare, end what is to be ended, keep what is known then for the brokers."""
        results, lists = await self._compare(targets)
        comparisons = [each for each in results if isinstance(each, Comparison)]
        digest, ended = digest_of(comparisons), list[Ended]()
        if self._wish.kill is not None:
            self._require(comparisons, digest)
            ended = await self._end(targets, comparisons, digest)
        mended = await self._mend(targets, lists)
        lists = [mended.get(each.name, each) for each in lists]
        await self._keep(targets, [_left(result, ended) for result in results], lists)
        told = reconcile_views.document(self._epoch, digest, results, ended, lists, mended=mended)
        with_lists = {each.name for each in targets if each.lists is not None}
        expected = {*self._wish.names} - with_lists
        if not all(each.is_well for each in mended.values()):
            return told, exits.NOT_REACHED
        return told, _code(results, ended, lists, expected) or self._alarm(comparisons)

    async def _mend(
        self, targets: Sequence[Target], lists: Sequence[ListComparison]
    ) -> dict[ListName, ListComparison]:
        """Have lists mended, if that is wanted; return how these are then."""
        if not self._wish.is_mending:
            return {}
        ledger, wish = as_broker(self._found), self._wish
        bans = Bans.over(ledger, Targets(targets), FaultPoints())
        comparing = ListComparing(ledger.bans)
        mending = MendingLists(ledger.bans, ledger.reconciliations, comparing, bans)
        order = ListOrder(self._by, wish.reason, is_taking_over=wish.is_taking_over)
        try:
            with telling(sys.stderr, as_json=self._as_json) as teller:
                by_name = {each.name: each for each in targets}
                return await mending.mend(by_name, lists, order, teller.tell)
        finally:
            await bans.stop()

    async def _keep(
        self,
        targets: Sequence[Target],
        results: Sequence[Comparison | Incomparable],
        lists: Sequence[ListComparison],
    ) -> None:
        """Keep what is known now, for the brokers to show."""
        for target, result in zip(targets, results, strict=True):
            own = [each for each in lists if each.name.target == target.name]
            known = own if target.lists is not None else None
            await keep(self._ledger.reconciliations, result, self._by, known)

    def _alarm(self, comparisons: Sequence[Comparison]) -> int:
        """Return whether somebody should look at credentials: not if an order has ended them."""
        is_alarming = any(each.is_alarming for each in comparisons)
        return exits.REFUSED if is_alarming and self._wish.kill is None else exits.OK

    async def _compare(
        self, targets: Sequence[Target]
    ) -> tuple[list[Comparison | Incomparable], list[ListComparison]]:
        """Compare all at once: one that hangs delays no other."""
        comparing, lists = Comparing(self._ledger.at_targets), ListComparing(self._ledger.bans)
        with telling(sys.stderr, as_json=self._as_json) as teller:
            looks = [
                comparing.try_to(each, self._epoch, lost=self._wish.lost, heard=teller.tell)
                for each in targets
            ]
            listing = lists.compare(targets, teller.tell, self._foreseen)
            return await asyncio.gather(asyncio.gather(*looks), listing)

    def _require(self, comparisons: Sequence[Comparison], digest: str) -> None:
        """Let an order without a digest pass only if it is small, and somebody is sure of it."""
        wish, count = self._wish, sum(len(each.condemned) for each in comparisons)
        if wish.kill != NOW:
            return
        if count > wish.limit:
            raise CommandFailedError(
                f"{count} would be ended, and --limit is {wish.limit}: look at them without "
                f"--kill, then pass --kill {digest}"
            )
        if count and not wish.is_sure:
            click.confirm(f"End these {count}?", abort=True, err=True)

    async def _end(
        self, targets: Sequence[Target], comparisons: Sequence[Comparison], digest: str
    ) -> list[Ended]:
        ledger, wish = self._ledger, self._wish
        reconciling = Reconciling(
            at_targets=ledger.at_targets,
            leases=ledger.leases,
            places=Places(ledger.quotas),
            kept=ledger.reconciliations,
        )
        meant = digest if wish.kill in (NOW, None) else str(wish.kill)
        order = Order(self._by, wish.reason, meant)
        with telling(sys.stderr, as_json=self._as_json) as teller:
            by_name = {each.name: each for each in targets}
            return await reconciling.end(by_name, comparisons, order, teller.tell)


def _left(result: Comparison | Incomparable, ended: Sequence[Ended]) -> Comparison | Incomparable:
    """Return what differs still, after what was ended."""
    if isinstance(result, Incomparable):
        return result
    gone = {each.difference for each in ended if each.is_done and each.target == result.target}
    left = tuple(each for each in result.differences if each not in gone)
    return structs.replace(result, differences=left)


def _code(
    results: Sequence[Comparison | Incomparable],
    ended: Sequence[Ended],
    lists: Sequence[ListComparison],
    expected: set[str],
) -> int:
    """Return how it ends. ``expected``: targets that were asked for, and have no lists either."""
    if not all(each.is_done for each in ended):
        return exits.NOT_REACHED
    failed = [each for each in results if isinstance(each, Incomparable)]
    if any(each.trouble or each.target in expected for each in failed):
        return exits.UNAVAILABLE
    if any(each.trouble for each in lists):
        return exits.UNAVAILABLE
    return exits.REFUSED if any(each.is_alarming for each in lists) else exits.OK
