import asyncio
import base64
import itertools
import random  # noqa: TID251  a seeded run must be repeatable
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from broker.client.backoff import Backoff
from broker.client.endpoint import Endpoint, open_session
from broker.client.errors import ViewStaleError
from broker.client.frames import Position
from broker.client.subscription import Subscription
from broker.client.token import read_claims
from broker.client.view import View
from broker.clock import SystemClock
from tests.fakes import token_mint as mint
from tests.fakes.feed_server import Faults, FeedServer, running

TOKEN = read_claims(mint.claims())
LATER = SystemClock().now_ms() // 1000 + 3_600
SUBSCRIBER = "orders-pod-1"
SEED = 20_261_124


class Tokens:
    """A token source that never gives the same token twice."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> str:
        """Return the next token."""
        self.count += 1
        return f"workload-{self.count}"


def quick() -> Backoff:
    """Return delays that a test can wait for."""
    return Backoff(first_seconds=0.0005, cap_seconds=0.002)


@asynccontextmanager
async def following(
    server: FeedServer, view: View, *, silence_seconds: float = 5.0
) -> AsyncIterator[Subscription]:
    """Follow a server with a view."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session())
        endpoint = Endpoint(server.url, Tokens(), session)
        yield await stack.enter_async_context(
            Subscription(
                endpoint,
                view,
                subscriber=SUBSCRIBER,
                silence_seconds=silence_seconds,
                new_backoff=quick,
            )
        )


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds; the test's own timeout is the bound."""
    while not condition():  # noqa: ASYNC110  the conditions are of objects that know no events
        await asyncio.sleep(0.001)


def lease(number: int) -> str:
    """Return the lease id of this number."""
    text = base64.b32encode((number + 1).to_bytes(16, "big")).decode().lower().rstrip("=")
    return f"l_03_{text}"


def some_event(rng: random.Random, number: int) -> dict[str, object]:
    """Return a lease, a task or a cut."""
    exp = LATER + rng.randrange(1_000)
    kind = rng.randrange(10)
    if kind < 7:
        return {"jti": lease(number), "exp": exp}
    if kind < 9:
        return {"task": lease(number).replace("l_", "c_"), "exp": exp}
    name, tenant = f"agent-{rng.randrange(50)}", rng.choice(["", "acme"])
    cut = {"of": "agent", "name": name, "tenant": tenant, "issued_before": rng.randrange(10**6)}
    return {"cut": cut, "exp": exp}


def is_in_step(server: FeedServer, view: View) -> bool:
    """Tell whether the view has all that the server has for it."""
    return (
        view.is_current()
        and view.position is not None
        and view.position.epoch == server.epoch
        and view.position.seq >= server.audience_seq
        and view.digest(0) == server.digest(0)
    )


@pytest.fixture
async def server() -> AsyncIterator[FeedServer]:
    """Return a running server with 250 dead leases in its log."""
    async with running(FeedServer()) as server:
        for number in range(250):
            server.kill({"jti": lease(number), "exp": LATER})
        yield server


@pytest.fixture
def view() -> View:
    """Return an empty strict view."""
    return View(SystemClock())


async def test_a_snapshot_by_pages_and_then_a_tail_fill_the_view(
    server: FeedServer, view: View
) -> None:
    """What was dead before and what dies while connected is denied; the rest is not."""
    async with following(server, view) as subscription:
        await subscription.wait_current()
        assert view.digest(0) == server.digest(0)
        assert view.is_denied(TOKEN) is False

        server.kill({"jti": mint.LEASE, "exp": LATER})
        await until(lambda: view.is_denied(TOKEN))

    assert server.snapshots == 1


async def test_numbers_of_other_audiences_are_no_gap(server: FeedServer, view: View) -> None:
    """The log is shared; prev counts only what this audience sees."""
    async with following(server, view) as subscription:
        await subscription.wait_current()
        for number in range(20):
            server.kill({"jti": lease(1_000 + number), "exp": LATER}, "https://other.example")
            server.kill({"jti": lease(2_000 + number), "exp": LATER}, server.audience)

        await until(lambda: is_in_step(server, view))

    assert server.snapshots == 1


