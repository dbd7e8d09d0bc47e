"""What the broker and its credential kinds agree upon. It imports nothing of either.

The first kind, our own access token, is a function from facts to claims
(:mod:`backends.access_token`). Every other kind is a backend with a target of its own: it mints one
kind of credential at a server, and kills it there. Its methods block; the broker calls them in
threads that belong to the one target, several at a time, and never waits for longer than the
deadline that it passes. ``backends.kit`` checks an implementation.

The life of a credential::

    locate ─ (the ledger records the place) ─ mint ─ (the ledger: active) ─ … ─ revoke until gone

- **The place is known first.** ``locate`` names the credential before it exists; whatever it leaves
  at the target without a mint dies by itself within :data:`UNMINTED_MS`.
- **Cancelled, or out of time**: the broker stops waiting, the call may go on. So a mint or renewal
  asks ``deadline.require()`` before each step that makes or prolongs something.
- **Gone stays gone**: ``renew`` brings nothing back, however it races with ``revoke``.
- **Outcome unknown**: any error of ``mint`` but :class:`~backends.errors.NotMintedError` means that
  the credential may exist. The broker treats it as minted and has it revoked, so ``revoke`` must
  also end a mint of that place that is still under way at the target. Each method says it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol, runtime_checkable

import msgspec

from backends.errors import BackendError, Trouble

GROUP: Final = "jit_broker.backends"
"""The entry points by which installed packages offer kinds; each names a :class:`Kind`."""

UNMINTED_MS: Final = 60_000
"""How long at most what ``locate`` left behind may live when no mint follows."""


NO_CLAIMS: Final[Mapping[str, object]] = MappingProxyType({})


class Revocable(StrEnum):
    """Whether a target takes a live credential back."""

    AT_ONCE = "at_once"
    """When ``revoke`` says gone, the target refuses it."""
    EVENTUALLY = "eventually"
    """The target has the order, and refuses it some time later."""
    NEVER = "never"
    """It dies of age only."""


class SelfExpiry(StrEnum):
    """What the target does of itself when the credential's time is over."""

    FULL = "full"
    """It refuses the credential, and ends what the credential has opened."""
    NEW_SESSIONS_ONLY = "new_sessions_only"
    """It lets nobody in any more; who is in stays in."""
    NONE = "none"
    """Nothing: the credential lives until it is revoked."""


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind promises. The broker believes it, and says no more in its receipts."""

    revocable: Revocable
    self_expiry: SelfExpiry
    renewable: bool
    """Whether ``renew`` prolongs a credential in its place."""
    shortest_ttl_ms: int
    """Credentials that live shorter cannot be had."""
    can_probe: bool
    """Whether ``probe`` finds out by trying that a credential is refused."""
    can_look_up: bool = True
    """Whether ``look_up`` knows of every credential; where the target lists none, it cannot."""
    longest_ttl_ms: int = 0
    """Credentials that live longer cannot be had; 0 where there is no such bound."""

    @property
    def is_standing(self) -> bool:
        """Whether it outlives its lease: nobody can take it back, and no age ends it."""
        return self.revocable is Revocable.NEVER and self.self_expiry is not SelfExpiry.FULL

    def flaws(self) -> Iterator[str]:
        """Find promises that no kind may make (but one place of :class:`Mixed`, by permission)."""
        if self.is_standing:
            yield "neither revocable nor dying of age: it would be a standing secret"
        if self.shortest_ttl_ms < 0:
            yield "a time to live below zero"


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with options or a template: where inside it, what, and what to do about it."""

    path: tuple[str | int, ...]
    message: str
    remedy: str

    def under(self, *prefix: str | int) -> "Flaw":
        """Return the same as seen from further up."""
        return Flaw((*prefix, *self.path), self.message, self.remedy)


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when a call may take, by a clock that never goes back."""

    at_ms: int
    clock_ms: Callable[[], int]

    @property
    def left_s(self) -> float:
        """Seconds that are left, at least 0."""
        return max(0, self.at_ms - self.clock_ms()) / 1000

    def require(self) -> None:
        """Go on only while there is time.

        Raises:
            BackendError: there is none left.
        """
        if self.clock_ms() >= self.at_ms:
            raise BackendError(Trouble.LATE, "the deadline has passed")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """For whom and what a credential is: what the ledger's lease says, and the template.

    The names are made of letters, digits and ``. _ - : @ /``; ``on_behalf_of`` may be any text.
    """

    lease: str
    task: str
    tenant: str
    agent: str
    capability: str
    on_behalf_of: str
    scopes: tuple[str, ...]
    template: msgspec.Struct
    """Of the kind's own type, from the capability."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a credential is found, before it exists and after: all that revoking needs.

    ``locator`` is its name at the target, unguessable and never used twice; ``identity`` tells this
    target from any other that may one day answer at its address. ``trail`` is what the mint said of
    it besides, or empty: killing must do without it, for whoever minted may have died.
    """

    locator: str
    identity: str
    trail: str = ""
    probe: str = ""
    """What the kind wants to know again when it tries whether the target refuses; no secret."""


@dataclass(frozen=True, slots=True)
class Minted:
    """The credential itself: named words, such as ``username`` and ``password``."""

    words: Mapping[str, str] = field(repr=False)
    trail: str = ""
    """Names at the target that are known only now, for killing, looking and renewing. No secret:
    the ledger keeps it with the place.
    """


class Death(StrEnum):
    """What ``revoke`` achieved."""

    GONE = "gone"
    """It was there, and the target refuses it from now on; what it had opened is closed."""
    ABSENT = "absent"
    """The target, which is the one recorded, does not know it."""
    ACCEPTED = "accepted"
    """The target has the order. Ask again."""


class Sighting(StrEnum):
    """What ``look_up`` saw."""

    ALIVE = "alive"
    DISABLED = "disabled"
    """It is there, and can do nothing."""
    ABSENT = "absent"


class Backend(Protocol):
    """One target, reached by one kind. Called from several threads at once."""

    @property
    def traits(self) -> Traits:
        """What its kind promises."""
        ...

    def locate(self, wish: Wish, deadline: Deadline) -> Place:
        """Name the credential that a mint would make, and the target.

        Twice: the same. Cancelled, or outcome unknown: what it left behind dies by itself.

        Raises:
            BackendError: the target is not to be had; there is nothing to revoke.
        """
        ...

    def mint(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        """Make the credential at its place, to die at an instant (ms since the epoch) or before.

        Twice: refused, and the one that is there stays. Cancelled, or outcome unknown: revoked.

        Raises:
            NotMintedError: for certain there is none at that place, and none will come.
            BackendError: there may be one, or there was one already.
        """
        ...

    def renew(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        """Prolong it in its place, to die at an instant or before. Only if ``renewable``.

        The ledger covers that instant already, and has one renewal of a place under way at a time.
        Words that are returned take the place of what was delivered, which is refused from then on;
        without words that goes on. Twice: as once. Outcome unknown: asked for that instant again.

        Raises:
            NotMintedError: for certain it was not prolonged, and will not be.
            OtherTargetError: this is another target.
            BackendError: it may have been prolonged, or there is none.
        """
        ...

    def revoke(self, place: Place, deadline: Deadline) -> Death:
        """Kill it, and whatever it has opened, and a mint of it that is under way.

        Twice: ABSENT. Cancelled, or outcome unknown: asked again, until it says that it is gone.

        Raises:
            OtherTargetError: this is another target: nothing is known.
            BackendError: it may be alive.
        """
        ...

    def look_up(self, place: Place, deadline: Deadline) -> Sighting:
        """Say what is there, changing nothing. Outcome unknown: nobody knows.

        Raises:
            OtherTargetError: this is another target.
            BackendError: nobody knows; always, unless ``can_look_up``.
        """
        ...

    def probe(self, place: Place, deadline: Deadline) -> bool:
        """Try whether it is refused; only if ``can_probe``. Unknown: it is not called confirmed.

        Raises:
            BackendError: nobody knows.
        """
        ...

    def close(self) -> None:
        """Let go of everything; calls under way may fail. Twice: as once."""
        ...


@runtime_checkable
class Mixed(Protocol):
    """A backend whose credentials do not all die in the same way."""

    def traits_at(self, place: Place) -> Traits:
        """Say what is promised of one credential, from its locator alone."""
        ...


@runtime_checkable
class Fitted(Protocol):
    """A kind whose templates mean something only with a target's options."""

    def fit_flaws(self, options: msgspec.Struct, template: msgspec.Struct) -> Iterator[Flaw]:
        """Find what in a template does not fit the target; both are of the kind's own types."""
        ...

    def traits_of(self, options: msgspec.Struct, template: msgspec.Struct) -> Traits:
        """Say what is promised of the template's credentials there, if they fit."""
        ...


