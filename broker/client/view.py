"""What a resource server knows of the ledger: the deny set, its position and its age.

* Every message is one guarded transition; one that does not follow from the last raises
  :class:`FeedGapError` and leaves a view that calls itself incomplete until a snapshot has ended.
* In strict mode an incomplete view, or one older than its bound, refuses every token: the broker
  counts on exactly that when it reports a revocation as confirmed (I3).
* Denials are only ever added; a resync never lets a dead token back in.
"""

from typing import Final, NoReturn

from broker.client.deny import Denial, DenySet
from broker.client.errors import TokenRevokedError, ViewStaleError
from broker.client.frames import Alive, FeedError, FeedGapError, Frame, Message, Position, Snapshot
from broker.client.freshness import Freshness
from broker.client.token import VerifiedToken
from broker.clock import Clock
from broker.secret import Secret

FORGET_AFTER_MS: Final = 10_000
"""How long past its ``exp`` a denial is kept: more than a verifier's largest leeway."""


class View:
    """The liveness of tokens as the feed tells it. Not to be shared between event loops."""

    def __init__(
        self,
        clock: Clock,
        *,
        max_age_ms: int = 5_000,
        is_strict: bool = True,
        max_denials: int = 1_000_000,
    ) -> None:
        """Make an empty view, which refuses everything.

        Args:
            clock: this machine's clocks.
            max_age_ms: the staleness bound that this audience is registered with.
            is_strict: False goes on by what is known when the bound is passed (never before the
                first snapshot); then the broker must be told so at registration.
            max_denials: a set that grows beyond it refuses everything, instead of all memory.

        Raises:
            ValueError: a bound is not positive.
        """
        if max_age_ms <= 0 or max_denials <= 0:
            raise ValueError("max_age_ms and max_denials must be positive")
        self._clock = clock
        self._max_age_ms = max_age_ms
        self._is_strict = is_strict
        self._max_denials = max_denials
        self._denials = DenySet()
        self._freshness = Freshness(clock)
        self._position: Position | None = None
        self._loading: Position | None = None
        self._was_complete = False

    @property
    def position(self) -> Position | None:
        """The last number that was applied; None until a snapshot is complete, or again needed."""
        return self._position

    @property
    def is_complete(self) -> bool:
        """Tell whether there is a position, everything up to which is in the set."""
        return self._position is not None

    def age_ms(self) -> int | None:
        """Return how long ago the ledger was last read completely; None if it never was."""
        return self._freshness.age_ms()

    def is_current(self) -> bool:
        """Tell whether the view is complete and within its bound, whatever the mode."""
        age_ms = self.age_ms()
        return self.is_complete and age_ms is not None and age_ms <= self._max_age_ms

    def is_denied(self, token: VerifiedToken) -> bool:
        """Tell whether the token is dead.

        Raises:
            ViewStaleError: it is not known to be dead, and the view may not say that it is alive.
        """
        if self._denials.covers(token):
            return True
        if not (self.is_current() if self._is_strict else self._was_complete):
            raise ViewStaleError(f"the view is incomplete or too old ({self.age_ms()} ms)")
        return False

    async def ensure_alive(self, token: VerifiedToken, raw: Secret) -> None:  # noqa: ARG002  the port hands it to those who must ask
        """Return if the token is alive (:class:`broker.client.liveness.Liveness`).

        Raises:
            TokenRevokedError: it is dead.
            ViewStaleError: the view may not say.
        """
        if self.is_denied(token):
            raise TokenRevokedError

    def digest(self, at_ms: int | None = None) -> str:
        """Return the digest of the set in force at an instant (now, if none is given)."""
        return self._denials.digest(self._clock.now_ms() if at_ms is None else at_ms)

    def connected(self) -> None:
        """Begin a new connection: half a snapshot and the clocks' difference are forgotten."""
        self._loading = None
        self._freshness.restart()

    def apply(self, message: Message) -> None:
        """Take in one message, in the order of arrival.

        Raises:
            FeedGapError: it does not follow from the last one; connect again without a position.
            FeedError: the set has outgrown its bound.
        """
        match message:
            case Snapshot():
                self._apply_snapshot(message)
            case Frame():
                self._apply_frame(message)
            case Alive():
                self._apply_alive(message)

    def _apply_snapshot(self, page: Snapshot) -> None:
        if self._loading is not None and self._loading != page.at:
            self._lose("a snapshot changed its position midway")
        if self._position is not None and self._position.epoch != page.at.epoch:
            self._drop()
        self._loading = page.at
        self._add(page.denials)
        if not page.more:
            self._loading, self._position = None, page.at
            self._was_complete = True

    def _apply_frame(self, frame: Frame) -> None:
        position = self._position
        self._add(frame.denials)
        if position is None or self._loading is not None:
            self._lose("a frame came before the end of a snapshot")
        elif frame.at.epoch != position.epoch:
            self._lose("the ledger has begun another life")
        elif frame.prev > position.seq:
            self._lose("frames are missing")
        elif frame.at.seq > position.seq:
            self._position = frame.at

    def _apply_alive(self, alive: Alive) -> None:
        position = self._position
        if position is None or self._loading is not None:
            self._freshness.note(alive.read_at_ms, is_complete=False)
            return
        if alive.at.epoch != position.epoch:
            self._lose("the ledger has begun another life")
        if alive.at.seq < position.seq:
            self._lose("the ledger's feed went back")
        self._freshness.note(alive.read_at_ms, is_complete=True)
        self._forget()

    def _add(self, denials: tuple[Denial, ...]) -> None:
        for denial in denials:
            self._denials.add(denial)
        self._forget()
        if len(self._denials) > self._max_denials:
            self._was_complete = False
            self._drop()
            raise FeedError("the deny set has outgrown max_denials: raise the bound")

    def _forget(self) -> None:
        self._denials.forget(self._clock.now_ms() - FORGET_AFTER_MS)

    def _lose(self, reason: str) -> NoReturn:
        self._drop()
        raise FeedGapError(reason)

    def _drop(self) -> None:
        # The age goes too: it spoke of a set that has turned out to be incomplete.
        self._position = self._loading = None
        self._freshness.forget()
