"""Whether the broker gives access now. Taking access away never asks here.

Each watcher (store, clock, policy, keys, audit, feed, drain) owns one word and reports under it;
while any word stands the broker is *revoke-only*, and ``/readyz`` shows what and why.
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

    def report(self, watcher: str, *hindrances: Hindrance) -> None:
        """Replace what a watcher objects to; nothing means that it agrees."""
        if hindrances:
            self._hindrances[watcher] = hindrances
        else:
            self._hindrances.pop(watcher, None)

    def require(self) -> None:
        """Let a giving verb pass.

        Raises:
            UnavailableError: revoke-only at the moment; the text names what stands in the way.
        """
        if self._hindrances:
            reasons = "; ".join(f"{word}: {what}" for word, what, _ in self.hindrances())
            raise UnavailableError(f"revoke-only: {reasons}")

    @property
    def is_open(self) -> bool:
        """Tell whether access is given."""
        return not self._hindrances

    def hindrances(self) -> list[tuple[str, str, str]]:
        """Return (watcher, what, remedy) of everything that stands in the way."""
        return [
            (word, one.what, one.remedy)
            for word, all_of in self._hindrances.items()
            for one in all_of
        ]
