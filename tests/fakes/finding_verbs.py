"""The verbs on findings as a double, and what it answers."""

from dataclasses import dataclass
from typing import Final

from broker.behaviour.detecting import Finding
from broker.behaviour.rules import Action, Detector
from broker.model.behaviour import FindingFilter, FindingPage, Kept
from broker.model.principal import Kind, Principal
from tests.fakes.orders import Stage
from tests.fakes.replace import replace
from tests.fakes.samples import NOW_MS, TASK

FINDING: Final = f"f_07_{'f' * 26}"


def a_finding() -> Kept:
    """Return one that froze a task."""
    found = Finding(
        id=FINDING,
        detector=Detector.DENIAL_BURST,
        action=Action.FREEZE,
        tenant="acme",
        agent="invoice-bot",
        at_ms=NOW_MS,
        count=20,
        limit=20,
        tasks=(TASK,),
        evidence=(4, 7),
    )
    return Kept(found, (f"froze {TASK}",), NOW_MS + 100)


@dataclass
class FakeFindings:
    """Findings."""

    stage: Stage

    async def find(
        self, caller: Principal, which: FindingFilter, cursor: str, limit: int
    ) -> FindingPage:
        """List."""
        page = FindingPage((a_finding(),), "9.1")
        return await self.stage.play("findings.find", caller, which, cursor, limit, answer=page)

    async def show(self, caller: Principal, finding: str) -> Kept:
        """Show."""
        return await self.stage.play("findings.show", caller, finding, answer=a_finding())

    async def acknowledge(self, caller: Principal, finding: str, reason: str) -> Kept:
        """Acknowledge."""
        said = replace(a_finding(), acknowledged_by=caller.ref, acknowledged_reason=reason)
        said = replace(said, acknowledged_ms=NOW_MS + 200)
        return await self.stage.play("findings.acknowledge", caller, finding, reason, answer=said)


@dataclass
class FakeSignals:
    """Signals."""

    stage: Stage

    async def take(self, token: str) -> Kept:
        """Take."""
        nobody = Principal(Kind.RESOURCE, token, frozenset(), "", "", "", 0)
        return await self.stage.play("signals.take", nobody, token, answer=a_finding())
