"""Every key that a script of the ledger touches is declared, so a cluster can route it."""

from importlib import import_module
from pkgutil import iter_modules

import pytest

from backends import deny_lists
from broker import store
from broker.idempotency import Repeatable
from broker.ids import LeaseId
from broker.model.approval import Answer
from broker.model.asked import Asker
from broker.model.ban import ListName
from broker.model.ban_state import Round
from broker.model.capability import CheckMode, ResourceServer
from broker.model.lease import LeaseState
from broker.model.lender import Lender
from broker.model.principal import Kind
from broker.model.requests import Selector, SelectorKind
from broker.model.said import SaidBatch, SaidUse
from broker.model.selection import Criteria, Selection
from broker.model.target import DeathState, TargetRef
from broker.model.tool import Tool
from broker.store import facts_snapshots
from broker.store.ban_ledger import BanLedger
from broker.store.connect import connect
from broker.store.control_record import KeyChange
from broker.store.cut_ledger import Cut, Standing
from broker.store.death_ledger import DeathLedger, Note
from broker.store.evidence_ledger import EvidenceLedger, Lasting, Use
from broker.store.facts_log import FactsLog
from broker.store.facts_snapshots import FactsSnapshots
from broker.store.feed_cursors import Cursor
from broker.store.feed_log import FeedLog
from broker.store.feed_subscribers import Connection
from broker.store.freeze_ledger import FreezeLedger
from broker.store.glass_ledger import GlassLedger
from broker.store.held_leases import HeldLeases, TaskLeases
from broker.store.link import Script
from broker.store.live_leases import LiveLeases
from broker.store.notice_ledger import NoticeLedger, Settled
from broker.store.prolong_ledger import ProlongLedger
from broker.store.proof_ledger import ProofLedger
from broker.store.quotas import Quota
from broker.store.reconciliations import Outcome, Reconciliations
from broker.store.redo_ledger import Doubt, Marks, RedoLedger
from broker.store.replicas import Replicas, Serving
from broker.store.review_ledger import NewReview, ReviewLedger
from broker.store.revocation_ledger import Order
from broker.store.said_ledger import SaidLedger
from broker.store.selection_ledger import SelectionLedger
from broker.store.shadow_ledger import Difference, ShadowLedger
from broker.store.task_ledger import Extension
from broker.store.task_tree import Index
from broker.store.watch_ledger import Row, WatchLedger
from tests.fakes.approvals import BOUNDS, ApprovalKit
from tests.fakes.clock import FakeClock
from tests.fakes.facts_kit import put_ticket
from tests.fakes.fake_glass import a_glass
from tests.fakes.key_audit import KeyAudit
from tests.fakes.ledger_kit import FAR, MINUTE, LedgerKit
from tests.fakes.redis_servers import SingleServer
from tests.fakes.replace import replace


async def test_scripts_touch_only_the_keys_that_they_declare(single: SingleServer) -> None:
    """All verbs of the ledger, watched from the server's side."""
    link = await connect(single.settings)
    async with KeyAudit(single) as audit:
        kit = LedgerKit(link)
        await _everything(kit)
        await _saying(kit)
        await _freezing(kit)
        await _lending(ApprovalKit(link))
        await _breaking_glass(kit)
        await _orders_and_work(kit)
        await _dying(kit)
        await _agreeing(ApprovalKit(link))
        await _banning(kit)
        await _watching(kit)
        await _comparing(kit)
        await _shadowing(kit)
        await _facts(kit)
        await _following(kit)
        await _reviewing(kit)
        await _telling(NoticeLedger(link, "jit"))
        await _feed(FeedLog(link, "jit"), kit)
    await link.close()

    assert audit.undeclared == []
    assert {script.name for script in _all_scripts() if script.sha not in audit.scripts} == set()


def _all_scripts() -> set[Script]:
    """Every script that some module of the store has loaded."""
    modules = [
        import_module(f"broker.store.{found.name}") for found in iter_modules(store.__path__)
    ]
    return {
        each for module in modules for each in vars(module).values() if isinstance(each, Script)
    }


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


async def _saying(kit: LedgerKit) -> None:
    task = await kit.open(await kit.open(facts=1), facts=1)
    lease = (await kit.grant(task, facts=1)).lease
    said = SaidLedger(kit.link, kit.keys, kit.ids, kit.limits)
    use = SaidUse(outcome="answered", times=1, first_at_ms=1, last_at_ms=1, credential=lease)
    await said.note(await kit.tasks.view(task.id), SaidBatch((use,)), "ab", "cd")
    await said.of_task(task.id)


