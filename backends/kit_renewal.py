"""The promises of kinds whose credentials can be renewed."""

import time

from backends.contract import Place, SelfExpiry, Sighting, Wish
from backends.errors import BackendError, OtherTargetError
from backends.kit_trial import Trial, in_time
from backends.wall_clock import now_ms


def renewing_is_as_declared(trial: Trial) -> bool:
    """It lives longer, and only what was delivered last is let in."""
    wish, place, words = trial.minted(trial.short_s)
    until = now_ms() + 600_000
    newest = words
    for _ in range(2):  # as if the first answer had been lost
        try:
            again = trial.backend.renew(wish, place, until, trial.deadline()).words
        except BackendError:
            return not trial.traits.renewable
        if again and again != newest and trial.lab.is_let_in(newest):
            return False
        newest = again or newest
    time.sleep(trial.short_s + 0.5)
    return trial.traits.renewable and trial.lab.is_let_in(newest)


def a_late_renewal_prolongs_nothing(trial: Trial) -> bool:
    """It dies when it would have."""
    if not trial.traits.renewable or trial.traits.self_expiry is SelfExpiry.NONE:
        return True
    old, young = trial.minted(), trial.minted(trial.short_s)
    for wish, place, _ in (old, young):
        try:
            trial.backend.renew(wish, place, now_ms() + 600_000, trial.deadline(0))
        except BackendError:
            continue
        return False
    if not trial.lab.is_let_in(old[2]):
        return False
    return in_time(lambda: not trial.lab.is_let_in(young[2]), trial.short_s + trial.patience_s)


def renewing_brings_nothing_back(trial: Trial) -> bool:
    """What was killed stays so; and another target prolongs nothing."""
    if not trial.traits.renewable:
        return True
    wish, place, words = trial.minted()
    if not _is_true_to_its_target(trial, wish, place):
        return False
    if not (trial.is_revocable and trial.killed(place)):
        return True
    try:
        again = trial.backend.renew(wish, place, now_ms() + 600_000, trial.deadline())
    except BackendError:
        is_gone = trial.may_be(place, Sighting.ABSENT, Sighting.DISABLED)
        return is_gone and not trial.lab.is_let_in(words)
    return not trial.lab.is_let_in(again.words or words)


def _is_true_to_its_target(trial: Trial, wish: Wish, place: Place) -> bool:
    foreign = Place(locator=place.locator, identity="another target")
    try:
        trial.backend.renew(wish, foreign, now_ms() + 600_000, trial.deadline())
    except OtherTargetError:
        return True
    return False
