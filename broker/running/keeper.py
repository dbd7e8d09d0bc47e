"""One need's credential, whichever it is now.

Renewal is :class:`~broker.client.held.HeldCredential`'s. What it leaves to its owner is done here:
another credential is asked for ahead of the end of one that has come to its longest life, and after
a freeze.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from broker.client.api_errors import (
    ApiError,
    CredentialEndedError,
    CredentialNotRenewableError,
    TaskEndedError,
    TaskFrozenError,
)
from broker.client.errors import ClientError
from broker.client.held import HeldCredential
from broker.client.results import IssuedCredential
from broker.running.errors import NoCredentialNowError, UnknownNeedError
from broker.running.need import Need
from broker.running.shapes.aws import Aws
from broker.running.shapes.catalogue import usual_shape
from broker.running.shapes.env import Env
from broker.running.shapes.kubeconfig import Kubeconfig
from broker.running.shapes.pgpass import PgPass
from broker.running.shapes.shape import Fitting, Place, Shape, ShapeUnfitError
from broker.running.source import HeldValues
from broker.secret import Secret

Obtain = Callable[[Need], Awaitable[HeldCredential]]
"""Asks for a credential, and keeps it fresh."""

_LAST_PART: Final = 0.3
"""The part of its life that is left when one that cannot be renewed is followed by another."""

_UNPROXIED: Final = (Aws, PgPass, Kubeconfig)
"""Shapes for clients that sign with what they hold, speak no HTTP or trust one authority alone."""

_OF_LOGINS: Final = (Env, PgPass)
"""Shapes for clients of databases."""

_Ends = (CredentialEndedError, TaskEndedError, TaskFrozenError)


class Keeper:
    """Holds what one need is given."""

    def __init__(self, need: Need, held: HeldCredential, obtain: Obtain) -> None:
        self.need = need
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
        return known if is_known else self._refusal

    @property
    def end(self) -> ClientError | None:
        """Why what is held is dead, and nothing follows it by itself; None while it is not."""
        refusal = self.refusal
        is_over = isinstance(refusal, _Ends) or self._held.seconds_left() <= 0
        return refusal if is_over else None

    @property
    def wants_another(self) -> bool:
        """Tell whether it is time to ask for another one, because this cannot be renewed."""
        left, whole = self._held.seconds_left(), self._held.current.expires_in
        return self.refusal is None and not self._held.is_renewable and left < whole * _LAST_PART

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
        return self.last()

    def last(self) -> HeldValues:
        """Return what was given last, alive or not."""
        return HeldValues.of(self.need.name, self.newest)

    async def replace(self) -> None:
        """Ask for another one in its place. A refusal is remembered.

        Raises:
            ClientError: there is none, now or ever.
        """
        try:
            self._held = await self._obtain(self.need)
        except ApiError as error:
            self._refusal = None if error.is_temporary else error
            raise
        self._refusal = self._suspended = None

    def suspend(self, why: ClientError) -> None:
        """Hand out nothing until there is another one."""
        self._suspended = why

    def show_only(self, stand_in: Secret) -> None:
        """Put this word in the place of all that the command would be shown.

        Raises:
            ShapeUnfitError: the command would take it for something that no proxy can replace.
        """
        if any(isinstance(shape, _UNPROXIED) for shape in self._shapes):
            raise ShapeUnfitError(f"{self.need.name}: this shape does not go with --proxy")
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
