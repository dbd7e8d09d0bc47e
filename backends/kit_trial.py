"""What the promises of the kit share: a laboratory, and one trial of a backend in it."""

import itertools
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from backends.contract import Backend, Deadline, Death, Place, Revocable, Sighting, Wish
from backends.deny_lists import DenyLists, Desired
from backends.wall_clock import now_ms


class Opened(Protocol):
    """A session that a credential has opened."""

    def is_open(self) -> bool:
        """Use it once more; tell whether the target still serves it."""
        ...


class Lab(Protocol):
    """A target to try a backend on. Called from one thread."""

    @property
    def backend(self) -> Backend:
        """The backend under test, on the lab's target."""
        ...

    def wish(self, number: int) -> Wish:
        """Describe a credential; another one for every number."""
        ...

    def is_let_in(self, words: Mapping[str, str]) -> bool:
        """Use a credential from the beginning."""
        ...

    def enter(self, words: Mapping[str, str]) -> Opened | None:
        """Open a session; None where the kind has no sessions."""
        ...

    def losing_replies(self) -> AbstractContextManager[None] | None:
        """Let the target do its work and lose the answers; None if the lab cannot."""
        ...


class Trial:
    """One lab, with short ways to what every promise needs."""

    _numbers = itertools.count(1)

    def __init__(self, lab: Lab, patience_s: float) -> None:
        self.lab = lab
        self.patience_s = patience_s
        self.backend = lab.backend
        self.traits = lab.backend.traits

    def wish(self) -> Wish:
        """Describe a credential that nobody described before."""
        return self.lab.wish(next(self._numbers))

    def deadline(self, seconds: float = 30.0) -> Deadline:
        """Give a call so much time."""
        return Deadline(_monotonic_ms() + int(seconds * 1000), _monotonic_ms)

    def minted(self, ttl_s: float = 600.0) -> tuple[Wish, Place, Mapping[str, str]]:
        """Mint one."""
        wish = self.wish()
        place = self.backend.locate(wish, self.deadline())
        made = self.backend.mint(wish, place, now_ms() + int(ttl_s * 1000), self.deadline())
        return wish, place, made.words

    def minted_by(self, backend: Backend) -> tuple[Wish, Place]:
        """Mint one by another backend."""
        wish = self.wish()
        place = backend.locate(wish, self.deadline())
        backend.mint(wish, place, now_ms() + 600_000, self.deadline())
        return wish, place

    def killed(self, place: Place) -> bool:
        """Revoke until it is gone, or have it refused by its list; tell whether it came to that."""
        lists = self.backend
        if isinstance(lists, DenyLists):
            return self._listed(lists, place)
        ends = time.monotonic() + self.patience_s
        while self.backend.revoke(place, self.deadline()) is Death.ACCEPTED:
            if time.monotonic() > ends:
                return False
            time.sleep(0.05)
        return True

    def _listed(self, lists: DenyLists, place: Place) -> bool:
        ban = lists.ban_of(place)
        stands = lists.read(ban.at, self.deadline())
        desired = Desired(
            entries=stands.entries | {ban.one},
            issued_before_ms=stands.issued_before_ms,
            mark=f"kitr{next(self._numbers)}",
        )
        return lists.publish(ban.at, desired, self.deadline()).is_as(desired)

    def may_be(self, place: Place, *sightings: Sighting) -> bool:
        """Look; tell whether it is one of these, as far as the kind can look at all."""
        if not self.traits.can_look_up:
            return True
        return self.backend.look_up(place, self.deadline()) in sightings

    @property
    def short_s(self) -> float:
        """How long something lives that is to die of age while the kit waits, in seconds."""
        return max(2.0, self.traits.shortest_ttl_ms / 1000)

    @property
    def is_revocable(self) -> bool:
        """Whether the kind says that credentials can be taken back."""
        return self.traits.revocable is not Revocable.NEVER


def in_time(is_so: Callable[[], bool], seconds: float) -> bool:
    """Wait for something; tell whether it came in time."""
    ends = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