class TokenOf(Protocol):
    """Makes tokens by which the broker says who it is, for targets that trust its keys."""

    def __call__(
        self, audience: str, subject: str, lifetime_s: int, claims: Mapping[str, object] = NO_CLAIMS
    ) -> str:
        """Sign one: a JWT with ``typ: JWT``, which nobody takes for an access token.

        Raises:
            BackendError: this broker has no active signing key now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a backend may have of the broker that it works for; called in its threads."""

    epoch: Callable[[], str]
    """Return the ledger's epoch: whatever bears another is another ledger's.

    Raises BackendError while it is not known: nothing was read from the ledger yet.
    """
    token: TokenOf


class Kind(Protocol):
    """One kind of credential: how its targets and capabilities are declared, and its backend."""

    @property
    def name(self) -> str:
        """What ``kind`` says in ``targets.yaml`` and ``backend`` in ``capabilities.yaml``."""
        ...

    @property
    def traits(self) -> Traits:
        """What it promises."""
        ...

    @property
    def options(self) -> type[msgspec.Struct]:
        """The shape of a target's options; a method ``faults()`` may yield :class:`Flaw`."""
        ...

    @property
    def template(self) -> type[msgspec.Struct]:
        """The shape of a capability's template; ``faults()`` as for options."""
        ...

    def template_flaws(self, template: msgspec.Struct, scopes: frozenset[str]) -> Iterator[Flaw]:
        """Find what a template lacks for the scopes of its capability."""
        ...

    def open(self, options: msgspec.Struct, surroundings: Surroundings) -> Backend:
        """Make the backend of a target. Connects to nothing, and asks its surroundings nothing.

        Raises:
            BackendError: what it needs is not installed.
        """
        ...
