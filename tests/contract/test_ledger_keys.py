"""Every key that a script of the ledger touches is declared, so a cluster can route it."""

from broker.model.requests import SelectorKind
from broker.store.connect import connect
from broker.store.cut_ledger import Cut
from broker.store.quotas import Quota
from broker.store.task_ledger import Extension
from tests.fakes.key_audit import KeyAudit
from tests.fakes.ledger_kit import FAR, LedgerKit
from tests.fakes.redis_servers import SingleServer


async def test_scripts_touch_only_the_keys_that_they_declare(single: SingleServer) -> None:
    """All verbs of the ledger, watched from the server's side."""
    link = await connect(single.settings)
    async with KeyAudit(single) as audit:
        await _everything(LedgerKit(link))
    await link.close()

    assert audit.calls > 20
    assert audit.undeclared == []


async def _everything(kit: LedgerKit) -> None:
    await kit.control.publish("{}", "d", "operator:alice")
    root = await kit.open(key="k", digest="d", facts=1, instance="", claim_hash="h")
    view = await kit.tasks.view(root.id)
    await kit.tasks.replace_handle(view, "h2")
    await kit.tasks.claim(view, "h2", "pod-1")
    child = await kit.open(root, facts=1, key="k5", digest="d")
    granted = await kit.grant(child, facts=1, key="k2", digest="d")
    lease = await kit.leases.view(granted.lease)
    await kit.leases.activate(lease.spec, 1)
    await kit.leases.renew(lease, kit.renewal(facts=1, key="k3", digest="d"))
    await kit.tasks.beat(await kit.tasks.view(child.id), by_agent=True)
    await kit.tasks.extend(view, Extension(60_000, 1, "x", "k6", "d"))
    await kit.tasks.extend(await kit.tasks.view(child.id), Extension(60_000, 1, "x"))
    await kit.cuts.lay(kit.ids.revocation(0), Cut(SelectorKind.AGENT, "somebody"))
    await kit.take([Quota("agent", "a", 1)], granted.lease, FAR)
    await kit.quotas.until([Quota("agent", "a", 1)], granted.lease, FAR)
    await kit.leases.undo(kit.new_lease(child, key="k2", digest="d"), granted.lease)
    await kit.quotas.give([Quota("agent", "a", 1)], [granted.lease])
    await kit.decisions.note("agent:a", "acme", {"reason": "x"}, question="{}")
    await kit.leases.end([(granted.lease, child.id)], "revoked")
    await kit.tree.sweep(root.path)
    await kit.tree.sweep(child.path)
    await kit.close(root)
    await kit.works(root.id)
    await kit.tree.forget(root)
