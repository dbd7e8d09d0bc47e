import pytest

from broker.client.deny import CutDenial, Denial, IdDenial, digest_of
from broker.client.errors import TokenRevokedError, ViewStaleError
from broker.client.frames import Alive, FeedError, FeedGapError, Frame, Position, Snapshot
from broker.client.token import read_claims
from broker.client.view import FORGET_AFTER_MS, View
from broker.secret import Secret
from tests.fakes import token_mint as mint
from tests.fakes.clock import FakeClock

TOKEN = read_claims(mint.claims())
LATER = mint.NOW_MS // 1000 + 3600
DEAD = IdDenial(mint.LEASE, LATER)
OTHER = IdDenial("l_03_" + "z" * 26, LATER)
MAX_AGE_MS = 5_000


@pytest.fixture
def clock() -> FakeClock:
    """Return clocks at the time of the token."""
    return FakeClock(now_ms=mint.NOW_MS)


@pytest.fixture
def view(clock: FakeClock) -> View:
    """Return a strict view that has seen a snapshot at 10 and a sign of life."""
    view = View(clock, max_age_ms=MAX_AGE_MS)
    view.connected()
    view.apply(snapshot(10))
    view.apply(alive(10, clock.now_ms()))
    return view


def snapshot(seq: int, *denials: Denial, more: bool = False, epoch: str = "e1") -> Snapshot:
    """Return one page."""
    return Snapshot(Position(epoch, seq), denials, more)


def frame(prev: int, seq: int, *denials: Denial, epoch: str = "e1") -> Frame:
    """Return one frame."""
    return Frame(Position(epoch, seq), prev, denials)


def alive(seq: int, read_at_ms: int, epoch: str = "e1") -> Alive:
    """Return one sign of life."""
    return Alive(Position(epoch, seq), read_at_ms)


def test_a_view_refuses_everything_before_the_first_snapshot_is_complete(
    clock: FakeClock,
) -> None:
    """Empty, half loaded, loaded but without a sign of life: each refuses; then it answers."""
    view = View(clock)
    for message in (snapshot(10, OTHER, more=True), alive(10, clock.now_ms()), snapshot(10)):
        with pytest.raises(ViewStaleError):
            view.is_denied(TOKEN)
        view.apply(message)
    with pytest.raises(ViewStaleError):
        view.is_denied(TOKEN)

    view.apply(alive(10, clock.now_ms()))

    assert view.is_denied(TOKEN) is False


@pytest.mark.parametrize(
    ("passed_ms", "is_current"), [(4_999, True), (5_000, True), (5_001, False)]
)
def test_a_strict_view_refuses_everything_beyond_its_bound(
    view: View, clock: FakeClock, passed_ms: int, *, is_current: bool
) -> None:
    """At the bound it still answers; a millisecond later it does not, until it hears again."""
    clock.advance(passed_ms)

    assert view.is_current() is is_current
    if not is_current:
        with pytest.raises(ViewStaleError):
            view.is_denied(TOKEN)
        view.apply(alive(10, clock.now_ms()))
    assert view.is_denied(TOKEN) is False


def test_what_is_known_dead_is_revoked_however_old_the_view(view: View, clock: FakeClock) -> None:
    """Staleness never turns a revocation into a maybe."""
    view.apply(frame(10, 11, DEAD))
    clock.advance(60_000)

    assert view.is_denied(TOKEN) is True


async def test_liveness_is_an_answer_or_a_refusal(view: View, clock: FakeClock) -> None:
    """Alive returns, dead and stale raise what the verifier passes on."""
    await view.ensure_alive(TOKEN, Secret("raw"))

    clock.advance(MAX_AGE_MS + 1)
    with pytest.raises(ViewStaleError):
        await view.ensure_alive(TOKEN, Secret("raw"))

    view.apply(frame(10, 11, DEAD))
    with pytest.raises(TokenRevokedError):
        await view.ensure_alive(TOKEN, Secret("raw"))


