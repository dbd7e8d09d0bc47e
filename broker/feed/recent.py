"""The latest revocation events, in memory, so that who was away for a moment costs no reading."""

from collections import deque

from broker.model.capability import ResourceServer
from broker.store.feed_event import Announcement


class Recent:
    """Every event beyond ``floor``: at most ``capacity`` of them, the oldest forgotten first."""

    def __init__(self, capacity: int, floor: int) -> None:
        self._events: deque[Announcement] = deque()
        self._capacity = capacity
        self.floor = floor

    def add(self, event: Announcement) -> None:
        """Remember the next event."""
        self._events.append(event)
        if len(self._events) > self._capacity:
            self.floor = self._events.popleft().seq

    def after(self, seq: int, server: ResourceServer) -> list[Announcement]:
        """List, oldest first, what a resource server must hear beyond ``seq`` (>= ``floor``)."""
        found = []
        for event in reversed(self._events):
            if event.seq <= seq:
                break
            if event.reaches(server):
                found.append(event)
        return found[::-1]

    def at(self, seq: int) -> Announcement | None:
        """Return the event with this number, if it is remembered."""
        for event in reversed(self._events):
            if event.seq <= seq:
                return event if event.seq == seq else None
        return None

    def last(self, server: ResourceServer) -> int:
        """Return the seq of the last event for a resource server, or what it cannot be beyond."""
        for event in reversed(self._events):
            if event.reaches(server):
                return event.seq
        return self.floor