async def _freezing(kit: LedgerKit) -> None:
    freezes = FreezeLedger(kit.link, kit.keys, kit.ids, kit.limits)
    root = await kit.open(facts=1)
    child = await kit.open(root, facts=1)
    await freezes.freeze(child.path, by="broker", reason="x")
    await freezes.thaw(child.path, tenant="acme", agent="a", by="operator:alice", reason="x")
    await freezes.cut_of(child.path)
    await freezes.follow([child.id], 0)


async def _following(kit: LedgerKit) -> None:
    watch = WatchLedger(kit.link, kit.keys, kit.ids)
    finding = f"f_00_{'a' * 26}"
    await watch.take("p", 5_000)
    await watch.pasts(["acme/a", "acme/b"])
    await watch.note("p", "", "1 e m", {"acme/a": "{}"}, [Row(finding, 1, "{}")])
    await watch.add("signal", 1_000, Row(f"f_00_{'b' * 26}", 2, "{}"))
    await watch.todo()
    await watch.newest("+inf", 10)
    await watch.replace(finding, "{}", '{"x":1}')
    await watch.tell(finding, "behaviour.found", "acme", '{"x":1}')
    await watch.note_use("use.late", "acme", "a", '{"agent":"a"}')


async def _lending(kit: ApprovalKit) -> None:
    dana = Asker("dana", frozenset({"acme"}), "", "https://sso.example", "sub-dana", Kind.PERSON)
    lender = Lender(dana, "s-1", 1)
    root = await kit.open(lender=lender, tickets=("T-1",), on_behalf_of="dana", rooms=(2,), facts=1)
    child = await kit.open(root, lender=lender, on_behalf_of="dana", rooms=(2, 2), facts=1)
    asked, _ = await kit.approvals.ask(replace(kit.asking(child), facts=1), BOUNDS)
    await kit.say(await kit.approvals.find(asked), facts=1)
    agreed = await kit.approvals.find(asked)
    await kit.use(child, agreed, facts=1, manifest=FAR, tool=Tool("sql"))
    await kit.close(child)
    await kit.tree.forget(child)
    await kit.close(root)
    await kit.tree.forget(root)


async def _breaking_glass(kit: LedgerKit) -> None:
    ledger = GlassLedger(kit.link, kit.keys, kit.ids, kit.limits)
    root = await kit.open(facts=1)
    task = await kit.open(root, facts=1)
    plain = replace(a_glass().spec, task=task.id, path=task.path)
    reviewed, untold, dropped = (replace(plain, id=kit.ids.break_glass(task.id)) for _ in range(3))
    for number, spec in enumerate((reviewed, untold, dropped)):
        await ledger.ask(spec, (1, 1), key=f"k-glass-{number}", digest="d")
        await ledger.agree(spec, (1, 1), spec.digest, "erin")
        await ledger.ready(spec, (1, 1))
    await ledger.open(reviewed, (1, 1), ["oncall"], [])
    await ledger.note(reviewed, (1, 1), "a-lease")
    assert await ledger.expire(reviewed), "its time has not come"
    await ledger.end(reviewed, "dana")
    assert [each.spec for each in await ledger.owed()] == [reviewed]
    await ledger.review(reviewed, "frank", "seen")
    await ledger.fail(untold, ["nobody answers"])
    await ledger.end(dropped, "dana")
    listed = await ledger.older(None, 2, is_owed=False)
    assert len(listed + await ledger.older(listed[-1][0], 2, is_owed=False)) == 3
    assert await ledger.open_in() == []


async def _reviewing(kit: LedgerKit) -> None:
    ledger = ReviewLedger(kit.link, kit.keys, kit.ids, kit.limits)
    entries, digest = {"bot-1": b"{}", "bot-2": b"{}"}, "d" * 64
    late, newer = (
        NewReview(ledger.new_id(), "acme", "team:a", FAR, b"{}", digest, entries, {})
        for _ in range(2)
    )
    await ledger.start(late)
    await ledger.overdue(late.id, "acme", {})
    await ledger.start(newer)
    assert (await ledger.view(late.id)).state == "superseded"
    for agent in entries:
        await ledger.answer(
            newer.id, agent, packet=digest, answer=b"{}", same=b"{}", tenant="acme", detail={}
        )
        await ledger.effected(newer.id, agent, b"{}", "acme", {})
    assert (await ledger.view(newer.id)).state == "answered"


