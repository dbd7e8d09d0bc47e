"""What comes of asking again whether a lease would still be granted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

NO_LONGER: Final = "no-longer-granted"
"""Why a lease ended that would not be granted any more."""


@dataclass(frozen=True, slots=True)
class StillGranted:
    """It would be. By time alone the answer may change at ``until_ms``; 0: never."""

    until_ms: int = 0


class NoLonger(msgspec.Struct, frozen=True, omit_defaults=True):
    """It would not be, for this reason: a word, as in a refusal.

    ``policies`` are those that say so, ``missing`` what would have had to hold, ``gone`` what the
    grant had read and what is no longer so. ``revision`` is the bundle's, ``graph`` that of the
    log of facts.
    """

    reason: str
    policies: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    revision: int = 0
    graph: int = 0

    def in_brief(self) -> str:
        """Say it on one line: the reason, whose it is, and what is gone."""
        by = f" by {', '.join(self.policies)}" if self.policies else ""
        return "; ".join((f"{self.reason}{by}", *self.gone))

    def told(self) -> Mapping[str, object]:
        """Return it as operators are told it."""
        return {
            "reason": self.reason,
            "policies": self.policies,
            "missing": self.missing,
            "gone": self.gone,
            "revision": self.revision,
            "facts_revision": self.graph,
        }


Redecision = StillGranted | NoLonger
