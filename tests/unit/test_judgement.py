"""A decision that facts overtook is made again, and nothing is read that is here already."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from broker.errors import StaleFactsError
from broker.faultpoints import FaultPoints
from broker.gate import Gate
from broker.governance.published import Published
from broker.judgement import Judgement
from broker.metrics import Metrics
from broker.model.principal import Kind, Principal
from broker.onlooker import Nobody
from tests.fakes.services import principal


@dataclass
class Bundle:
    """As much of what is published as is looked at here."""

    revision: int = 1
    graph: int = 1

    @property
    def registry(self) -> "Bundle":
        """Everybody is who it was."""
        return self

    def confirm(self, caller: Principal) -> Principal:
        """Know everybody."""
        return caller


@dataclass
class Replica:
    """What a broker has, and how often it looked for more."""

    published: Any = field(default_factory=Bundle)
    looks: int = 0

    async def refresh(self) -> None:
        """Find newer facts."""
        self.looks += 1
        self.published = Bundle(graph=self.published.graph + 1)


@dataclass
class Bench:
    """A verb that is overtaken so many times."""

    overtaken: int
    moves_here: bool = False
    replica: Replica = field(default_factory=Replica)
    rests: int = 0

    async def rest(self) -> None:
        """Count."""
        self.rests += 1

    async def attempt(self, published: Published, _caller: Principal) -> int:
        """Decide by what is published; meanwhile it may have moved."""
        if not self.overtaken:
            return published.graph
        self.overtaken -= 1
        if self.moves_here:
            self.replica.published = Bundle(graph=published.graph + 1)
        raise StaleFactsError("older")

    async def run(self) -> int:
        """Judge."""
        judgement = Judgement(
            Gate([]),
            self.replica,
            log=cast("Any", None),
            metrics=Metrics(durability="os", reasons=[], actions=[]),
            faults=FaultPoints(),
            onlooker=Nobody(),
            rest=self.rest,
        )
        return await judgement.on_fresh_facts(principal(Kind.AGENT, "invoice-bot"), self.attempt)


async def test_what_moved_here_meanwhile_is_taken_without_a_look() -> None:
    """Whoever edits at this broker makes nobody here read the ledger again."""
    bench = Bench(overtaken=1, moves_here=True)

    assert await bench.run() == 2
    assert (bench.replica.looks, bench.rests) == (0, 0)


async def test_what_moved_elsewhere_is_looked_for() -> None:
    """Once, without asking anybody to rest."""
    bench = Bench(overtaken=1)

    assert await bench.run() == 2
    assert (bench.replica.looks, bench.rests) == (1, 0)


@pytest.mark.parametrize("moves_here", [False, True])
async def test_who_is_overtaken_again_and_again_gets_a_rest(moves_here: bool) -> None:  # noqa: FBT001 - pytest
    """And an end: in doubt nothing is given."""
    bench = Bench(overtaken=3, moves_here=moves_here)
    await bench.run()
    assert bench.rests == 2

    endless = Bench(overtaken=99, moves_here=moves_here)
    with pytest.raises(StaleFactsError):
        await endless.run()
    assert endless.overtaken == 99 - 9
