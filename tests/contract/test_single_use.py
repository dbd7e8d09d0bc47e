"""One request is one use of its evidence, however often it is decided (A14, I10)."""

import pytest

from broker.errors import EvidenceUsedError
from broker.model.decision import Decision, Obligations, Permit, Trace
from broker.model.principal import Principal
from broker.model.requests import IssueCredential
from broker.model.task import Task
from broker.policy.explanation import Explanation
from broker.policy.query import Query
from broker.store.link import Link
from broker.verbs import Parts
from tests.fakes.replace import replace
from tests.fakes.verbs_kit import FixedReplica, VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

EVIDENCE = "5" * 64


class OnceEngine:
    """Permits everything, once for each piece of evidence."""

    version = "once"

    def decide(self, query: Query) -> Decision:  # noqa: ARG002 - whatever it is
        """Permit."""
        return Permit(Obligations(single_use=True), Trace(self.version, 1))

    def explain(self, query: Query) -> Explanation:
        """Nobody asks here."""
        raise AssertionError(f"asked to explain {query}")


class LaggingReplica(FixedReplica):
    """Runs an older revision than is published, and comes nearer whenever it looks."""

    looks = 0

    async def refresh(self) -> None:
        """Come nearer by one revision."""
        self.looks += 1
        self.published = replace(self.published, revision=self.published.revision + 1)


class Kit(VerbsKit):
    """Verbs that ask for single use from when a test says so."""

    def _parts(self) -> Parts:
        self.replica: LaggingReplica = LaggingReplica()
        return super()._parts()

    async def demand(self, *, behind: int) -> None:
        """Publish so many revisions that this broker has not heard of, and ask from now on."""
        self.replica.published = replace(self.replica.published, engine=OnceEngine())
        for number in range(1 + behind):
            await self.ledger.control.publish("{}", f"digest {number}", "operator:test")

    async def ask(self, task: Task, caller: Principal) -> str:
        """Ask for a credential without a key."""
        request = IssueCredential("orders-api", frozenset({"orders:read"}), 60_000)
        issued = await self.verbs.issuance.issue(caller, task.spec.id, request, "")
        return issued.lease.spec.id


async def test_a_request_that_is_decided_again_is_one_use(link: Link) -> None:
    """The facts moved after its evidence was used up: it is not refused for its own first try."""
    kit = Kit(link)
    task = await kit.open()
    await kit.demand(behind=2)
    caller = replace(kit.agent, evidence=EVIDENCE)

    assert await kit.ask(task, caller)

    assert kit.replica.looks == 2
    with pytest.raises(EvidenceUsedError):
        await kit.ask(task, caller)


async def test_evidence_without_a_name_cannot_be_used_once(link: Link) -> None:
    """Nobody could tell whether it was used before (I5)."""
    kit = Kit(link)
    task = await kit.open()
    await kit.demand(behind=0)

    with pytest.raises(EvidenceUsedError) as refused:
        await kit.ask(task, replace(kit.agent, evidence=""))

    assert refused.value.decision_id
