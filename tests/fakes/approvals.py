"""Approvals for tests: one exact request under a task of the ledger kit, and what people say."""

from typing import Any

from broker.model.approval import Answer, Approval, Approved, Requirement, Use, Voice, Wanted
from broker.model.task import TaskSpec
from broker.store.approval_records import Asking, Bounds, Said, Saying
from broker.store.lease_replies import Granted
from tests.fakes.ledger_kit import MINUTE, LedgerKit
from tests.fakes.replace import replace

BOUNDS = Bounds()


def wanted(task: TaskSpec, **changes: Any) -> Wanted:
    """What the first lease of the kit would be."""
    whole = Wanted(
        tenant=task.tenant,
        agent=task.agent,
        instance="pod-1",
        issuer="https://issuer.example",
        subject="sub-1",
        task=task.id,
        task_name=task.name,
        above=(),
        opener=task.opener,
        on_behalf_of="",
        tickets=("T-1",),
        resources=(),
        capability="orders-api",
        backend="jwt",
        audience="https://orders.example",
        target="",
        about="",
        data_class="internal",
        template="",
        asked_scopes=("orders:read",),
        asked_ttl_ms=0,
        scopes=("orders:read",),
        ttl_ms=2 * MINUTE,
        labels={"because": "refund"},
        tool=None,
        key=None,
        policy_version="v1",
        engine_version="v1",
        policies=("by-two",),
        requirements=(Requirement(("oncall",)),),
        good_ms=5 * MINUTE,
    )
    return replace(whole, **changes)


class ApprovalKit(LedgerKit):
    """The ledger kit, and short ways through an approval."""

    def asking(self, task: TaskSpec, **changes: Any) -> Asking:
        """A request to be agreed to."""
        more = {"who": ["dana"]}
        return Asking(self.ids.approval(task.id), wanted(task, **changes), task.path, 0, 0, more)

    async def ask(self, task: TaskSpec, bounds: Bounds = BOUNDS, **changes: Any) -> Approval:
        """Ask; return what waits for an answer."""
        approval, _ = await self.approvals.ask(self.asking(task, **changes), bounds)
        return await self.approvals.find(approval)

    async def say(
        self,
        seen: Approval,
        answer: Answer = Answer.YES,
        person: str = "dana",
        *,
        is_met: bool = True,
        **changes: Any,
    ) -> Said:
        """Answer what was seen."""
        voice = Voice(person, answer, seen.digest, "https://sso.example", f"sub-{person}")
        saying = replace(Saying(voice, seen.version, is_met, 0, 0), **changes)
        return await self.approvals.answer(seen, saying, BOUNDS)

    async def approved(self, task: TaskSpec, **changes: Any) -> Approval:
        """Ask, and have somebody agree."""
        seen = await self.ask(task, **changes)
        await self.say(seen)
        return await self.approvals.find(seen.id)

    async def use(self, task: TaskSpec, by: Approval, **changes: Any) -> Granted:
        """Grant a lease on it."""
        voices = tuple(sorted(by.agreeing()))
        given = {"use": Use(by.id, by.digest, by.version), "approved": Approved(by.id, voices)}
        return await self.grant(task, **(given | changes))