async def _telling(ledger: NoticeLedger) -> None:
    fence = (await ledger.turn("one", MINUTE, 0)).fence
    messages = [(name, f"m{number}") for name in ("mail", "hook") for number in range(2)]
    await ledger.collect(fence, await ledger.cursor(), "here", messages)
    await ledger.settle(fence, "mail", "m0", Settled.FAILED, wait_ms=1, why="x")
    await ledger.settle(fence, "mail", "m0", Settled.GIVEN_UP)
    await ledger.settle(fence, "mail", "m1", Settled.DONE)
    await ledger.settle(fence, "hook", "m0", Settled.STOPPED, why="410")
    await ledger.resume("hook")
    assert [(await ledger.look(name)).waiting for name in ("mail", "hook")] == [0, 2]
    await ledger.turn("one", 0, fence)


async def _orders_and_work(kit: LedgerKit) -> None:
    selector = Selector(SelectorKind.SET, "f" * 64)
    order = Order(kit.ids.revocation(0), selector, ("acme",), "a test", "operator:alice", "d")
    await kit.orders.put(order)
    await kit.orders.stands(order.id, "agent:somebody", {0: Standing(1, 1)})
    await kit.orders.advance(order.id, 1)
    picked = Selection("f" * 64, Criteria(), ("acme",), 0, "e", 1, "operator:alice", 1, {}, {})
    await SelectionLedger(kit.link, kit.keys).keep(picked, ["l t"], MINUTE)
    task = await kit.open(facts=1)
    await kit.grant(task, facts=1)
    await LiveLeases(kit.link, kit.keys).of(task)
    (looked,) = await HeldLeases(kit.link, kit.keys).of_tasks([task.id])
    assert isinstance(looked, TaskLeases)
    await HeldLeases(kit.link, kit.keys).of_leases([(looked.leases[0].name, task.id)])
    redo = RedoLedger(kit.link, kit.keys)
    await redo.hold(0)
    await redo.done(0, Marks(0, 0))
    await redo.doubt(0, [Doubt(looked.leases[0].name, task.id, 1)])
    await kit.tree.forget_at(task.id, 1)
    await kit.tree.filled(0, [Index("all", "")])
    for work in await kit.due.claim(int(task.id[2:4], 16), limit=9, hide_ms=1):
        await kit.due.settle(work)


async def _dying(kit: LedgerKit) -> None:
    task, at = await kit.open(facts=1), TargetRef("yard", "toy-1")
    new = kit.new_lease(
        task, target=at, state=LeaseState.RESERVED, minting_ms=MINUTE, facts=1, manifest=FAR
    )
    await kit.leases.grant(new)
    await kit.leases.activate(new.spec, 1)
    held = await kit.leases.view(new.spec.id)
    await kit.leases.note_use(held, "server")
    renewal = kit.renewal(facts=1, manifest=FAR, minting_ms=MINUTE)
    await kit.leases.renew(held, renewal)
    await ProlongLedger(kit.link, kit.keys).done(await kit.leases.view(new.spec.id))
    await kit.leases.end([(new.spec.id, task.id)], "revoked")
    deaths = DeathLedger(kit.link, kit.keys, kit.ids, kit.limits)
    await deaths.note(new.spec.id, Note(DeathState.PENDING, "late", MINUTE))
    await deaths.note(new.spec.id, Note(DeathState.CONFIRMED))


async def _agreeing(kit: ApprovalKit) -> None:
    root = await kit.open(facts=1)
    task = await kit.open(root, facts=1)
    former = await kit.approvals.ask(replace(kit.asking(task), facts=1), BOUNDS)
    asking = replace(kit.asking(task, policy_version="v2"), facts=1)
    await kit.approvals.ask(asking, BOUNDS)
    await kit.approvals.poll(asking.id, every_ms=1, step_ms=1, most_ms=1)
    await kit.say(await kit.approvals.find(asking.id), facts=1)
    agreed = await kit.approvals.find(asking.id)
    await kit.use(task, agreed, facts=1, manifest=FAR)
    await kit.approvals.expire(asking.id)
    await kit.approvals.supersede(former[0], "a-test")
    denied = await kit.approvals.ask(replace(kit.asking(task), facts=1), BOUNDS)
    await kit.say(await kit.approvals.find(denied[0]), Answer.NO)
    await kit.close(task)
    await kit.tree.forget(task)


