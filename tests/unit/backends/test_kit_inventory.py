# ruff: noqa: D102 - the contract says what each method does
"""The contract test kit catches every planted backend that says wrongly what is at its target."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import pytest

from backends.contract import Deadline, Death, Place
from backends.inventory import Found, Listing
from backends.kit import broken_promises, unchecked
from backends.kit_inventory import PROMISES
from tests.fakes.toy_kind import ToyBackend
from tests.fakes.toy_lab import ToyLab
from tests.fakes.toy_target import ToyTarget


def _changed(listing: Listing, change: Callable[[Found], Found | None]) -> Listing:
    found = [other for each in listing.found if (other := change(each)) is not None]
    return dataclasses.replace(listing, found=tuple(found))


class Greedy(ToyBackend):
    """Takes everything there for its own ledger's."""

    def inventory(self, after: str, deadline: Deadline) -> Listing:
        listing = super().inventory(after, deadline)
        return _changed(listing, lambda found: dataclasses.replace(found, epoch=self.epoch()))


class Nosy(ToyBackend):
    """Lists what is none of its business."""

    def inventory(self, after: str, deadline: Deadline) -> Listing:
        rows = self.ask("list", deadline, after=after, limit=500, prefix="")["rows"]
        listing = super().inventory(after, deadline)
        found = tuple(Found(locator=n, epoch=mark[0], lease=mark[1]) for n, mark in rows)
        return dataclasses.replace(listing, found=found, after="")


class Shortsighted(ToyBackend):
    """Lists the first page only."""

    def inventory(self, after: str, deadline: Deadline) -> Listing:
        return dataclasses.replace(super().inventory(after, deadline), after="")


class Absentminded(ToyBackend):
    """Does not say which lease something is of."""

    def inventory(self, after: str, deadline: Deadline) -> Listing:
        listing = super().inventory(after, deadline)
        return _changed(listing, lambda found: dataclasses.replace(found, lease=""))


class Mourner(ToyBackend):
    """Goes on listing what it has killed."""

    _dead = ""

    def revoke(self, place: Place, deadline: Deadline) -> Death:
        self._dead = place.locator
        return super().revoke(place, deadline)

    def inventory(self, after: str, deadline: Deadline) -> Listing:
        listing = super().inventory(after, deadline)
        return dataclasses.replace(listing, found=(*listing.found, Found(locator=self._dead)))


class Endless(ToyBackend):
    """Begins again after the last page."""

    def inventory(self, after: str, deadline: Deadline) -> Listing:
        listing = super().inventory(after, deadline)
        return dataclasses.replace(listing, after=listing.after or "toy_")


PLANTED: Mapping[str, tuple[type[ToyBackend], str]] = {
    "greedy": (Greedy, "another ledger's is not listed as this one's"),
    "nosy": (Nosy, "what is nobody's of us is not listed"),
    "shortsighted": (Shortsighted, "a listing ends, is whole, and names its target"),
    "absent-minded": (Absentminded, "what is minted is listed, by its lease and its ledger"),
    "mourner": (Mourner, "what is gone is not listed as alive"),
    "endless": (Endless, "a listing ends, is whole, and names its target"),
}


@pytest.fixture
def target() -> Iterator[ToyTarget]:
    """A toy target."""
    with ToyTarget() as target:
        yield target


@pytest.mark.parametrize("name", PLANTED)
def test_a_wrong_inventory_is_caught(name: str, target: ToyTarget) -> None:
    """Each at the promise that it breaks."""
    make, promise = PLANTED[name]

    broken = broken_promises(ToyLab(target, make), promise)

    assert broken[promise] == "it is not so" or "Error" in broken[promise]


def test_an_honest_inventory_keeps_every_promise(target: ToyTarget) -> None:
    """And none is left out."""
    lab = ToyLab(target, ToyBackend)

    assert broken_promises(lab, *PROMISES) == {}
    assert not set(unchecked(lab)) & set(PROMISES)


def test_a_lab_of_one_ledger_leaves_them_unchecked(target: ToyTarget) -> None:
    """Which is said."""

    class Lonely(ToyLab):
        stranger = None  # type: ignore[assignment]

    assert set(unchecked(Lonely(target, ToyBackend))) >= set(PROMISES)