async def test_an_applied_position_is_acknowledged(server: FeedServer, view: View) -> None:
    """The last acknowledgement is the position, under the subscriber's own name."""
    async with following(server, view):
        for _ in range(50):
            seq = server.kill({"jti": lease(999), "exp": LATER})
            await asyncio.sleep(0)
        await until(lambda: (SUBSCRIBER, seq) in server.acknowledged)

    sequence = [seq for _, seq in server.acknowledged]
    assert sequence == sorted(sequence)


async def test_an_acknowledgement_that_failed_is_repeated(server: FeedServer, view: View) -> None:
    """A receipt must not wait for the next frame because one request was lost."""
    server.faults.refuse_acks = 3

    async with following(server, view):
        await until(lambda: (SUBSCRIBER, server.seq) in server.acknowledged)


async def test_every_request_carries_a_fresh_token(server: FeedServer, view: View) -> None:
    """A token that expired with the old connection is not used for the new one."""
    async with following(server, view) as subscription:
        await subscription.wait_current()
        server.faults.cut_after = 10
        await until(lambda: len(server.requests) > 1)

    assert len(set(server.authorizations)) == len(server.authorizations)


async def test_a_broken_connection_resumes_where_the_view_stands(
    server: FeedServer, view: View
) -> None:
    """No second snapshot is needed, nothing that died meanwhile is missed, and it says so again."""
    async with following(server, view) as subscription:
        await subscription.wait_current()
        server.faults.cut_after = 0
        server.kill({"jti": mint.LEASE, "exp": LATER})
        await until(lambda: view.is_denied(TOKEN))

        await until(lambda: server.acknowledged.count((SUBSCRIBER, 251)) == 1)
        server.faults.cut_after = 0
        await until(lambda: server.acknowledged.count((SUBSCRIBER, 251)) == 2)

    assert server.snapshots == 1
    assert server.requests[1] == {"subscriber": SUBSCRIBER, "after": "250", "epoch": "e1"}


async def test_a_log_that_no_longer_reaches_back_gives_a_snapshot(
    server: FeedServer, view: View
) -> None:
    """After a long absence the view is rebuilt."""
    async with following(server, view) as subscription:
        await subscription.wait_current()
        server.forget_log()
        server.faults.cut_after = 0
        server.kill({"jti": mint.LEASE, "exp": LATER})
        await until(lambda: view.is_denied(TOKEN) and is_in_step(server, view))

    assert server.snapshots == 2


async def test_another_life_of_the_ledger_gives_a_snapshot(server: FeedServer, view: View) -> None:
    """A new epoch is followed, and the old denials stay."""
    async with following(server, view) as subscription:
        await subscription.wait_current()
        server.begin_another_life("e2")
        server.kill({"jti": mint.LEASE, "exp": LATER})
        await until(lambda: is_in_step(server, view))

    assert view.position == Position("e2", server.seq)
    assert view.is_denied(TOKEN)


@pytest.mark.parametrize(
    ("faults", "may_resync"),
    [
        (Faults(duplicate=True), False),
        (Faults(swap=True), True),
        (Faults(drop_next=3), True),
        (Faults(lie_next=2), True),
        (Faults(huge_next=1), False),
        (Faults(drip=True), False),
        (Faults(refuse=5, cut_after=0), False),
    ],
    ids=["duplicate", "swap", "drop", "lie", "huge", "drip", "refuse"],
)
async def test_whatever_the_stream_does_the_view_ends_up_in_step(
    server: FeedServer, view: View, faults: Faults, *, may_resync: bool
) -> None:
    """Repeated, swapped, lost, false, endless and dripping messages cost time, never a denial."""
    async with following(server, view) as subscription:
        await subscription.wait_current()
        server.faults = replace(faults)
        for number in range(40):
            server.kill({"jti": lease(5_000 + number), "exp": LATER})
            if number % 4 == 3:
                await asyncio.sleep(0.002)
        server.faults.swap = False
        server.kill({"jti": mint.LEASE, "exp": LATER})

        await until(lambda: is_in_step(server, view))
        assert view.is_denied(TOKEN)

    assert (server.snapshots > 1) is may_resync


