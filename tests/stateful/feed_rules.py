"""Rules about resource servers: they connect, listen, acknowledge, and fall silent."""

from dataclasses import dataclass, field

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from broker.model.capability import ResourceServer
from broker.store.feed_event import Announcement, FeedEvent
from broker.store.feed_event import announcement as announced
from broker.store.feed_subscribers import Acknowledged, Connection
from tests.stateful.base import MOSTLY, Stage
from tests.stateful.model import ModelLease
from tests.stateful.people import SERVERS

AUDIENCES = st.sampled_from(["orders", "files"])
NEVER = -(10**15)


@dataclass(eq=False)
class Subscriber:
    """One verifier: it refuses what it heard of, and everything once it heard nothing for long."""

    server: ResourceServer
    connection: Connection
    heard: int
    events: list[FeedEvent] = field(default_factory=list)
    alive_at: int = NEVER

    def refuses_all(self, now: int) -> bool:
        """Tell whether a strict verifier's view is too old to accept anything by."""
        return self.server.strict and now > self.alive_at + self.server.staleness_ms

    def refuses(self, lease: ModelLease, now: int) -> bool:
        """Judge as our verifier does, by what the token itself says."""
        return self.refuses_all(now) or any(covers(event, lease) for event in self.events)


def covers(event: FeedEvent, lease: ModelLease) -> bool:
    """Tell whether an event denies every token of a lease."""
    path = lease.task.path
    if event.cut is None:
        return event.jti == lease.id or event.task in [node.id for node in path]
    of = {
        "all": [""],
        "tenant": [lease.task.tenant],
        "capability": [lease.capability],
        "issuer": [lease.issuer],
        "agent": [node.agent for node in path],
        "task": [node.id for node in path],
    }
    return (
        event.cut.name in of[event.cut.of]
        and event.cut.tenant in ("", lease.task.tenant)
        and lease.newest <= event.cut.issued_before
    )


class FeedRules(Stage):
    """What resource servers do, and the shipping that they live on."""

    def __init__(self) -> None:
        super().__init__()
        self.subscribers: dict[tuple[str, str], Subscriber] = {}
        self.connections = 0

    @rule()
    def ship(self) -> None:
        """Move the outboxes into the feed."""
        self.run(self.world.ship())

    @rule(audience=AUDIENCES, who=st.sampled_from(["one-one-one", "two-two-two"]))
    def connect(self, audience: str, who: str) -> None:
        """A verifier connects, perhaps again, and reads all that is in force."""
        server = SERVERS[audience]
        self.connections += 1
        connection = Connection(who, f"nonce-{self.connections}")
        joined = self.run(
            self.world.feed.subscribers.join(server, connection, after=0, epoch="", most=9)
        )
        assert joined is not None
        found, _ = self.run(self.world.feed.in_force(after=0, up_to=joined.seq))
        one = Subscriber(server, connection, joined.seq, _events(found, server))
        self.subscribers[audience, who] = one

    @precondition(lambda self: self.subscribers)
    @rule(is_late=st.booleans(), is_alive=MOSTLY, acknowledges=MOSTLY)
    def listen(self, is_late: bool, is_alive: bool, acknowledges: bool) -> None:  # noqa: FBT001
        """The verifiers hear what is new, perhaps that all is well, perhaps say that they did."""
        for one in list(self.subscribers.values())[is_late:]:
            self._hear(one)
            if is_alive:
                pulse = self.run(
                    self.world.feed.subscribers.pulse(one.server.audience, [one.connection])
                )
                assert pulse.seq == one.heard
                one.alive_at = pulse.now_ms
            if acknowledges:
                self._acknowledge(one)

    def _hear(self, one: Subscriber) -> None:
        entries = self.run(self.world.log_after(one.heard))
        found = [a for entry in entries if (a := announced(entry.seq, entry.change))]
        one.events += _events(found, one.server)
        one.heard = entries[-1].seq if entries else one.heard

    def _acknowledge(self, one: Subscriber) -> None:
        noted = self.run(
            self.world.feed.subscribers.acknowledge(
                one.server.audience, one.connection.subscriber, one.heard
            )
        )
        # A verifier that was silent for too long is known no more; it refuses everything.
        assert noted is Acknowledged.OK or one.refuses_all(max(self.model.now))

    def unaware(self, lease: ModelLease, audience: str) -> list[str]:
        """Name the verifiers of an audience that would still accept a token."""
        now = max(self.model.now)
        return [
            one.connection.subscriber
            for one in self.subscribers.values()
            if one.server.audience == audience
            and lease.expires > now
            and not one.refuses(lease, now)
        ]


def _events(found: list[Announcement], server: ResourceServer) -> list[FeedEvent]:
    return [msgspec.json.decode(a.body, type=FeedEvent) for a in found if a.reaches(server)]
