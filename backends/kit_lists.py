"""What the contract test kit asks of a kind whose target refuses by lists."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec.structs import replace

from backends.contract import Place
from backends.deny_lists import Ban, DenyLists, Desired
from backends.errors import OtherTargetError
from backends.kit_trial import Trial
from backends.wall_clock import now_ms


def has_lists(trial: Trial) -> bool:
    """Tell whether the kind has any."""
    return isinstance(trial.backend, DenyLists)


def _a_list_is_what_was_written(trial: Trial) -> bool:
    lists, ban = _lists(trial), _ban(trial)
    other = _ban(trial).one
    for entries, mark in (({ban.one, other}, "ar1"), ({ban.task}, "ar2"), ({ban.task}, "ar2")):
        desired = Desired(entries=frozenset(entries), mark=mark)
        shown = lists.publish(ban.at, desired, trial.deadline())
        again = lists.read(ban.at, trial.deadline())
        if not shown.is_as(desired) or not again.is_as(desired):
            return False
    return True


def _a_cut_off_is_kept(trial: Trial) -> bool:
    lists, ban = _lists(trial), _ban(trial)
    before_ms = (now_ms() // 1000 - 86_400) * 1000
    desired = Desired(entries=frozenset({ban.one}), issued_before_ms=before_ms, mark="ar3")
    return lists.publish(ban.at, desired, trial.deadline()).is_as(desired)


def _an_empty_list_is_an_answer(trial: Trial) -> bool:
    lists, ban = _lists(trial), _ban(trial)
    nothing = Desired(entries=frozenset(), mark="ar4")
    first = lists.publish(ban.at, nothing, trial.deadline())
    again = lists.publish(ban.at, nothing, trial.deadline())
    return first.is_as(nothing) and again.is_as(nothing) and not again.entries


def _a_task_s_entry_refuses_all_of_it(trial: Trial) -> bool:
    lists = _lists(trial)
    wish, place, words = trial.minted()
    ban = lists.ban_of(place)
    desired = Desired(entries=frozenset({ban.task}), mark="ar5")
    lists.publish(ban.at, desired, trial.deadline())
    later = replace(trial.wish(), task=wish.task)
    found = trial.backend.locate(later, trial.deadline())
    made = trial.backend.mint(later, found, now_ms() + 600_000, trial.deadline())
    refused = not trial.lab.is_let_in(words) and not trial.lab.is_let_in(made.words)
    lists.publish(ban.at, Desired(entries=frozenset(), mark="ar6"), trial.deadline())
    return refused


def _another_target_s_are_not_in_it(trial: Trial) -> bool:
    place = trial.backend.locate(trial.wish(), trial.deadline())
    try:
        _lists(trial).ban_of(Place(locator=place.locator, identity="another target"))
    except OtherTargetError:
        return True
    return False


def _entries_stay_as_long_as_sessions_live(trial: Trial) -> bool:
    lists, at_ms = _lists(trial), now_ms()
    stays_ms = lists.stays_until_ms(at_ms, at_ms + 600_000)
    return at_ms + 600_000 <= stays_ms <= at_ms + 600_000 + lists.longest_ms


PROMISES: Final[Mapping[str, Callable[[Trial], bool]]] = {
    "a list is what was written last, and nothing else": _a_list_is_what_was_written,
    "a cut-off is kept beside the entries": _a_cut_off_is_kept,
    "a list in which nothing stands is an answer": _an_empty_list_is_an_answer,
    "a task's entry refuses all of it, there and to come": _a_task_s_entry_refuses_all_of_it,
    "a list names none of another target": _another_target_s_are_not_in_it,
    "an entry stays as long as its sessions live": _entries_stay_as_long_as_sessions_live,
}


def _lists(trial: Trial) -> DenyLists:
    lists = trial.backend
    if not isinstance(lists, DenyLists):
        raise TypeError("this kind has no lists")
    return lists


def _ban(trial: Trial) -> Ban:
    return _lists(trial).ban_of(trial.backend.locate(trial.wish(), trial.deadline()))
