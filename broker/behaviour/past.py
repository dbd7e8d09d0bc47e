"""What is remembered of one agent in one tenant: little, and bounded whatever the agent does."""

from typing import Final

import msgspec

from broker.behaviour.sighting import Sighting

HOUR_MS: Final = 3_600_000

NAMES: Final = 64
"""Names of one kind that are remembered; the one that was used longest ago makes room."""

EVENTS: Final = 128
"""Events of one window; a threshold is at most that."""

HOURS: Final = 168
"""Hours with something in them that are remembered: a week of an agent that never rests."""


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """An event in a window."""

    at_ms: int
    seq: int
    task: str


class Past(msgspec.Struct, omit_defaults=True):
    """What is known of an agent. ``seen`` says per bucket up to where its events are in here."""

    first_ms: int = 0
    now_ms: int = 0
    epoch: str = ""
    seen: dict[int, int] = msgspec.field(default_factory=dict)
    windows: dict[str, list[Mark]] = msgspec.field(default_factory=dict)
    names: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    """By kind (capability, resource, origin, instance): when each was used last."""
    most_instances: int = 0
    """The most copies that ever ran within one window, before the last was noted."""
    hour: int = 0
    count: int = 0
    hours: list[int] = msgspec.field(default_factory=list)
    """How many credentials each of the last hours brought, the current one apart."""
    quiet: dict[str, tuple[int, tuple[str, ...]]] = msgspec.field(default_factory=dict)
    """By detector: until when it says nothing more of this agent, and about which tasks or name."""

    def takes(self, sighting: Sighting, epoch: str) -> bool:
        """Take an event in, once; its time never goes back for this agent."""
        if self.epoch != epoch:
            self.epoch, self.seen = epoch, {}
        if sighting.n <= self.seen.get(sighting.bucket, 0):
            return False
        self.seen[sighting.bucket] = sighting.n
        self.now_ms = max(self.now_ms, sighting.at_ms)
        self.first_ms = self.first_ms or self.now_ms
        return True

    def age_ms(self) -> int:
        """Return for how long the agent is known."""
        return self.now_ms - self.first_ms

    def window(self, name: str, sighting: Sighting, window_ms: int) -> list[Mark]:
        """Put an event into a window, and return what is in it now."""
        kept = [mark for mark in self.windows.get(name, ()) if mark.at_ms > self.now_ms - window_ms]
        kept.append(Mark(self.now_ms, sighting.seq, sighting.task))
        self.windows[name] = kept[-EVENTS:]
        return self.windows[name]

    def is_quiet(self, name: str, about: tuple[str, ...]) -> bool:
        """Tell whether a detector has just spoken of this very thing."""
        until_ms, told = self.quiet.get(name, (0, ()))
        return self.now_ms < until_ms and set(about) <= set(told)

    def hushes(self, name: str, about: tuple[str, ...], window_ms: int) -> None:
        """Note that a detector has spoken: its window is empty, and it rests."""
        self.quiet[name] = (self.now_ms + window_ms, about)
        self.windows.pop(name, None)

    def uses(self, kind: str, name: str) -> int | None:
        """Note that a name is used; return when it was last, None: never before."""
        known = self.names.setdefault(kind, {})
        former = known.pop(name, None)
        known[name] = self.now_ms  # the newest is last
        while len(known) > NAMES:
            del known[next(iter(known))]
        return former

    def known(self, kind: str, since_ms: int = 0) -> int:
        """Count the names of a kind that were used since an instant."""
        return sum(at >= since_ms for at in self.names.get(kind, {}).values())

    def counts_hour(self) -> int:
        """Count one more in the current hour, closing the one before; return how many it has."""
        hour = self.now_ms // HOUR_MS
        if hour != self.hour:
            if self.count:
                self.hours = [*self.hours, self.count][-HOURS:]
            self.hour, self.count = hour, 0
        self.count += 1
        return self.count