def test_a_lenient_view_goes_on_by_what_it_knows(clock: FakeClock) -> None:
    """It outlives its bound and a gap, but never answers before its first snapshot."""
    view = View(clock, is_strict=False)
    with pytest.raises(ViewStaleError):
        view.is_denied(TOKEN)
    view.apply(snapshot(10))

    clock.advance(60_000)
    with pytest.raises(FeedGapError):
        view.apply(frame(12, 13))

    assert view.is_denied(TOKEN) is False
    assert view.is_current() is False


def test_frames_move_the_position_and_fill_the_set(view: View) -> None:
    """Numbers of other audiences may lie between; prev says that none of ours do."""
    view.apply(frame(10, 14, OTHER))
    view.apply(frame(14, 15, DEAD))

    assert view.position == Position("e1", 15)
    assert view.digest(0) == digest_of([OTHER, DEAD], 0)


def test_a_repeated_frame_changes_nothing(view: View) -> None:
    """A tail may begin before where we stand."""
    view.apply(frame(10, 11, OTHER))
    view.apply(frame(11, 12, DEAD))

    view.apply(frame(10, 11, OTHER))

    assert view.position == Position("e1", 12)
    assert view.is_current()


@pytest.mark.parametrize(("prev", "is_gap"), [(9, False), (10, False), (11, True)])
def test_a_gap_is_a_prev_beyond_what_was_seen(view: View, prev: int, *, is_gap: bool) -> None:
    """Up to what was seen nothing is missing; one beyond it is a gap."""
    if not is_gap:
        view.apply(frame(prev, 12, DEAD))
        return

    with pytest.raises(FeedGapError):
        view.apply(frame(prev, 12, DEAD))

    assert view.position is None
    assert not view.is_current()
    assert view.is_denied(TOKEN)  # what did arrive is not thrown away


def test_after_a_gap_only_a_whole_snapshot_and_a_sign_of_life_help(
    view: View, clock: FakeClock
) -> None:
    """Until then everything is refused, though the last sign of life is young."""
    with pytest.raises(FeedGapError):
        view.apply(frame(11, 12))
    view.connected()

    view.apply(alive(13, clock.now_ms()))
    view.apply(snapshot(13, OTHER, more=True))
    with pytest.raises(ViewStaleError):
        view.is_denied(TOKEN)
    view.apply(snapshot(13, more=False))
    with pytest.raises(ViewStaleError):
        view.is_denied(TOKEN)
    view.apply(alive(13, clock.now_ms()))

    assert view.position == Position("e1", 13)
    assert view.is_denied(TOKEN) is False


@pytest.mark.parametrize("message", [frame(10, 11, epoch="e2"), alive(10, mint.NOW_MS, "e2")])
def test_another_life_of_the_ledger_needs_a_snapshot(view: View, message: Frame | Alive) -> None:
    """Numbers of another epoch say nothing about ours."""
    with pytest.raises(FeedGapError):
        view.apply(message)

    assert view.position is None
    assert not view.is_current()


def test_a_snapshot_of_another_life_is_incomplete_until_its_last_page(
    view: View, clock: FakeClock
) -> None:
    """A restored ledger may know what we never heard; what we heard stays denied."""
    view.apply(frame(10, 11, DEAD))

    view.apply(snapshot(3, OTHER, more=True, epoch="e2"))
    assert not view.is_current()
    view.apply(snapshot(3, epoch="e2"))
    view.apply(alive(3, clock.now_ms(), "e2"))

    assert view.position == Position("e2", 3)
    assert view.is_current()
    assert view.is_denied(TOKEN)


def test_a_feed_that_goes_back_needs_a_snapshot(view: View, clock: FakeClock) -> None:
    """The same epoch with a lower number means that something was lost or lags."""
    view.apply(frame(10, 20))

    with pytest.raises(FeedGapError):
        view.apply(alive(19, clock.now_ms()))

    assert not view.is_current()


