"""One need's credential, whichever it is now.

Renewal is :class:`~broker.client.held.HeldCredential`'s. What it leaves to its owner is done here:
another credential is asked for ahead of the end of one that has come to its longest life, after a
freeze, and when one has died of age because nobody could be asked for longer than it lived. What
was taken away on purpose is followed by none: of what is dead, it is looked at first why it is.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from broker.client.api_errors import (
    AbsentError,
    ApiError,
    CredentialEndedError,
    CredentialNotRenewableError,
    QuotaError,
    TaskEndedError,
    TaskFrozenError,
    UnauthenticatedError,
)
from broker.client.errors import ClientError, CredentialExpiredError
from broker.client.held import HeldCredential
from broker.client.results import Credential, IssuedCredential
from broker.client.secret_forms import AWS
from broker.clock import Clock, SystemClock
from broker.running.errors import NoCredentialNowError, UnknownNeedError
from broker.running.need import Need
from broker.running.shapes.aws import Aws, AwsStandIns
from broker.running.shapes.catalogue import usual_shape
from broker.running.shapes.env import Env
from broker.running.shapes.kubeconfig import Kubeconfig
from broker.running.shapes.pgpass import PgPass
from broker.running.shapes.shape import Fitting, Place, Shape, ShapeUnfitError
from broker.running.source import HeldValues
from broker.secret import Secret

Obtain = Callable[[Need], Awaitable[HeldCredential]]
"""Asks for a credential, and keeps it fresh."""

Show = Callable[[str], Awaitable[Credential]]
"""Asks what has become of a credential."""

_OF_AGE: Final = frozenset({"", "expired"})
"""By whom one has ended that nobody has ended."""

_Passing = (UnauthenticatedError, QuotaError)
"""Refusals that may be others the next time: evidence is rotated late, others give back."""

_LAST_PART: Final = 0.3
"""The part of its life that is left when one that cannot be renewed is followed by another."""

_UNPROXIED: Final = (Aws, PgPass, Kubeconfig)
"""Shapes for clients that sign with what they hold, speak no HTTP or trust one authority alone."""

_SHOWN: Final = frozenset({"region"})
"""Words of a session of AWS that are no secret, and shown as they are."""

_OF_LOGINS: Final = (Env, PgPass)
"""Shapes for clients of databases."""

_Ends = (CredentialEndedError, TaskEndedError, TaskFrozenError)


class Keeper:
    """Holds what one need is given."""

    def __init__(
        self,
        need: Need,
        held: HeldCredential,
        obtain: Obtain,
        show: Show,
        *,
        glance: Callable[[HeldCredential], None] = lambda _: None,
        clock: Clock | None = None,
    ) -> None:
        """Hold what a need was given first.

        Args:
            need: what was asked for.
            held: what was given.
            obtain: asks for another one.
            show: asks what has become of one.
            glance: has what is used looked at, whether it has ended.
            clock: by which its end is told; by default this machine's.
        """
        self.need = need
        self._show = show
        self._glance = glance
        self._was_taken = False
        self._clock = clock or SystemClock()
        self._held = held
        self._obtain = obtain
        self._refusal: ClientError | None = None
        self._suspended: ClientError | None = None
        self._stand_in: Mapping[str, Secret] | None = None
        self._shapes = need.shapes or (usual_shape(held.current.kind),)

    @property
    def newest(self) -> IssuedCredential:
        """The newest answer of the broker; another object after each renewal."""
        return self._held.current

    @property
    def trouble(self) -> ClientError | None:
        """Why a younger one cannot be had at the moment; it is tried again."""
        return self._held.failure if self.refusal is None else None

    @property
    def refusal(self) -> ClientError | None:
        """Why there will be no younger one, where somebody has refused it."""
        known = self._held.refusal
        is_known = known is not None and not isinstance(known, CredentialNotRenewableError)
        return self._refusal or (known if is_known else None)

    @property
    def end(self) -> ClientError | None:
        """Why what is held is dead, and nothing follows it by itself; None while it is not."""
        refusal = self.refusal
        is_over = isinstance(refusal, _Ends) or self._held.seconds_left() <= 0
        return refusal if is_over and not self._may_have_aged else None

    @property
    def wants_another(self) -> bool:
        """Tell whether it is time to ask for another one: this cannot be renewed, or is dead."""
        left, whole = self._held.seconds_left(), self._held.current.expires_in
        is_late = not self._held.is_renewable and left < whole * _LAST_PART
        return self._may_have_aged or (is_late and self.refusal is None)

    @property
    def _may_have_aged(self) -> bool:
        """Whether it is dead, and nobody has said that it was taken away."""
        refusal = self.refusal
        if refusal is None:
            return self._held.seconds_left() <= 0
        return isinstance(refusal, CredentialEndedError) and not self._was_taken

    async def current(self) -> HeldValues:
        """Return what is alive now.

        Raises:
            NoCredentialNowError: nothing is.
        """
        if self._suspended is not None:
            raise NoCredentialNowError(f"{self.need.name}: {self._suspended}")
        try:
            await (self._held.secret() if self.newest.target else self._held.token())
        except ClientError as error:
            raise NoCredentialNowError(f"{self.need.name}: {error}") from error
        self._glance(self._held)
        return self.last()

    def last(self) -> HeldValues:
        """Return what was given last, alive or not.

        Its end is told by this machine's clock, which is what the command's tools compare it with:
        git and the SDKs take what has expired for worthless, and the broker's clock may be another.
        """
        ends_ms = self._clock.now_ms() + self._held.seconds_left() * 1000
        ends = datetime.fromtimestamp(ends_ms / 1000, UTC)
        return replace(HeldValues.of(self.need.name, self.newest), expires_at=ends)

    async def follow(self) -> None:
        """Ask for another one, unless this one was taken away.

        Raises:
            ClientError: there is none, now or ever.
        """
        if self._may_have_aged:
            await self._ensure_aged()
        await self.replace()

    async def _ensure_aged(self) -> None:
        with contextlib.suppress(AbsentError):  # so long dead that nobody remembers
            seen = await self._show(self.newest.id)
            if not seen.alive and seen.ended_by not in _OF_AGE:
                self._held.withdraw(seen.id, seen.ended_by)
                self._was_taken = True
                raise self.refusal or CredentialExpiredError("it was taken away")

    async def replace(self) -> None:
        """Ask for another one in its place. A refusal is remembered.

        Raises:
            ClientError: there is none, now or ever.
        """
        try:
            self._held = await self._obtain(self.need)
        except ApiError as error:
            is_passing = error.is_temporary or isinstance(error, _Passing)
            self._refusal = None if is_passing else error
            raise
        self._refusal = self._suspended = None
        self._was_taken = False

    def suspend(self, why: ClientError) -> None:
        """Hand out nothing until there is another one."""
        self._suspended = why

    def show_only(self, stand_in: Secret) -> None:
        """Put this word in the place of all that the command would be shown.

        Raises:
            ShapeUnfitError: the command would take it for something that no proxy can replace.
        """
        if any(isinstance(shape, _UNPROXIED) for shape in self._shapes):
            raise ShapeUnfitError(
                f"{self.need.name}: this shape does not go with --proxy; AWS's does with sigv4"
            )
        self._stand_in = dict.fromkeys(self.last().values, stand_in)

    def show_login(self, login: Mapping[str, Secret]) -> None:
        """Put the proxy's login at a database in the place of the credential's.

        Raises:
            ShapeUnfitError: the credential is no login, or its shape is not for databases.
        """
        if not {"username", "password"} <= self.last().values.keys():
            text = "is no login of a database, as its route says"
            raise ShapeUnfitError(f"{self.need.name}: {text}")
        if not all(isinstance(shape, _OF_LOGINS) for shape in self._shapes):
            raise ShapeUnfitError(f"{self.need.name}: --as is env or pgpass for a database")
        self._stand_in = login

    def show_keys(self, keys: Mapping[str, Secret]) -> None:
        """Put these keys in the place of a session of AWS: the command signs with them.

        Raises:
            ShapeUnfitError: it is no such session.
        """
        if self.newest.kind != AWS:
            raise ShapeUnfitError(
                f"{self.need.name}: a {self.newest.kind} credential signs nothing: leave sigv4 out"
            )
        last = self.last().values
        self._stand_in = {name: last[name] for name in _SHOWN & last.keys()} | dict(keys)
        self._shapes = tuple(
            AwsStandIns() if isinstance(shape, Aws) else shape for shape in self._shapes
        )

    def _shown(self) -> HeldValues:
        held = self.last()
        return held if self._stand_in is None else replace(held, values=self._stand_in)

    def fit(self, place: Place) -> list[Fitting]:
        """Return what the need puts into the command's surroundings."""
        held = self._shown()
        return [shape.fit(held, place) for shape in self._shapes]

    def files(self) -> Mapping[str, Secret]:
        """Return the files of the need as they are to be now."""
        held = self._shown()
        return {name: text for each in self._shapes for name, text in each.files(held).items()}

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """How the command takes it."""
        return self._shapes


class Holdings:
    """All needs of a run (:class:`~broker.running.source.CredentialSource`)."""

    def __init__(self, keepers: Mapping[str, Keeper]) -> None:
        self._keepers = keepers

    async def current(self, need: str) -> HeldValues:
        """Return what the need holds now."""
        keeper = self._keepers.get(need)
        if keeper is None:
            raise UnknownNeedError("the run has no need of this name")
        return await keeper.current()
