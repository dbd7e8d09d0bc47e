"""One target as the verbs know it: its backend behind threads, a deadline and a breaker."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import msgspec

from backends.contract import Backend, Deadline, Death, Minted, Mixed, Place, Traits, Wish
from backends.deny_lists import DenyLists, Desired, Foreseen, ListAt, Standing
from backends.errors import BackendError, NotMintedError, Trouble
from backends.inventory import Inventory, Listing
from broker.clock import Clock
from broker.targets.breaker import Breaker
from broker.targets.lane import Lane

T = TypeVar("T")

SETTLE_MS: Final = 5_000
"""How much longer than its deadline a mint may take effect."""

_UNANSWERED: Final = frozenset({Trouble.UNREACHABLE, Trouble.LATE})


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a target may take of the broker; see :class:`~broker.targets.settings.TargetRecord`."""

    deadline_ms: int = 5_000
    threads: int = 4
    queue: int = 32
    failures: int = 5
    rest_ms: int = 10_000
    overdue_ms: int = 60_000
    reconcile_ms: int = 0


class Told(Protocol):
    """Who counts calls."""

    def target_called(self, target: str, operation: str, outcome: str) -> None:
        """Count one."""
        ...


class Target:
    """Calls a backend without ever waiting for it longer than its deadline.

    Minting, killing and looking have threads of their own: none waits for the others.
    """

    def __init__(
        self, name: str, kind: str, backend: Backend, bounds: Bounds, *, clock: Clock, told: Told
    ) -> None:
        self.name = name
        self.kind = kind
        self.bounds = bounds
        self._backend = backend
        self._clock = clock
        self._told = told
        self._breaker = Breaker(clock, failures=bounds.failures, rest_ms=bounds.rest_ms)
        self._minting = self._lane("mint")
        self._killing = self._lane("kill")
        self._looking = Lane(f"{name}-look", threads=1, queue_length=1)

    def _lane(self, what: str) -> Lane:
        bounds = self.bounds
        name = f"{self.name}-{what}"
        return Lane(name, threads=bounds.threads, queue_length=bounds.queue)

    @property
    def traits(self) -> Traits:
        """What its kind promises."""
        return self._backend.traits

    def traits_at(self, place: Place) -> Traits:
        """Return what is promised of one credential."""
        backend = self._backend
        return backend.traits_at(place) if isinstance(backend, Mixed) else backend.traits

    @property
    def minting_ms(self) -> int:
        """How long after its reservation a mint may take effect."""
        return self.bounds.deadline_ms + SETTLE_MS

    @property
    def lists(self) -> DenyLists | None:
        """Its lists of what it refuses, where it takes nothing back in another way."""
        return self._backend if isinstance(self._backend, DenyLists) else None

    @property
    def is_resting(self) -> bool:
        """Whether minting is refused at once because the target did not answer."""
        return self._breaker.is_open

    def deadline(self) -> Deadline:
        """Give a new order all the time that it may take."""
        ends = self._clock.monotonic_ms() + self.bounds.deadline_ms
        return Deadline(ends, self._clock.monotonic_ms)

    async def locate(self, wish: Wish, deadline: Deadline) -> Place:
        """Name the credential to be minted. Here a target that cannot be had refuses minting.

        Raises:
            BackendError: there is nothing to revoke.
        """
        self._admit("locate")
        return await self._call(
            "locate", self._minting, lambda: self._backend.locate(wish, deadline), deadline
        )

    async def mint(
        self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline
    ) -> Minted:
        """Mint.

        Raises:
            NotMintedError: for certain there is nothing.
            BackendError: there may be a credential at the place.
        """

        def call() -> Minted:
            return self._backend.mint(wish, place, expires_at_ms, deadline)

        return await self._call("mint", self._minting, call, deadline)

    def admit_renewal(self) -> None:
        """Ask for leave to renew, before the ledger is changed for it.

        Raises:
            NotMintedError: there is no room, or the target did not answer lately.
        """
        if self._minting.is_full:
            raise NotMintedError(Trouble.BUSY, "too many calls are under way")
        self._admit("renew")

    async def renew(
        self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline
    ) -> Minted:
        """Prolong in its place.

        Raises:
            NotMintedError: for certain it was not prolonged.
            BackendError: it may have been.
        """

        def call() -> Minted:
            return self._backend.renew(wish, place, expires_at_ms, deadline)

        return await self._call("renew", self._minting, call, deadline)

    async def kill(self, place: Place) -> Death:
        """Try to kill; where the order is only accepted, find out whether it is refused already.

        It waits for its turn where others are being killed there; no more than these are held up.

        Raises:
            BackendError: it may be alive.
        """
        try:
            await self._killing.room(self.bounds.deadline_ms / 1000)
        except BackendError as error:
            self._told.target_called(self.name, "kill", error.trouble.value)
            raise
        deadline = self.deadline()

        def call() -> Death:
            achieved = self._backend.revoke(place, deadline)
            is_open = achieved is Death.ACCEPTED and self.traits_at(place).can_probe
            return Death.GONE if is_open and self._backend.probe(place, deadline) else achieved

        return await self._call("kill", self._killing, call, deadline)

    @property
    def unrecorded_ms(self) -> int | None:
        """How long something may be there before the ledger knows of it; None: it lists nothing."""
        backend = self._backend
        return backend.unrecorded_ms if isinstance(backend, Inventory) else None

    async def inventory(self, after: str) -> Listing:
        """List a page of what is there, whoever made it.

        Raises:
            BackendError: nobody knows, or its kind cannot say.
        """
        backend, deadline = self._backend, self.deadline()
        if not isinstance(backend, Inventory):
            raise BackendError(Trouble.REFUSED, "its kind cannot say what is there")
        # Whether it lists in time says nothing of minting: the breaker does not hear of it.
        return await self._counted(
            "inventory", self._looking, lambda: backend.inventory(after, deadline), deadline
        )

    def _admit(self, operation: str) -> None:
        if not self._breaker.admit():
            self._told.target_called(self.name, operation, "resting")
            raise NotMintedError(Trouble.UNREACHABLE, "it did not answer; it is left alone for now")

    async def list_of(self, template: msgspec.Struct) -> ListAt | None:
        """Name the list of what a capability gives; None: its kind does not say.

        Raises:
            BackendError: nobody knows.
        """
        backend, deadline = self._backend, self.deadline()
        if not isinstance(backend, Foreseen):
            return None

        def call() -> ListAt:
            return backend.list_of(template, deadline)

        return await self._counted("name-list", self._looking, call, deadline)

    async def read_list(self, at: str) -> Standing:
        """Read a list of what the target refuses. Only where it has :attr:`lists`.

        Raises:
            BackendError: nobody knows what stands there.
        """
        lists, deadline = self._require_lists(), self.deadline()
        return await self._call(
            "read-list", self._killing, lambda: lists.read(at, deadline), deadline
        )

    async def write_list(self, at: str, desired: Desired) -> Standing:
        """Write such a list as a whole, and read it back.

        Raises:
            BackendError: nobody knows what stands there.
        """
        lists, deadline = self._require_lists(), self.deadline()

        def call() -> Standing:
            return lists.publish(at, desired, deadline)

        return await self._call("write-list", self._killing, call, deadline)

    async def probe(self, place: Place) -> bool:
        """Find out by trying whether a credential is refused.

        Raises:
            BackendError: nobody knows.
        """
        deadline = self.deadline()

        def call() -> bool:
            return self._backend.probe(place, deadline)

        return await self._call("probe", self._killing, call, deadline)

    def _require_lists(self) -> DenyLists:
        if self.lists is None:
            raise BackendError(Trouble.UNKNOWN, "this kind has no lists")
        return self.lists

    async def _call(
        self, operation: str, lane: Lane, call: Callable[[], T], deadline: Deadline
    ) -> T:
        try:
            answer = await self._counted(operation, lane, call, deadline)
        except BackendError as error:
            if error.trouble in _UNANSWERED:
                self._breaker.unanswered()
            elif error.trouble is not Trouble.BUSY:
                self._breaker.answered()
            raise
        self._breaker.answered()
        return answer

    async def _counted(
        self, operation: str, lane: Lane, call: Callable[[], T], deadline: Deadline
    ) -> T:
        try:
            answer = await lane.run(call, deadline)
        except BackendError as error:
            self._told.target_called(self.name, operation, error.trouble.value)
            raise
        self._told.target_called(self.name, operation, "ok")
        return answer

    def close(self) -> None:
        """Let go of it."""
        self._minting.close()
        self._killing.close()
        self._looking.close()
        self._backend.close()
