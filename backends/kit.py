"""The contract test kit: does a backend keep what the contract promises?

For whoever writes a kind, in any test runner::

    def test_it_keeps_the_contract():
        assert broken_promises(MyLab()) == {}

The lab brings a target of its own, a way to use credentials there, and, where it can, ways to
disturb it. What a lab cannot do is not checked, and :func:`unchecked` says so.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Final, Protocol

from backends.contract import (
    Backend,
    Deadline,
    Death,
    Place,
    Revocable,
    SelfExpiry,
    Sighting,
    Wish,
)
from backends.errors import BackendError, NotMintedError, OtherTargetError

PATIENCE_S: Final = 10.0
"""How long the kit waits for what a kind says to happen eventually, or of age."""


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


_SHORT: Final = 16
"""No secret is as short as this."""

Promise = Callable[["Trial"], bool]


class Trial:
    """One lab, with short ways to what every promise needs."""

    _numbers = itertools.count(1)

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
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
        made = self.backend.mint(wish, place, _now_ms() + int(ttl_s * 1000), self.deadline())
        return wish, place, made.words

    def killed(self, place: Place) -> bool:
        """Revoke until it is gone; tell whether it came to that."""
        ends = time.monotonic() + PATIENCE_S
        while self.backend.revoke(place, self.deadline()) is Death.ACCEPTED:
            if time.monotonic() > ends:
                return False
            time.sleep(0.05)
        return True

    def may_be(self, place: Place, *sightings: Sighting) -> bool:
        """Look; tell whether it is one of these, as far as the kind can look at all."""
        if not self.traits.can_look_up:
            return True
        return self.backend.look_up(place, self.deadline()) in sightings

    @property
    def is_revocable(self) -> bool:
        """Whether the kind says that credentials can be taken back."""
        return self.traits.revocable is not Revocable.NEVER


def _names_are_steady(trial: Trial) -> bool:
    wish, other = trial.wish(), trial.wish()
    once, again, another = (
        trial.backend.locate(each, trial.deadline()) for each in (wish, wish, other)
    )
    return once == again and once.locator != another.locator and bool(once.identity)


def _what_is_minted_works(trial: Trial) -> bool:
    _, place, words = trial.minted()
    return trial.lab.is_let_in(words) and trial.may_be(place, Sighting.ALIVE)


def _one_place_one_credential(trial: Trial) -> bool:
    wish, place, words = trial.minted()
    try:
        trial.backend.mint(wish, place, _now_ms() + 600_000, trial.deadline())
    except NotMintedError:
        return False  # there is one
    except BackendError:
        return trial.lab.is_let_in(words)
    return False


def _what_is_gone_is_refused(trial: Trial) -> bool:
    _, place, words = trial.minted()
    opened = trial.lab.enter(words)
    if not trial.killed(place) or trial.lab.is_let_in(words):
        return False
    is_dead = trial.may_be(place, Sighting.DISABLED, Sighting.ABSENT)
    return is_dead and not (opened is not None and opened.is_open())


def _killing_twice_is_killing_once(trial: Trial) -> bool:
    _, place, _ = trial.minted()
    return trial.killed(place) and trial.killed(place)


def _others_live_on(trial: Trial) -> bool:
    _, _, kept = trial.minted()
    opened = trial.lab.enter(kept)
    _, place, _ = trial.minted()
    trial.killed(place)
    return trial.lab.is_let_in(kept) and (opened is None or opened.is_open())


def _what_never_was_is_absent(trial: Trial) -> bool:
    place = trial.backend.locate(trial.wish(), trial.deadline())
    return trial.may_be(place, Sighting.ABSENT) and trial.killed(place)


def _another_target_knows_nothing(trial: Trial) -> bool:
    place = trial.backend.locate(trial.wish(), trial.deadline())
    foreign = Place(locator=place.locator, identity="another target")
    for ask in (trial.backend.revoke, trial.backend.look_up):
        try:
            ask(foreign, trial.deadline())
        except OtherTargetError:
            continue
        return False
    return True


def _a_late_mint_makes_nothing(trial: Trial) -> bool:
    wish = trial.wish()
    place = trial.backend.locate(wish, trial.deadline())
    try:
        trial.backend.mint(wish, place, _now_ms() + 600_000, trial.deadline(0))
    except BackendError:
        return trial.may_be(place, Sighting.ABSENT)
    return False


def _a_lost_answer_is_unknown(trial: Trial) -> bool:
    losing = trial.lab.losing_replies()
    if losing is None:
        return True
    wish = trial.wish()
    place = trial.backend.locate(wish, trial.deadline())
    try:
        with losing:
            trial.backend.mint(wish, place, _now_ms() + 600_000, trial.deadline(2))
    except NotMintedError:
        return False  # it was
    except BackendError:
        if not trial.is_revocable:
            return True  # it dies of age
        return trial.killed(place) and trial.may_be(place, Sighting.DISABLED, Sighting.ABSENT)
    return False


def _age_does_what_it_is_said_to_do(trial: Trial) -> bool:
    if trial.traits.self_expiry is SelfExpiry.NONE:
        return True
    ttl_s = max(1.0, trial.traits.shortest_ttl_ms / 1000)
    if ttl_s > PATIENCE_S:
        return True
    _, _, words = trial.minted(ttl_s)
    opened = trial.lab.enter(words)
    if not _in_time(lambda: not trial.lab.is_let_in(words), ttl_s + PATIENCE_S):
        return False
    ends_all = trial.traits.self_expiry is SelfExpiry.FULL
    return not ends_all or opened is None or _in_time(lambda: not opened.is_open(), PATIENCE_S)


def _renewing_is_as_declared(trial: Trial) -> bool:
    wish, place, _ = trial.minted(2.0)
    try:
        again = trial.backend.renew(wish, place, _now_ms() + 600_000, trial.deadline())
    except BackendError:
        return not trial.traits.renewable
    if not trial.traits.renewable:
        return False
    time.sleep(2.5)
    return trial.lab.is_let_in(again.words)


def _probing_is_as_declared(trial: Trial) -> bool:
    _, place, _ = trial.minted()
    try:
        alive = trial.backend.probe(place, trial.deadline())
    except BackendError:
        return not trial.traits.can_probe
    return trial.traits.can_probe and not alive


def _secrets_show_nowhere(trial: Trial) -> bool:
    wish = trial.wish()
    place = trial.backend.locate(wish, trial.deadline())
    made = trial.backend.mint(wish, place, _now_ms() + 600_000, trial.deadline())
    hidden = [word for word in made.words.values() if word not in _open_words(place, wish)]
    told = [repr(made)]
    for act in (trial.backend.mint, trial.backend.renew):
        try:
            act(wish, place, _now_ms() + 600_000, trial.deadline())
        except BackendError as error:
            told += [str(error), repr(error.__context__), repr(error.__cause__)]
    return not any(len(word) > _SHORT and word in text for word in hidden for text in told)


def _looking_is_as_declared(trial: Trial) -> bool:
    _, place, _ = trial.minted()
    try:
        trial.backend.look_up(place, trial.deadline())
    except BackendError:
        return not trial.traits.can_look_up
    return trial.traits.can_look_up


def _promises_are_possible(trial: Trial) -> bool:
    return not list(trial.traits.flaws())


PROMISES: Final[Mapping[str, Promise]] = {
    "its promises are possible": _promises_are_possible,
    "a place is named before, and the same every time": _names_are_steady,
    "what is minted works": _what_is_minted_works,
    "one place has one credential": _one_place_one_credential,
    "what is gone is refused, sessions included": _what_is_gone_is_refused,
    "killing twice is killing once": _killing_twice_is_killing_once,
    "killing one leaves the others": _others_live_on,
    "what never was is absent": _what_never_was_is_absent,
    "another target knows nothing": _another_target_knows_nothing,
    "a mint past its deadline makes nothing": _a_late_mint_makes_nothing,
    "a lost answer is not called a refusal": _a_lost_answer_is_unknown,
    "age does what it is said to do": _age_does_what_it_is_said_to_do,
    "renewing is as declared": _renewing_is_as_declared,
    "probing is as declared": _probing_is_as_declared,
    "looking is as declared": _looking_is_as_declared,
    "secrets show nowhere": _secrets_show_nowhere,
}

_KILLING: Final = (
    _what_is_gone_is_refused,
    _killing_twice_is_killing_once,
    _others_live_on,
    _what_never_was_is_absent,
)


def unchecked(lab: Lab) -> Iterator[str]:
    """Name the promises that cannot be looked into in this lab, or that the kind does not make."""
    trial = Trial(lab)
    for name, promise in PROMISES.items():
        if promise in _KILLING and not trial.is_revocable:
            yield name
        if promise is _a_lost_answer_is_unknown and lab.losing_replies() is None:
            yield name


def broken_promises(lab: Lab) -> dict[str, str]:
    """Try every promise; return those that are not kept, each with what happened.

    One that ends in an error which the contract does not know is not kept.
    """
    trial = Trial(lab)
    skipped = set(unchecked(lab))
    tried = {n: _broken(p, trial) for n, p in PROMISES.items() if n not in skipped}
    return {name: what for name, what in tried.items() if what is not None}


def _broken(promise: Promise, trial: Trial) -> str | None:
    try:
        return None if promise(trial) else "it is not so"
    except Exception as error:  # noqa: BLE001 - whatever it is, the contract does not have it
        return f"{type(error).__name__}: {error}"


def _in_time(is_so: Callable[[], bool], seconds: float) -> bool:
    ends = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def _open_words(place: Place, wish: Wish) -> frozenset[str]:
    return frozenset({place.locator, place.identity, wish.lease, wish.task})


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000  # noqa: TID251 - a kit for others' tests has no broker.clock
