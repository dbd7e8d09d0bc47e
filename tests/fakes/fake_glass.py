"""Emergencies, as doubles that record what reaches them."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.breaking_glass import AskGlass
from broker.ids import BreakGlassId
from broker.model.approval import Requirement
from broker.model.break_glass import Glass, GlassPage, GlassSpec, GlassState
from broker.model.principal import Principal
from broker.model.requests import IssuedCredential
from broker.secret import Secret
from tests.fakes.orders import Stage
from tests.fakes.samples import CREDENTIAL, NOW_MS, TASK, a_lease

GLASS = BreakGlassId("g_07_" + "f" * 26)


def a_glass() -> Glass:
    """Make one that waits for somebody to agree."""
    spec = GlassSpec(
        id=GLASS,
        task=TASK,
        path=(TASK,),
        tenant="acme",
        agent="invoice-bot",
        instance="pod-1",
        task_opener="orchestrator:ci",
        on_behalf_of="",
        actors=("invoice-bot",),
        capability="orders-export",
        template="ab" * 32,
        scopes=("orders:export",),
        ttl_ms=600_000,
        reason="stuck",
        incident="INC-1",
        opener="dana",
        opener_issuer="https://issuer.example",
        policy_version="v1",
        requirements=(Requirement(("oncall",)),),
    )
    return Glass(
        spec=spec,
        state=GlassState.REQUESTED,
        digest=spec.digest,
        asked_ms=NOW_MS,
        until_ms=NOW_MS + 900_000,
        now_ms=NOW_MS,
    )


@dataclass
class FakeBreaking:
    """Asking and agreeing."""

    stage: Stage

    async def ask(self, caller: Principal, request: AskGlass, idempotency_key: str) -> Glass:
        """Ask."""
        asked = (caller, request, idempotency_key)
        return await self.stage.play("glass.ask", *asked, answer=a_glass())

    async def confirm(self, caller: Principal, glass: BreakGlassId, digest: str) -> Glass:
        """Agree."""
        return await self.stage.play("glass.confirm", caller, glass, digest, answer=a_glass())


@dataclass
class FakeGlassMinting:
    """Fetching."""

    stage: Stage

    async def fetch(self, caller: Principal, glass: BreakGlassId) -> IssuedCredential:
        """Fetch."""
        issued = IssuedCredential(a_lease(), Secret(CREDENTIAL))
        return await self.stage.play("glass.fetch", caller, glass, answer=issued)


@dataclass
class FakeGlassDesk:
    """Everything else."""

    stage: Stage

    async def show(self, caller: Principal, glass: BreakGlassId) -> Glass:
        """Show."""
        return await self.stage.play("glass.show", caller, glass, answer=a_glass())

    async def find(self, caller: Principal, only: str, cursor: str, limit: int) -> GlassPage:
        """List."""
        asked = (caller, only, cursor, limit)
        return await self.stage.play("glass.find", *asked, answer=GlassPage((a_glass(),), ""))

    async def open_for(self, *, task: str = "") -> Sequence[Glass]:  # noqa: ARG002 - as the port has it
        """Return what is open: nothing."""
        return ()

    async def end(self, caller: Principal, glass: BreakGlassId) -> Glass:
        """End."""
        return await self.stage.play("glass.end", caller, glass, answer=a_glass())

    async def review(self, caller: Principal, glass: BreakGlassId, words: str) -> Glass:
        """Answer for it."""
        return await self.stage.play("glass.review", caller, glass, words, answer=a_glass())


@dataclass
class FakeGlass:
    """All of it."""

    stage: Stage

    @property
    def breaking(self) -> FakeBreaking:
        """Asking and agreeing."""
        return FakeBreaking(self.stage)

    @property
    def minting(self) -> FakeGlassMinting:
        """Fetching."""
        return FakeGlassMinting(self.stage)

    @property
    def desk(self) -> FakeGlassDesk:
        """Everything else."""
        return FakeGlassDesk(self.stage)
