"""Comparing what targets refuse by lists of their own with what the ledger wants to stand there.

Nothing is changed, here or there. A list that differs is looked at again when a write that was
under way has had its time; only what differs still is told. What a look finds missing was in the
ledger's wish and not in the document: whoever it refuses may live.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from backends.deny_lists import DenyLists, Standing
from backends.errors import BackendError
from broker.clock import rfc3339
from broker.comparing import Heard, second_look_ms, unheard
from broker.model.ban import BanView, ListName
from broker.store.ban_ledger import BanLedger
from broker.targets.target import Target

CUT_OFF: Final = "issued before "
"""How a cut-off is named among entries; its instant follows."""


class Document(StrEnum):
    """Whose a list is, by the mark that it bears."""

    ABSENT = "absent"
    """There is none, or nothing stands in it."""
    OURS = "ours"
    UNMARKED = "unmarked"
    """It has no mark, or several: no broker has written it so."""
    FOREIGN = "foreign"
    """Another ledger's; or this one's from a time that it has forgotten (it went back)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListComparison:
    """One list. ``left_over``: it stands there, and the ledger does not want it (any more).

    ``is_edited``: something else stands in it as well, part of it has no effect, or it bears the
    newest mark and is not what was written under that. ``room`` is what its entries may weigh,
    ``free`` what is left of that. With ``trouble`` nothing is known of it.
    """

    name: ListName
    document: Document = Document.ABSENT
    is_edited: bool = False
    standing: int = 0
    wanted: int = 0
    missing: frozenset[str] = frozenset()
    left_over: frozenset[str] = frozenset()
    room: int = 0
    free: int = 0
    trouble: str = ""

    @property
    def is_alarming(self) -> bool:
        """Tell whether somebody should look at it."""
        is_strange = self.document in (Document.UNMARKED, Document.FOREIGN)
        return bool(self.missing) or self.is_edited or is_strange

    @property
    def differs(self) -> bool:
        """Tell whether it is another than it must be."""
        return self.is_alarming or bool(self.left_over)

    @property
    def is_well(self) -> bool:
        """Tell whether it is known to be as it must be."""
        return not self.differs and not self.trouble

    @property
    def is_another_s(self) -> bool:
        """Tell whether it is of a ledger that is not this one, and this one wants nothing there."""
        is_foreign = self.document in (Document.FOREIGN, Document.UNMARKED)
        return is_foreign and not self.trouble and not self.wanted

    @property
    def is_mendable(self) -> bool:
        """Tell whether brokers may be told to write it: as they would, where anything must stand.

        What bears another mark, and in which this ledger wants nothing, is left alone.
        """
        is_ours = self.document in (Document.OURS, Document.ABSENT)
        return self.differs and not self.trouble and (is_ours or self.wanted > 0)


class ListComparing:
    """Compares, list by list. ``sleep`` waits for so many seconds."""

    def __init__(
        self, ledger: BanLedger, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._ledger = ledger
        self._sleep = sleep

    async def compare(
        self,
        targets: Iterable[Target],
        heard: Heard = unheard,
        foreseen: Collection[ListName] = (),
    ) -> list[ListComparison]:
        """Compare every list that the ledger knows of these targets; no target waits for another.

        Of what is only ``foreseen`` it is told where something stands, or nobody knows.

        Raises:
            StoreUnavailableError: the ledger does not answer.
            UnreadableRecordError: what it has as the name of a list is none.
        """
        known = await self._ledger.names()
        digests = {each.digest for each in known}
        new = {each for each in foreseen if each.digest not in digests}
        names = sorted({*known, *new}, key=lambda each: (each.target, each.at))
        found = await asyncio.gather(
            *(
                self._of_target(
                    target, [each for each in names if each.target == target.name], heard
                )
                for target in targets
            )
        )
        told = [each for some in found for each in some]
        return [each for each in told if each.name not in new or each.differs or each.trouble]

    async def _of_target(
        self, target: Target, names: Sequence[ListName], heard: Heard
    ) -> list[ListComparison]:
        if target.lists is None:
            return []
        first: list[ListComparison] = []
        for name in names:
            first.append(await self.look(target, name))
            heard(f"{target.name}: lists of whom it refuses", len(first), len(names))
        if not any(each.differs for each in first):
            return first
        await self._sleep(second_look_ms(target) / 1000)
        return [
            _still(each, await self.look(target, each.name)) if each.differs else each
            for each in first
        ]

    async def look(self, target: Target, name: ListName) -> ListComparison:
        """Look at one list of a target that has :attr:`~Target.lists`, once.

        Raises:
            StoreUnavailableError: the ledger does not answer.
        """
        lists = target.lists
        if lists is None:
            return ListComparison(name=name, trouble="this kind has no lists")
        try:
            standing = await target.read_list(name.at)
        except BackendError as error:
            return ListComparison(name=name, trouble=f"{error.trouble.value}: {error}")
        # Afterwards, as whoever writes does: a mark is in the ledger before it is at the target.
        return _compared(name, lists, standing, await self._ledger.peek(name))


def counted(found: Iterable[ListComparison]) -> dict[str, int]:
    """Count lists by how they differ; one may differ in several ways."""
    lists = list(found)
    return {
        "missing": sum(bool(each.missing) for each in lists),
        "left-over": sum(bool(each.left_over) for each in lists),
        "edited": sum(each.is_edited for each in lists),
        "foreign": sum(each.document is Document.FOREIGN for each in lists),
        "unmarked": sum(each.document is Document.UNMARKED for each in lists),
    }


def _compared(
    name: ListName, lists: DenyLists, standing: Standing, view: BanView
) -> ListComparison:
    wanted, there = view.desired, _all(standing.entries, standing.issued_before_ms)
    wished = _all(wanted.entries, wanted.issued_before_ms)
    # While a cut-off is laid and not written yet, the newest mark may be on what was before it.
    is_changed = standing.mark == wanted.mark and not (view.is_laid or standing.is_as(wanted))
    return ListComparison(
        name=name,
        document=_whose(standing, view),
        is_edited=not standing.is_whole or is_changed,
        standing=len(standing.entries),
        wanted=view.count,
        missing=wished - there,
        left_over=there - wished,
        room=standing.room,
        free=standing.room - sum(map(lists.weight, standing.entries)),
    )


def _all(entries: frozenset[str], issued_before_ms: int) -> frozenset[str]:
    """Name what stands in a list; a cut-off is one of them."""
    cut = {f"{CUT_OFF}{rfc3339(issued_before_ms)}"} if issued_before_ms else set[str]()
    return entries | cut


def _whose(standing: Standing, view: BanView) -> Document:
    if view.has_made(standing.mark):
        return Document.OURS
    if standing.mark:
        return Document.FOREIGN
    is_empty = standing.is_whole and not standing.entries and not standing.issued_before_ms
    return Document.ABSENT if is_empty else Document.UNMARKED


def _still(first: ListComparison, second: ListComparison) -> ListComparison:
    """Say of the second look what the first has said already."""
    return replace(
        second,
        is_edited=first.is_edited and second.is_edited,
        missing=first.missing & second.missing,
        left_over=first.left_over & second.left_over,
    )