async def _banning(kit: LedgerKit) -> None:
    bans, name, lease = (
        BanLedger(kit.link, kit.keys, kit.ids),
        ListName("a", "b", "c"),
        LeaseId("l"),
    )
    await bans.enter(name, lease, MINUTE)
    for entry, until in (("t1", 1), ("t2", FAR)):
        await bans.add(name, entry, until, lease)
    view = await bans.view(name)
    _, fence = await bans.claim(name, "one", hide_ms=1, revision=view.revision)
    found = deny_lists.Standing(entries=view.entries, room=1)
    await bans.adopt(name, found, until_ms=FAR, hold_ms=0)
    cut, _ = await bans.cut(name, target_now_ms=0, ahead_ms=1, hold_ms=0)
    await bans.swept(name, cut, 1)
    await bans.view(name)
    await bans.add(name, "t3", FAR, lease)
    await bans.hold(name, fence, hide_ms=MINUTE, sending_ms=1)
    came = Round(revision=view.revision, stands=True, entries=frozenset({"t2"}), lost=1)
    await bans.release(name, fence, came)
    await bans.stood(name)
    await bans.state(name)
    await bans.doubt(name)
    await bans.leave(name, [lease])


async def _watching(kit: LedgerKit) -> None:
    record = await kit.control.create()
    await kit.control.read()
    await kit.control.put_keys(record, (), KeyChange("added", "k1", "operator:alice", "a test"))
    serving = Serving("broker-1", 1, "digest", (), 1, is_giving=True)
    await Replicas(kit.link, kit.keys).report("one", serving)
    clock = FakeClock()
    evidence = EvidenceLedger(kit.link, kit.keys, kit.limits, clock)
    lasting = Lasting(clock.now_ms(), clock.now_ms() + MINUTE)
    await evidence.is_first("a" * 64, lasting, Use("one", "digest"))
    await ProofLedger(kit.link, kit.keys).is_first("key", "proof")


async def _comparing(kit: LedgerKit) -> None:
    kept = Reconciliations(kit.link, kit.keys, kit.ids)
    await kept.take("yard", MINUTE)
    await kept.keep("yard", Outcome(by="broker"))
    await kept.tell("orphan.killed", "what was never a lease", {"target": "yard"})


async def _shadowing(kit: LedgerKit) -> None:
    shadow = ShadowLedger(kit.link, kit.keys)
    await shadow.start("c-1", "d", "{}", by="operator:alice", reason="a test")
    await shadow.note("c-1", {"same": 1}, {Difference("now-refused", "a", "c"): 1})
    await shadow.stop()


async def _facts(kit: LedgerKit) -> None:
    log = FactsLog(kit.link, kit.keys, kit.ids, gap_ms=0)
    snapshots = FactsSnapshots(kit.link, kit.keys, kit.ids, log)
    large = put_ticket(*(f"T-{number}" for number in range(2_000)))
    same = Repeatable("k-facts", "digest")
    entry = await log.append([large], base=(await log.head()).end, keys=[same])
    await log.settle(entry.revision)
    await log.rest()
    for _ in range(2):
        loaded = await snapshots.load()
        assert await snapshots.write(loaded.facts, loaded.end, loaded.head)
        await log.append([put_ticket("T-9")], base=loaded.end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facts_snapshots, "KEPT_BODIES", 0)
        patch.setattr(facts_snapshots, "KEPT", 1)
        await snapshots.tidy()
    assert len(await log.history()) == 1
    await log.restart("operator:alice", "restored")


async def _feed(log: FeedLog, kit: LedgerKit) -> None:
    await log.found()
    for bucket in range(len(kit.keys.buckets)):
        if page := await log.outboxes.page(bucket):
            await log.append(bucket, page)
            await log.outboxes.trim(page[-1])
    at = await log.position()
    server = ResourceServer("https://orders.example", CheckMode.FEED, frozenset({"acme"}))
    connection = Connection("subscriber-1", "nonce")
    await log.subscribers.join(server, connection, after=0, epoch="", most=9)
    await log.subscribers.pulse(server.audience, [connection])
    await log.subscribers.acknowledge(server.audience, "subscriber-1", at.seq)
    await log.subscribers.confirmation(0, 1, server.audience, 0, staleness_ms=1, strict=True)
    await log.cursors.store("sink", Cursor(at.seq, at.epoch, "head"))
    await log.tidy()
    await log.accept_loss(0, 1_000)
    await log.rotate(at.epoch)
