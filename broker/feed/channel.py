"""All subscribers of one audience at one broker: every message is made once and sent to each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from broker.feed import messages
from broker.feed.messages import Framed
from broker.feed.subscriber import Ending, Subscriber
from broker.model.capability import ResourceServer
from broker.store.feed_event import Announcement


@dataclass(frozen=True, slots=True)
class Registration:
    """A resource server as it is registered, and as one caller may act for it.

    ``view`` has the tenants that both the registration and the caller's evidence name (I16).
    """

    registered: ResourceServer
    view: ResourceServer

    @property
    def audience(self) -> str:
        """The audience."""
        return self.registered.audience


class Channel:
    """Those who see the same of one audience.

    ``prev`` is the seq of the last event that it was sent, or what that cannot be beyond: from it a
    subscriber sees when one is missing.
    """

    def __init__(self, registration: Registration, prev: int) -> None:
        self.registration = registration
        self._prev = prev
        self._subscribers: dict[str, Subscriber] = {}

    def publish(self, epoch: str, events: Sequence[Announcement]) -> None:
        """Send what concerns this audience of the events that just happened."""
        mine = [event for event in events if event.reaches(self.registration.view)]
        if mine:
            message = Framed(messages.frame(epoch, mine[-1].seq, self._prev, mine))
            self._prev = mine[-1].seq
            for subscriber in self._subscribers.values():
                subscriber.push(message)

    def attach(self, subscriber: Subscriber) -> None:
        """Take in a subscriber that has caught up; an older connection of it ends."""
        name = subscriber.connection.subscriber
        former = self._subscribers.get(name)
        if former is not None:
            former.end(Ending.REPLACED)
        self._subscribers[name] = subscriber

    def detach(self, subscriber: Subscriber) -> None:
        """Forget a subscriber, unless a newer connection has taken its place."""
        name = subscriber.connection.subscriber
        if self._subscribers.get(name) is subscriber:
            del self._subscribers[name]

    def pages(self) -> Iterator[list[Subscriber]]:
        """List the subscribers in pages of what one script may touch."""
        rest = (one for one in list(self._subscribers.values()) if not one.has_ended)
        while page := list(islice(rest, messages.PAGE)):
            yield page

    def check(self, now_ms: int) -> None:
        """End the connections that have no right to go on."""
        for subscriber in self._subscribers.values():
            subscriber.check(now_ms)

    def end(self, ending: Ending) -> None:
        """End every connection."""
        for subscriber in self._subscribers.values():
            subscriber.end(ending)

    @property
    def is_silent(self) -> bool:
        """Tell whether nobody listens."""
        return all(subscriber.has_ended for subscriber in self._subscribers.values())
