"""The contract test kit: does a backend keep what the contract promises?

For whoever writes a kind, in any test runner::

    def test_it_keeps_the_contract():
        assert broken_promises(MyLab()) == {}

The lab brings a target of its own, a way to use credentials there, and, where it can, ways to
disturb it. What a lab cannot do is not checked, and :func:`unchecked` says so.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from backends import kit_inventory, kit_lists
from backends.contract import (
    Place,
    SelfExpiry,
    Sighting,
    Wish,
)
from backends.errors import BackendError, NotMintedError, OtherTargetError
from backends.kit_renewal import (
    a_late_renewal_prolongs_nothing,
    renewing_brings_nothing_back,
    renewing_is_as_declared,
)
from backends.kit_trial import Lab, Opened, Trial, in_time
from backends.wall_clock import now_ms

__all__ = ["PATIENCE_S", "PROMISES", "Lab", "Opened", "broken_promises", "unchecked"]

PATIENCE_S: Final = 10.0
"""How long the kit waits for what a kind says to happen eventually, or of age."""


_SHORT: Final = 16
"""No secret is as short as this."""

Promise = Callable[[Trial], bool]


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
        trial.backend.mint(wish, place, now_ms() + 600_000, trial.deadline())
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
    asks = [trial.backend.look_up]
    for ask in asks if kit_lists.has_lists(trial) else [trial.backend.revoke, *asks]:
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
        trial.backend.mint(wish, place, now_ms() + 600_000, trial.deadline(0))
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
            trial.backend.mint(wish, place, now_ms() + 600_000, trial.deadline(2))
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
    if ttl_s > trial.patience_s:
        return True
    _, _, words = trial.minted(ttl_s)
    opened = trial.lab.enter(words)
    if not in_time(lambda: not trial.lab.is_let_in(words), ttl_s + trial.patience_s):
        return False
    ends_all = trial.traits.self_expiry is SelfExpiry.FULL
    return not ends_all or opened is None or in_time(lambda: not opened.is_open(), trial.patience_s)


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
    made = trial.backend.mint(wish, place, now_ms() + 600_000, trial.deadline())
    hidden = [word for word in made.words.values() if word not in _open_words(place, wish)]
    told = [repr(made)]
    for act in (trial.backend.mint, trial.backend.renew):
        try:
            act(wish, place, now_ms() + 600_000, trial.deadline())
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
    "renewing is as declared": renewing_is_as_declared,
    "a renewal past its deadline prolongs nothing": a_late_renewal_prolongs_nothing,
    "renewing brings nothing back": renewing_brings_nothing_back,
    "probing is as declared": _probing_is_as_declared,
    "looking is as declared": _looking_is_as_declared,
    "secrets show nowhere": _secrets_show_nowhere,
    **kit_inventory.PROMISES,
    **kit_lists.PROMISES,
}

_KILLING: Final = (
    _what_is_gone_is_refused,
    _killing_twice_is_killing_once,
    _others_live_on,
    _what_never_was_is_absent,
)


def unchecked(lab: Lab) -> Iterator[str]:
    """Name the promises that cannot be looked into in this lab, or that the kind does not make."""
    trial = Trial(lab, PATIENCE_S)
    for name, promise in PROMISES.items():
        if promise in _KILLING and not trial.is_revocable:
            yield name
        if name in kit_inventory.PROMISES and not kit_inventory.lists(trial):
            yield name
        if name in kit_lists.PROMISES and not kit_lists.has_lists(trial):
            yield name
        if promise is _a_lost_answer_is_unknown and lab.losing_replies() is None:
            yield name


def broken_promises(lab: Lab, *names: str) -> dict[str, str]:
    """Try every promise, or those that are named; return what is not kept, with what happened.

    One that ends in an error which the contract does not know is not kept.
    """
    trial = Trial(lab, PATIENCE_S)
    skipped = set(unchecked(lab))
    asked = [name for name in PROMISES if name not in skipped and (name in names or not names)]
    tried = {name: _broken(PROMISES[name], trial) for name in asked}
    return {name: what for name, what in tried.items() if what is not None}


def _broken(promise: Promise, trial: Trial) -> str | None:
    try:
        return None if promise(trial) else "it is not so"
    except Exception as error:  # noqa: BLE001 - whatever it is, the contract does not have it
        return f"{type(error).__name__}: {error}"


def _open_words(place: Place, wish: Wish) -> frozenset[str]:
    return frozenset({place.locator, place.identity, wish.lease, wish.task})