async def test_a_feed_without_signs_of_life_makes_the_view_stale(server: FeedServer) -> None:
    """The connection stands and speaks, but nobody says that the ledger was read."""
    view = View(SystemClock(), max_age_ms=50)
    async with following(server, view) as subscription:
        await subscription.wait_current()
        server.faults.silent = True

        await until(lambda: not view.is_current())
        with pytest.raises(ViewStaleError):
            view.is_denied(TOKEN)

        server.faults.silent = False
        await subscription.wait_current()
        assert view.is_denied(TOKEN) is False


async def test_a_stream_that_lags_is_given_up_for_a_new_one(server: FeedServer) -> None:
    """Signs of life that come too late are no reason to stay with a connection."""
    view = View(SystemClock(), max_age_ms=500)
    async with following(server, view) as subscription:
        await subscription.wait_current()
        before = len(server.requests)
        server.faults.held_back_ms = itertools.count(0, 1_000).__next__

        await until(lambda: len(server.requests) > before + 2)


async def test_a_connection_that_says_nothing_is_given_up(server: FeedServer, view: View) -> None:
    """A peer that has vanished without a word does not hold the subscription."""
    server.alive_seconds = 3_600
    async with following(server, view, silence_seconds=0.05) as subscription:
        await subscription.wait_current()
        await until(lambda: len(server.requests) > 2)

    assert server.snapshots == 1


async def test_leaving_ends_the_subscription(server: FeedServer, view: View) -> None:
    """No task of it is left, and nothing is applied any more."""
    before = asyncio.all_tasks()
    async with following(server, view) as subscription:
        await subscription.wait_current()

    server.kill({"jti": mint.LEASE, "exp": LATER})
    await asyncio.sleep(0.02)

    assert view.is_denied(TOKEN) is False
    assert {task for task in asyncio.all_tasks() - before if "broker/client" in repr(task)} == set()


async def test_it_waits_for_a_server_that_is_not_there_yet(view: View) -> None:
    """The order in which processes start does not matter."""
    async with running(FeedServer()) as gone:
        url = gone.url
    gone.url = url

    async with following(gone, view) as subscription:
        waiting = asyncio.create_task(subscription.wait_current())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        waiting.cancel()


@pytest.mark.parametrize("name", ["", "short", "Upper-case-1", "x" * 65, "under_score", "späce---"])
async def test_a_subscriber_has_a_plain_name(view: View, name: str) -> None:
    """It becomes part of a URL and of the broker's records."""
    async with open_session() as session:
        endpoint = Endpoint("http://127.0.0.1:1", Tokens(), session)
        with pytest.raises(ValueError, match="subscriber"):
            Subscription(endpoint, view, subscriber=name)


@pytest.mark.slow
async def test_a_thousand_broken_connections_lose_none_of_ten_thousand_kills(view: View) -> None:
    """Cut at random bytes, in frames, tails and snapshots, the sets are equal in the end."""
    rng = random.Random(SEED)  # noqa: S311  a seeded run must be repeatable
    async with (
        running(FeedServer(page_size=500, alive_seconds=0.001)) as server,
        following(server, view),
    ):
        for round_number in range(1_000):
            for number in range(10):
                audience = rng.choice(["*", "*", server.audience, "https://other.example"])
                server.kill(some_event(rng, round_number * 10 + number), audience)
            if round_number % 50 == 47:
                server.forget_log()  # the next three cuts fall into snapshots
            if round_number % 50 == 0:
                await until(lambda: is_in_step(server, view))
            server.faults.cut_after = rng.randrange(2_000)
            await until(lambda: server.faults.cut_after is None)

        await until(lambda: is_in_step(server, view))

    assert (server.seq, server.cut_connections) == (10_000, 1_000)
    resumed = sum("after" in request for request in server.requests)
    assert server.snapshots > 20
    assert resumed > 500
