"""Whether the broker gives access now. Taking access away never asks here.

Each watcher (store, clock, policy, keys, issuers, feed, drain) owns one word and reports under it;
while any word stands the broker is *revoke-only*, and ``/readyz`` shows what and why. What hinders
only some callers is shown there as well, and closes nothing for the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.errors import UnavailableError


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why no access is given: what is wrong, and what an operator does about it."""

    what: str
    remedy: str


class Gate:
    """Closed until every watcher has reported once, and whenever one of them objects."""

    def __init__(self, watchers: Sequence[str]) -> None:
        waiting = Hindrance("not checked yet since the start", "wait a moment")
        self._hindrances: dict[str, tuple[Hindrance, ...]] = dict.fromkeys(watchers, (waiting,))
        self._remarks: dict[str, tuple[Hindrance, ...]] = {}

    def report(self, watcher: str, *hindrances: Hindrance) -> None:
        """Replace what a watcher objects to; nothing means that it agrees."""
        _put(self._hindrances, watcher, hindrances)

    def remark(self, watcher: str, *hindrances: Hindrance) -> None:
        """Replace what a watcher remarks: it hinders some callers, and closes nothing."""
        _put(self._remarks, watcher, hindrances)

    def require(self) -> None:
        """Let a giving verb pass.

        Raises:
            UnavailableError: revoke-only at the moment; the text names what stands in the way.
        """
        if self._hindrances:
            listed = _listed(self._hindrances)
            reasons = "; ".join(f"{word}: {what}" for word, what, _ in listed)
            raise UnavailableError(f"revoke-only: {reasons}")

    @property
    def is_open(self) -> bool:
        """Tell whether access is given."""
        return not self._hindrances

    def hindrances(self) -> list[tuple[str, str, str]]:
        """Return (watcher, what, remedy) of everything that stands in the way, or in some's way."""
        return _listed(self._hindrances) + _listed(self._remarks)


Reported = dict[str, tuple[Hindrance, ...]]


def _put(place: Reported, watcher: str, hindrances: tuple[Hindrance, ...]) -> None:
    if hindrances:
        place[watcher] = hindrances
    else:
        place.pop(watcher, None)


def _listed(place: Reported) -> list[tuple[str, str, str]]:
    return [(word, one.what, one.remedy) for word, all_of in place.items() for one in all_of]
