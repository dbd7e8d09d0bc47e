"""The brake: many deaths are not brought about unasked, and few are not looked for at length."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

import pytest

from broker.affected import Affected
from broker.errors import UnavailableError, WouldKillManyError
from broker.facts.base import Base
from broker.facts.change import Change, ChangeSet
from broker.facts.facts import Facts
from broker.foresight import NOTHING, Foresight, Outlook, require_few
from broker.model.fact import Ref, ThingKind
from broker.preview import Foreseen
from broker.store.task_tree import Index
from tests.fakes.facts import hold, put, relate

BASE: Final = Base.of_tenants("acme", "globex")


@dataclass
class Ledger:
    """What is alive: of each agent and tenant, and who of them would die."""

    agents: dict[str, int] = field(default_factory=lambda: {"abe": 3, "bob": 30})
    tenants: dict[str, int] = field(default_factory=lambda: {"acme": 33, "globex": 2})
    dying: dict[str, int] = field(default_factory=dict)
    looked: list[Collection[str] | None] = field(default_factory=list)
    unsure: dict[str, int] = field(default_factory=dict)
    is_silent: bool = False
    named: set[Ref] = field(default_factory=set)

    async def held(self, of: str, name: str) -> int:
        """Count what is alive."""
        return (self.agents if of == "agent" else self.tenants).get(name, 0)

    async def is_any(self, affected: Affected) -> bool:
        """Tell whether a task is in what is affected."""
        indexes = {Index(ref.kind.value, f"{ref.tenant}/{ref.name}") for ref in self.named}
        indexes |= {Index("agent", name) for name in self.agents}
        indexes |= {Index("tenant", name) for name in self.tenants}
        return affected.is_all or not indexes.isdisjoint(affected.indexes)

    async def foresee(
        self,
        _facts: Facts,
        tenants: Collection[str] | None,
        affected: Affected,  # noqa: ARG002 - all of it
    ) -> Foreseen:
        """Look."""
        self.looked.append(tenants)
        if self.is_silent:
            raise UnavailableError("nothing is published")
        total = sum(self.dying.values())
        of = {"orders-api": total}
        return Foreseen(99, total, (), dict(self.dying), of, 0, "", dict(self.unsure))


def foresight(ledger: Ledger) -> Foresight:
    """The brake at five."""
    return Foresight(ledger.foresee, ledger, brake=5)


def facts() -> Facts:
    """Two agents, each assigned to a ticket of its own."""
    changes = [put("person:ann"), put("agent:abe"), put("agent:bob"), put("ticket:T-1")]
    changes += [put("ticket:T-2"), put("person:ann", "globex"), put("agent:gus", "globex")]
    edges = [relate("agent:abe assigned-to ticket:T-1"), relate("agent:bob assigned-to ticket:T-2")]
    return Facts(0, BASE).changed(ChangeSet("x", "y", (*changes, *edges)), 1)


async def look(ledger: Ledger, *changes: Change, is_exact: bool = False) -> Outlook:
    """Look ahead of a change."""
    change, before = ChangeSet("operator:olga", "INC-7", changes), facts()
    after = before.changed(change, 2)
    return await foresight(ledger).look(change, before, after, is_exact=is_exact)


@pytest.mark.parametrize(
    ("change", "looked"),
    [
        (put("ticket:T-9"), []),  # nobody knew it: it let nobody in
        (relate("agent:abe assigned-to ticket:T-2"), []),  # holds three at most
        (hold("agent:abe"), [{"acme"}]),  # it may have handed on more
        (hold("agent:gus", "globex"), []),  # its tenant has two
        (hold("agent:bob"), [{"acme"}]),
        (hold("ticket:T-1"), [{"acme"}]),  # a task may name it by itself
        (hold("tenant:acme"), [{"acme"}]),
    ],
)
async def test_it_looks_only_where_many_could_die(change: Change, looked: list[set[str]]) -> None:
    """A change that cannot kill many waits for nothing."""
    ledger = Ledger(dying={"bob": 30})

    found = await look(ledger, change)

    assert [set(each or ()) for each in ledger.looked] == looked
    assert (found == NOTHING) is (not looked)


async def test_what_nothing_alive_can_feel_is_not_looked_at() -> None:
    """However much else lives in the tenant; a dry run looks all the same."""
    ledger = Ledger(dying={"bob": 30}, agents={})

    assert await look(ledger, hold("ticket:T-2")) == NOTHING
    assert (await look(ledger, hold("ticket:T-2"), is_exact=True)).deaths == 30


@pytest.mark.parametrize("name", ["ticket:T-9", "person:zoe"])
async def test_what_nobody_knew_may_have_been_named(name: str) -> None:
    """A policy may forbid what is done for somebody who is known, by now, to be gone."""
    kind, _, called = name.partition(":")
    named = {Ref(ThingKind(kind), "acme", called)}
    ledger = Ledger(dying={"bob": 30}, named=named)

    found = await look(ledger, put(name))
    elsewhere = await look(ledger, put(name, "globex"))

    assert (found.deaths, elsewhere) == (30, NOTHING)


async def test_a_dry_run_always_looks() -> None:
    """Whoever asks who would die is told, however few."""
    found = await look(Ledger(dying={"abe": 3}), hold("agent:abe"), is_exact=True)

    assert (found.deaths, found.is_complete) == (3, True)


async def test_many_have_to_be_accepted_by_their_digest() -> None:
    """It names the change and who loses what; that another one dies too makes another digest."""
    ledger = Ledger(dying={"bob": 30})
    found = await look(ledger, hold("agent:bob"))
    brake = foresight(ledger)

    for wrong in ("", "0" * 64):
        with pytest.raises(WouldKillManyError) as caught:
            brake.require_few(found, wrong)
        assert (caught.value.deaths, caught.value.digest) == (30, found.digest)
    brake.require_few(found, found.digest)

    ledger.dying["bob"] = 29  # some have expired meanwhile
    brake.require_few(await look(ledger, hold("agent:bob")), found.digest)
    with pytest.raises(WouldKillManyError):
        brake.require_few(await look(ledger, hold("tenant:acme")), found.digest)
    ledger.dying["abe"] = 1
    with pytest.raises(WouldKillManyError):
        brake.require_few(await look(ledger, hold("agent:bob")), found.digest)


async def test_what_nobody_can_tell_of_has_to_be_meant_like_deaths() -> None:
    """It may die, so the brake asks; it is no death either, and is called what it is."""
    ledger = Ledger(dying={"bob": 3}, unsure={"abe": 3})
    found = await look(ledger, hold("agent:bob"))

    assert (found.deaths, found.unsure) == (3, 3)
    with pytest.raises(WouldKillManyError, match="of 3 others it cannot be told") as caught:
        require_few(found, 5, "")
    assert (caught.value.deaths, caught.value.unsure) == (3, 3)
    require_few(found, 6, "")
    require_few(found, 5, found.digest)
    ledger.unsure = {}
    assert (await look(ledger, hold("agent:bob"))).digest != found.digest


async def test_few_need_no_word() -> None:
    """Up to the brake itself."""
    found = await look(Ledger(dying={"bob": 5}), hold("agent:bob"))

    foresight(Ledger()).require_few(found, "")


async def test_what_cannot_be_foreseen_holds_nothing_up() -> None:
    """Policies that cannot be loaded are no reason not to take access away (I5)."""
    ledger = Ledger(is_silent=True)
    found = await look(ledger, hold("agent:bob"))

    foresight(ledger).require_few(found, "")
    assert not found.is_complete
