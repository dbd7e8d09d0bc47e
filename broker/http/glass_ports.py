"""What can be done in an emergency, as the edge calls it."""

from collections.abc import Sequence
from typing import Protocol

from broker.breaking_glass import AskGlass
from broker.ids import BreakGlassId
from broker.model.break_glass import Glass as Emergency
from broker.model.break_glass import GlassPage
from broker.model.principal import Principal
from broker.model.requests import IssuedCredential


class Breaking(Protocol):
    """:class:`broker.breaking_glass.BreakingGlass`."""

    async def ask(self, caller: Principal, request: AskGlass, idempotency_key: str) -> Emergency:
        """Ask for it."""
        ...

    async def confirm(self, caller: Principal, glass: BreakGlassId, digest: str) -> Emergency:
        """Agree to it."""
        ...


class Minting(Protocol):
    """:class:`broker.glass_minting.GlassMinting`."""

    async def fetch(self, caller: Principal, glass: BreakGlassId) -> IssuedCredential:
        """Give the one credential."""
        ...


class Desk(Protocol):
    """:class:`broker.glass_desk.GlassDesk`."""

    async def show(self, caller: Principal, glass: BreakGlassId) -> Emergency:
        """Show one."""
        ...

    async def find(self, caller: Principal, only: str, cursor: str, limit: int) -> GlassPage:
        """List them."""
        ...

    async def open_for(self, *, task: str = "") -> Sequence[Emergency]:
        """Return what is open now."""
        ...

    async def end(self, caller: Principal, glass: BreakGlassId) -> Emergency:
        """End one."""
        ...

    async def review(self, caller: Principal, glass: BreakGlassId, words: str) -> Emergency:
        """Answer for one."""
        ...


class Glass(Protocol):
    """:class:`broker.glass_verbs.GlassVerbs`."""

    @property
    def breaking(self) -> Breaking:
        """Asking and agreeing."""
        ...

    @property
    def minting(self) -> Minting:
        """Fetching."""
        ...

    @property
    def desk(self) -> Desk:
        """Everything else."""
        ...
