"""What the contract test kit asks of a kind that says what is at its target.

The lab then also brings another ledger's way to the same target, and something that is nobody's.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol, runtime_checkable

from backends.contract import Backend, Sighting
from backends.inventory import LISTED, Found, Inventory
from backends.kit_trial import Trial


@runtime_checkable
class SharedLab(Protocol):
    """A lab whose target several ledgers share."""

    @property
    def epoch(self) -> str:
        """The epoch of the ledger that the backend under test works for."""
        ...

    def other_ledger(self) -> Backend:
        """Return a backend of the same kind, on the same target, for another ledger."""
        ...

    def stranger(self) -> str:
        """Put something there that bears neither mark nor prefix of ours; return its name."""
        ...


def lists(trial: Trial) -> bool:
    """Tell whether the kind lists, and the lab can try it."""
    return isinstance(trial.backend, Inventory) and isinstance(trial.lab, SharedLab)


def _what_is_minted_is_listed(trial: Trial) -> bool:
    wish, place, _ = trial.minted()
    found = _listed(trial)[place.locator]
    is_marked = found.epoch == _lab(trial).epoch and found.lease == wish.lease
    return is_marked and found.sighting is Sighting.ALIVE


def _what_is_gone_is_not_alive(trial: Trial) -> bool:
    _, place, _ = trial.minted()
    trial.killed(place)
    found = _listed(trial).get(place.locator)
    return found is None or found.sighting is not Sighting.ALIVE


def _another_ledger_s_is_not_ours(trial: Trial) -> bool:
    lab = _lab(trial)
    _, place = trial.minted_by(lab.other_ledger())
    found = _listed(trial).get(place.locator)
    return found is None or found.epoch != lab.epoch


def _strangers_are_left_out(trial: Trial) -> bool:
    return _lab(trial).stranger() not in _listed(trial)


def _pages_end_and_name_the_target(trial: Trial) -> bool:
    places = [trial.minted()[1] for _ in range(3)]
    pages = list(_pages(trial))
    names = [found.locator for _, page in pages for found in page]
    is_bounded = all(len(page) <= LISTED for _, page in pages)
    is_whole = {place.locator for place in places} <= set(names) and len(names) == len(set(names))
    return is_bounded and is_whole and {identity for identity, _ in pages} == {places[0].identity}


PROMISES: Final[Mapping[str, Callable[[Trial], bool]]] = {
    "what is minted is listed, by its lease and its ledger": _what_is_minted_is_listed,
    "what is gone is not listed as alive": _what_is_gone_is_not_alive,
    "another ledger's is not listed as this one's": _another_ledger_s_is_not_ours,
    "what is nobody's of us is not listed": _strangers_are_left_out,
    "a listing ends, is whole, and names its target": _pages_end_and_name_the_target,
}


def _lab(trial: Trial) -> SharedLab:
    if not isinstance(trial.lab, SharedLab):
        raise TypeError("this lab has one ledger only")
    return trial.lab


def _pages(trial: Trial) -> Iterator[tuple[str, tuple[Found, ...]]]:
    backend, after, begun = trial.backend, "", set[str]()
    while isinstance(backend, Inventory):
        page = backend.inventory(after, trial.deadline())
        yield page.identity, page.found
        after = page.after
        if not after:
            return
        if after in begun:
            raise ValueError("the same page begins again")
        begun.add(after)


def _listed(trial: Trial) -> dict[str, Found]:
    return {found.locator: found for _, page in _pages(trial) for found in page}
