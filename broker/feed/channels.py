"""The channels of one broker."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from broker.errors import AccessDeniedError, UnavailableError
from broker.feed.channel import Channel, Registration
from broker.feed.subscriber import Ending
from broker.model.capability import CheckMode, ResourceServer
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.store.feed_event import Announcement

Servers = Callable[[], Mapping[str, ResourceServer]]
"""The resource servers that are registered at this moment, by audience; raises UnavailableError
while that is not known."""


class Channels:
    """Opens a channel when somebody listens, closes it when its registration changes."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._channels: dict[ResourceServer, Channel] = {}

    def admit(self, caller: Principal) -> Registration:
        """Tell what a caller may hear.

        Raises:
            AccessDeniedError: it is no resource server that is registered for the feed.
            UnavailableError: nobody can say who is registered now.
        """
        if caller.kind is not Kind.RESOURCE:
            raise AccessDeniedError("resource-servers-only")
        registered = self._servers().get(caller.name)
        if registered is None or registered.check is not CheckMode.FEED:
            raise AccessDeniedError("not-registered-for-the-feed")
        tenants = _common(registered.tenants, caller.tenants)
        return Registration(registered, replace(registered, tenants=tenants))

    @property
    def is_silent(self) -> bool:
        """Whether nobody listens."""
        return not self._channels

    def of(self, registration: Registration, last: Callable[[ResourceServer], int]) -> Channel:
        """Return the channel of who may hear the same; ``last`` says where a new one begins."""
        channel = self._channels.get(registration.view)
        if channel is None:
            channel = Channel(registration, last(registration.view))
            self._channels[registration.view] = channel
        return channel

    def publish(self, epoch: str, events: Sequence[Announcement]) -> None:
        """Send to each what concerns it."""
        for channel in self._channels.values():
            channel.publish(epoch, events)

    def check(self, now_ms: int) -> None:
        """End what has no right to go on, and forget the channels that nobody listens to."""
        for view, channel in list(self._channels.items()):
            if not self._stands(channel.registration):
                channel.end(Ending.CHANGED)
            channel.check(now_ms)
            if channel.is_silent:
                del self._channels[view]

    def _stands(self, registration: Registration) -> bool:
        """Tell whether a registration is still as it was.

        While nobody can say, the feed goes on: it takes access away, and shows nothing new.
        """
        try:
            return self._servers().get(registration.audience) == registration.registered
        except UnavailableError:
            return True

    def end(self, ending: Ending) -> None:
        """End every connection."""
        for channel in self._channels.values():
            channel.end(ending)
        self._channels.clear()

    def __iter__(self) -> Iterator[Channel]:
        return iter(list(self._channels.values()))


def _common(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    if ALL_TENANTS in one:
        return other
    if ALL_TENANTS in other:
        return one
    return one & other
