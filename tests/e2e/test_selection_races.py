"""Credentials are issued, renewed and given back while sets and cuts of them are killed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.e2e.test_selections import picked, select
from tests.fakes.cast import AGENT, OPERATOR
from tests.fakes.world import World

ROUNDS = 6
ISSUERS = 4
PAUSE_S = 0.01
"""So that what is to be looked through stays small."""


@dataclass
class Traffic:
    """Agents at work: what they got, and what they have given back themselves."""

    world: World
    tokens: dict[str, str] = field(default_factory=dict)
    given_back: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Let them work within the block, at two brokers."""
        tasks = [(await self.world.open())["id"] for _ in range(ISSUERS)]
        workers = [asyncio.create_task(self._work(task, at % 2)) for at, task in enumerate(tasks)]
        try:
            yield
        finally:
            for worker in workers:
                worker.cancel()
            for worker in workers:
                with suppress(asyncio.CancelledError):
                    await worker

    async def _work(self, task: str, at: int) -> None:
        while True:
            issued = await asyncio.shield(self.world.ask(task, at=at))
            if issued.status == 201:
                await asyncio.shield(self._use(issued["id"], issued["access_token"], at))
            await asyncio.sleep(PAUSE_S)

    async def _use(self, lease: str, token: str, at: int) -> None:
        """Every third is renewed, every seventh given back."""
        self.tokens[lease] = token
        number = len(self.tokens)
        if number % 3 == 0:
            renewed = await self.world.post(AGENT, f"/v1/credentials/{lease}/renew", {}, at=at)
            if renewed.status == 201:
                self.tokens[lease] = renewed["access_token"]
        if number % 7 == 0:
            self.given_back.add(lease)
            await self.world.call(AGENT, "DELETE", f"/v1/credentials/{lease}", at=at)

    async def alive(self) -> set[str]:
        """Ask a resource server's question about each."""
        said = await asyncio.gather(*map(self.world.is_active, self.tokens.values()))
        return {lease for lease, active in zip(self.tokens, said, strict=True) if active}


async def reported(world: World, order: str) -> set[str]:
    """Return what an order's report names."""
    receipts = await world.receipts(OPERATOR, f"/v1/revocations/{order}/report")
    return {receipt["credential"] for receipt in receipts}


async def test_a_set_is_killed_exactly_or_refused_while_its_like_are_issued(worlds: World) -> None:
    """Whatever comes while it is looked at and killed: no more and no less than was shown dies."""
    traffic = Traffic(worlds)
    killed: set[str] = set()
    refused = 0
    async with traffic.flowing():
        for number in range(ROUNDS):
            taken = await select(worlds, agent="invoice-bot")
            if number % 2:  # somebody takes the time to read it
                await picked(worlds, OPERATOR, taken["digest"])
            ordered = await worlds.revoke(OPERATOR, set=taken["digest"])
            members = await picked(worlds, OPERATOR, taken["digest"])
            if ordered.status == 200:
                assert ordered["progress"]["total"] == len(members)
                assert await reported(worlds, ordered["id"]) == members, number
                killed |= members
            else:
                assert (ordered.status, ordered.code) == (409, "selection-changed")
                refused += 1
    # Nobody issues any more: now the last one is killed for certain.
    taken = await select(worlds, agent="invoice-bot")
    killed |= await picked(worlds, OPERATOR, taken["digest"])
    before = await traffic.alive()
    assert (await worlds.revoke(OPERATOR, set=taken["digest"])).status == 200

    assert refused, "nothing came between looking and killing: this has shown nothing"
    assert await traffic.alive() == set()
    assert before <= killed
    assert set(traffic.tokens) - killed <= traffic.given_back


async def test_nothing_from_before_a_cut_survives_it_and_what_comes_after_lives(
    worlds: World,
) -> None:
    """One selector alone is a cut: it also kills what is being issued that very moment."""
    traffic = Traffic(worlds)
    async with traffic.flowing():
        for _ in range(ROUNDS):
            answered = set(traffic.tokens)
            ordered = await worlds.revoke(OPERATOR, agent="invoice-bot")

            assert (ordered.status, ordered["acknowledged"]) == (200, True)
            tokens = [traffic.tokens[lease] for lease in answered]
            assert not any(await asyncio.gather(*map(worlds.is_active, tokens)))
    later = await worlds.issue((await worlds.open())["id"])

    assert await worlds.is_active(later["access_token"])
