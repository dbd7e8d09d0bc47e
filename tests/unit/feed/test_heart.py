"""When an alive message is true, and when none is sent."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from broker.feed.channels import Channels
from broker.feed.heart import LATE_MS, Heart
from broker.feed.subscriber import Ending, Subscriber
from broker.store.feed_entry import LogEntry
from broker.store.feed_subscribers import Connection, Pulse
from tests.fakes.clock import FakeClock
from tests.fakes.ledger import FAR_MS
from tests.fakes.outlet import FakeOutlet


class FakeReader:
    """A reader at seq 5 of epoch ``e``, which gets to 7 when it is asked to."""

    def __init__(self) -> None:
        self.epoch = "e"
        self.seq = 5
        self.last_read: LogEntry | None = None
        self.is_stuck = False
        self.complaints: list[str] = []

    async def reach(self, _epoch: str, seq: int) -> None:
        """Read on."""
        if self.is_stuck:
            await asyncio.Event().wait()
        self.seq = max(self.seq, seq, 7)

    def doubt(self) -> None:
        """Note it."""
        self.complaints.append("doubt")

    def refute(self) -> None:
        """Note it."""
        self.complaints.append("refute")


class FakeSubscribers:
    """Answers with a pulse, after something has happened."""

    def __init__(self) -> None:
        self.pulse_said = Pulse(123, "e", 6, agrees=True, replaced=frozenset())
        self.meanwhile: Callable[[], object] = lambda: None

    async def pulse(
        self, _audience: str, _connections: Sequence[Connection], *, last: LogEntry | None
    ) -> Pulse:
        """Answer."""
        assert last is None
        self.meanwhile()
        return self.pulse_said


class Beat:
    """One heart with one subscriber."""

    def __init__(self) -> None:
        self.reader, self.subscribers = FakeReader(), FakeSubscribers()
        self.clock, self.outlet = FakeClock(), FakeOutlet()
        self.subscriber = Subscriber(
            Connection("subscriber-1", "n"), self.outlet, ends_at_ms=FAR_MS
        )
        self._heart = Heart(
            self.subscribers,  # type: ignore[arg-type] - doubles
            self.reader,  # type: ignore[arg-type] - doubles
            Channels(dict),
            clock=self.clock,
            alive_ms=1,
        )

    async def beat(self) -> list[dict[str, object]]:
        """Beat once; returns what the subscriber was told."""
        await self._heart.beat("https://a", [self.subscriber])
        return [message.data for message in self.outlet.heard]


async def test_an_alive_message_names_the_reading_and_all_that_was_sent() -> None:
    """The position is the reader's own, which is at least what was read then."""
    assert await Beat().beat() == [{"read_at": 123, "seq": 7, "epoch": "e"}]


async def test_none_is_sent_before_everything_up_to_there_was_sent() -> None:
    """A verifier would take its old set for the newest."""
    beat = Beat()
    beat.reader.is_stuck = True

    assert await beat.beat() == []


@pytest.mark.parametrize(("late_ms", "is_sent"), [(LATE_MS, True), (LATE_MS + 1, False)])
async def test_none_is_sent_that_is_late(late_ms: int, *, is_sent: bool) -> None:
    """A verifier takes the first one of a connection for news."""
    beat = Beat()
    beat.subscribers.meanwhile = lambda: beat.clock.advance(late_ms)

    assert bool(await beat.beat()) is is_sent


@pytest.mark.parametrize(
    ("pulse", "complaints"),
    [
        (Pulse(1, "f", 6, agrees=True, replaced=frozenset()), ["doubt"]),
        (Pulse(1, "e", 4, agrees=True, replaced=frozenset()), ["doubt"]),
        (Pulse(1, "e", 6, agrees=False, replaced=frozenset()), ["refute"]),
    ],
)
async def test_none_is_sent_of_another_log(pulse: Pulse, complaints: list[str]) -> None:
    """Another epoch, a log that went back, another entry where the reader stands."""
    beat = Beat()
    beat.subscribers.pulse_said = pulse

    assert await beat.beat() == []
    assert beat.reader.complaints == complaints


async def test_none_is_sent_by_a_clock_that_disagrees() -> None:
    """Verifiers fall silent by themselves; the log is none the worse for it."""
    beat = Beat()
    beat.subscribers.pulse_said = Pulse(1, "e", 4, agrees=True, replaced=frozenset(), sure=False)

    assert await beat.beat() == []
    assert beat.reader.complaints == []


async def test_what_was_read_meanwhile_is_no_doubt() -> None:
    """The reader may be further when the answer comes."""
    beat = Beat()
    beat.subscribers.meanwhile = lambda: setattr(beat.reader, "seq", 9)

    assert await beat.beat() == [{"read_at": 123, "seq": 9, "epoch": "e"}]


async def test_who_is_connected_elsewhere_is_told_nothing_and_ends() -> None:
    """The newer connection is the one that counts."""
    beat = Beat()
    beat.subscribers.pulse_said = Pulse(
        1, "e", 6, agrees=True, replaced=frozenset({"subscriber-1"})
    )

    assert await beat.beat() == []
    assert beat.subscriber.ending is Ending.REPLACED
