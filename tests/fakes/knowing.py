"""The ways in which a verifier knows that a token is dead, and a verifier that knows in one."""

from collections.abc import Callable
from dataclasses import dataclass

from broker.client.deny import Denial
from broker.client.frames import Alive, Frame, Position, Snapshot
from broker.client.introspection import Introspection
from broker.client.liveness import Liveness
from broker.client.verifier import Verifier
from broker.client.view import View
from tests.fakes import token_mint as mint
from tests.fakes.broker_server import BrokerServer
from tests.fakes.clock import FakeClock

INTROSPECT = "POST /oauth/introspect"


@dataclass
class Subject:
    """One way of knowing, and how to tell it that a token is dead or that the broker is gone."""

    name: str
    liveness: Liveness
    deny: Callable[[Denial], None] | None
    lose_broker: Callable[[FakeClock], None] | None


def by_feed(clock: FakeClock) -> Subject:
    """Know by the feed: a view that has just been told that the broker is alive."""
    view = View(clock, max_age_ms=10**9)
    view.apply(Snapshot(Position("e", 1), (), more=False))
    view.apply(Alive(Position("e", 1), clock.now_ms()))

    def deny(denial: Denial) -> None:
        view.apply(Frame(Position("e", 2), 1, (denial,)))

    return Subject("feed", view, deny, lambda clock: clock.advance(10**9 + 1))


def by_introspection(broker: BrokerServer, introspection: Introspection) -> Subject:
    """Know by asking the broker each time."""
    state: dict[str, object] = {"active": True}
    broker.answer(INTROSPECT, state)

    def deny(_: Denial) -> None:
        broker.answer(INTROSPECT, {"active": False})

    return Subject(
        "introspect", introspection, deny, lambda _: broker.answer(INTROSPECT, state, status=503)
    )


def verifier_of(subject: Subject, clock: FakeClock, *, leeway_ms: int = 0) -> Verifier:
    """Return a verifier that knows in this way."""
    return Verifier(
        mint.ISSUER,
        mint.AUDIENCE,
        keys=mint.fixed_keys(),
        liveness=subject.liveness,
        clock=clock,
        leeway_ms=leeway_ms,
    )