def test_a_frame_within_a_snapshot_is_out_of_order(view: View) -> None:
    """A server that mixes the two cannot be followed."""
    view.apply(snapshot(30, more=True))

    with pytest.raises(FeedGapError):
        view.apply(frame(10, 31))


@pytest.mark.parametrize("second", [snapshot(31), snapshot(30, epoch="e2")])
def test_the_pages_of_a_snapshot_are_of_one_position(view: View, second: Snapshot) -> None:
    """Pages of two snapshots do not make one."""
    view.apply(snapshot(30, more=True))

    with pytest.raises(FeedGapError):
        view.apply(second)


def test_a_new_connection_forgets_half_a_snapshot(view: View) -> None:
    """Pages do not continue over connections."""
    view.apply(snapshot(30, more=True))

    view.connected()
    view.apply(snapshot(40))

    assert view.position == Position("e1", 40)


def test_a_delayed_sign_of_life_is_as_old_as_its_reading(view: View, clock: FakeClock) -> None:
    """Being delivered late does not make news of it."""
    clock.advance(MAX_AGE_MS + 1)
    view.apply(alive(10, mint.NOW_MS))

    assert view.age_ms() == MAX_AGE_MS + 1
    with pytest.raises(ViewStaleError):
        view.is_denied(TOKEN)


def test_half_a_snapshot_of_another_life_is_no_place_to_resume(view: View) -> None:
    """When the connection breaks within it, the next one begins without a position."""
    view.apply(snapshot(3, OTHER, more=True, epoch="e2"))

    view.connected()

    assert view.position is None
    assert not view.is_current()


def test_a_new_connection_learns_the_ledgers_clock_anew(view: View, clock: FakeClock) -> None:
    """After a failover it may be behind, which is no delay."""
    clock.advance(1_000)

    view.connected()
    view.apply(alive(10, mint.NOW_MS - 60_000))

    assert view.age_ms() == 0


def test_denials_are_forgotten_after_every_token_that_they_cover(
    view: View, clock: FakeClock
) -> None:
    """They stay for the largest leeway of a verifier beyond their end, and then go."""
    ends = mint.NOW_MS // 1000 + 60
    view.apply(frame(10, 11, IdDenial(mint.LEASE, ends), CutDenial("all", "", "", 1, ends)))
    clock.advance(ends * 1000 + FORGET_AFTER_MS - 1 - clock.now_ms())
    view.apply(alive(11, clock.now_ms()))
    assert view.is_denied(TOKEN)

    clock.advance(1)
    view.apply(alive(11, clock.now_ms()))

    assert view.is_denied(read_claims(mint.claims(exp=ends + 60))) is False


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_set_beyond_its_bound_refuses_everything(clock: FakeClock, count: int) -> None:
    """Memory has an end; what does not fit must not be let in."""
    view = View(clock, max_denials=3, is_strict=False)
    denials = [IdDenial(f"l_03_{'abcd'[number] * 26}", LATER) for number in range(count)]
    if count <= 3:
        view.apply(snapshot(1, *denials))
        assert view.is_denied(read_claims(mint.claims(jti="l_03_" + "z" * 26))) is False
        return

    with pytest.raises(FeedError, match="max_denials"):
        view.apply(snapshot(1, *denials))

    with pytest.raises(ViewStaleError):
        view.is_denied(read_claims(mint.claims(jti="l_03_" + "z" * 26)))


@pytest.mark.parametrize("bounds", [{"max_age_ms": 0}, {"max_age_ms": -1}, {"max_denials": 0}])
def test_a_bound_must_bound(clock: FakeClock, bounds: dict[str, int]) -> None:
    """Nothing can be said by a view that may not be any age."""
    with pytest.raises(ValueError, match="positive"):
        View(clock, **bounds)
