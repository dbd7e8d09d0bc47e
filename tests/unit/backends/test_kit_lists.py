# ruff: noqa: D102 - the contract says what each method does
"""The contract test kit passes honest lists, and catches every planted wrong one."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

import pytest

from backends.contract import Deadline, Place, Wish
from backends.deny_lists import Ban, Desired, Standing
from backends.kit import broken_promises, unchecked
from backends.kit_lists import PROMISES
from tests.fakes.toy_kind import Opened, ToyOptions, enter
from tests.fakes.toy_list import ListTarget, ListTemplate, ToyLists

Make = Callable[[ToyOptions], ToyLists]


class ListLab:
    """A toy target with a list, and a backend on it."""

    def __init__(self, target: ListTarget, make: Make) -> None:
        self._target = target
        self.backend = make(ToyOptions(port=target.port))

    def wish(self, number: int) -> Wish:
        """Ask for anything, each for a task of its own."""
        return Wish(
            lease=f"l_00_{number}",
            task=f"t_00_{number}",
            tenant="acme",
            agent="bot",
            capability="toys",
            on_behalf_of="",
            scopes=("play",),
            template=ListTemplate(probe=True),
        )

    def is_let_in(self, words: Mapping[str, str]) -> bool:
        """Enter."""
        return enter(self._target, words) is not None

    def enter(self, words: Mapping[str, str]) -> Opened | None:
        """Enter."""
        return enter(self._target, words)

    @contextlib.contextmanager
    def losing_replies(self) -> Iterator[None]:
        """Lose them."""
        self._target.is_losing = True
        try:
            yield
        finally:
            self._target.is_losing = False


@pytest.fixture
def target() -> Iterator[ListTarget]:
    """A target."""
    with ListTarget() as target:
        yield target


class Adder(ToyLists):
    """Adds to what stands there, instead of writing the whole."""

    def publish(self, at: str, desired: Desired, deadline: Deadline) -> Standing:
        stands = self.read(at, deadline).entries
        more = Desired(
            entries=desired.entries | stands,
            issued_before_ms=desired.issued_before_ms,
            mark=desired.mark,
        )
        return super().publish(at, more, deadline)


class Believer(ToyLists):
    """Shows what it was told to write, and has not written it."""

    def publish(self, at: str, desired: Desired, deadline: Deadline) -> Standing:  # noqa: ARG002
        return Standing(
            entries=desired.entries,
            issued_before_ms=desired.issued_before_ms,
            mark=desired.mark,
            room=9,
        )


class Uncut(ToyLists):
    """Leaves cut-offs out."""

    def publish(self, at: str, desired: Desired, deadline: Deadline) -> Standing:
        uncut = Desired(entries=desired.entries, mark=desired.mark)
        return super().publish(at, uncut, deadline)


class Narrow(ToyLists):
    """Refuses of a task only what it has seen."""

    def ban_of(self, place: Place) -> Ban:
        ban = super().ban_of(place)
        return Ban(at=ban.at, one=ban.one, task=ban.one)


class Generous(ToyLists):
    """Takes any target's for its own."""

    def ban_of(self, place: Place) -> Ban:
        name, at, *_ = place.locator.split(" ")
        return Ban(at=at, one=name, task=name.split("-")[0])


class Hasty(ToyLists):
    """Lets an entry go before its session has ended."""

    def stays_until_ms(self, minted_by_ms: int, expires_at_ms: int) -> int:  # noqa: ARG002
        return minted_by_ms


WRONG: Mapping[type[ToyLists], str] = {
    Adder: "a list is what was written last, and nothing else",
    Believer: "a list is what was written last, and nothing else",
    Uncut: "a cut-off is kept beside the entries",
    Narrow: "a task's entry refuses all of it, there and to come",
    Generous: "a list names none of another target",
    Hasty: "an entry stays as long as its sessions live",
}


def test_honest_lists_keep_every_promise(target: ListTarget) -> None:
    """All of them are tried."""
    lab = ListLab(target, ToyLists)

    assert broken_promises(lab) == {}
    assert not set(PROMISES) & set(unchecked(lab))


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_wrong_lists_are_caught(target: ListTarget, wrong: type[ToyLists]) -> None:
    """By the promise that they break."""
    promise = WRONG[wrong]

    assert list(broken_promises(ListLab(target, wrong), promise)) == [promise]
