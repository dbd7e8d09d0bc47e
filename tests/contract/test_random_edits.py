"""Random edits of the bundle: what dies is exactly what asking about everything says.

Deciding again looks only at what a change can concern; the preview looks at every lease there is.
Whatever the first leaves out although the second would kill it is a hole.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random  # noqa: TID251 - a history that can be repeated
from typing import Final

import pytest

from broker.errors import AttestationError, BrokerError
from broker.model.capability import Ceiling
from broker.model.principal import Kind, Principal
from broker.model.redecision import NO_LONGER
from broker.model.requests import IssueCredential
from broker.model.task import Task
from broker.preview import Preview
from broker.store.link import Link
from tests.fakes.candidates import Candidate
from tests.fakes.verbs_kit import VerbsKit

pytestmark = pytest.mark.parametrize("link", ["mux"], indirect=True)

STEPS: Final = 8
AGENTS: Final = ("invoice-bot", "report-bot", "helper-bot")
ASKS: Final = (
    ("orders-api", ("orders:read",)),
    ("orders-api", ("orders:write",)),
    ("reports-read", ("reports:read",)),
)
NO_HIGH: Final = """
@id("no-high")
forbid (principal is Agent, action, resource is Capability)
when { principal has risk && principal.risk == "high" };
"""
NO_WRITING: Final = """
@id("no-writing")
forbid (principal, action, resource is Capability)
when { context.scopes.contains("orders:write") };
"""
SHORT: Final = """
@id("short")
@max_ttl_seconds("45")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when { principal.tenant == context.task.tenant };
"""
POLICIES: Final = ("// nothing is forbidden\n", NO_HIGH, NO_WRITING, SHORT)

Edit = Callable[[Random, Candidate], None]


def _status(rng: Random, candidate: Candidate) -> None:
    candidate.agent(rng.choice(AGENTS), status=rng.choice(("active", "active", "suspended")))


def _risk(rng: Random, candidate: Candidate) -> None:
    candidate.agent(rng.choice(AGENTS), risk=rng.choice(("low", "medium", "high")))


def _data_class(rng: Random, candidate: Candidate) -> None:
    name, _ = rng.choice(ASKS)
    candidate.capability(name, data_class=rng.choice(("internal", "restricted")))


def _scopes(rng: Random, candidate: Candidate) -> None:
    scopes = rng.choice((["orders:read"], ["orders:read", "orders:write"]))
    candidate.capability("orders-api", scopes=scopes)


def _life(rng: Random, candidate: Candidate) -> None:
    seconds = rng.choice((30, 60, 900))
    candidate.capability("orders-api", max_ttl_seconds=seconds, default_ttl_seconds=30)


def _audience(rng: Random, candidate: Candidate) -> None:
    check = rng.choice(("introspect", "offline"))
    candidate.edit(
        "resource_servers.yaml",
        lambda file: next(
            each for each in file["resource_servers"] if "reports" in each["audience"]
        ).update(check=check),
    )


def _tests(rng: Random, candidate: Candidate) -> None:
    candidate.agent("stock-bot", purpose=f"counts {rng.random()}")


def _policy(rng: Random, candidate: Candidate) -> None:
    candidate.write("policies/50-random.cedar", rng.choice(POLICIES))


EDITS: Final[tuple[Edit, ...]] = (
    *(_status, _risk, _data_class, _scopes, _life, _audience, _tests, _policy),
)


class History:
    """A ledger, revisions that follow each other, and agents that ask for what they can get."""

    def __init__(self, link: Link, folder: Path, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311 - no secret comes of it
        self.kit = VerbsKit(link)
        self.candidate = Candidate(folder)
        self.callers = {name: self.kit.principal(Kind.AGENT, name, "pod-1") for name in AGENTS}
        self.tasks: dict[str, Task] = {}
        self.given: set[str] = set()

    async def begin(self) -> None:
        """Publish the first revision, and open a task for each agent."""
        await self.publish()
        ceiling = tuple(Ceiling(name, frozenset(scopes)) for name, scopes in ASKS)
        for name in AGENTS:
            self.tasks[name] = await self.kit.open(agent=name, tickets=("T-1",), ceiling=ceiling)

    async def publish(self) -> None:
        """Publish what the files say, and run it."""
        bundle = self.candidate.bundle()
        record = await self.kit.ledger.control.publish(
            bundle.to_bytes().decode(), bundle.digest, "operator:test"
        )
        self.kit.replica.published = self.candidate.published(record.revision)

    async def ask(self) -> None:
        """Let everybody ask for everything."""
        for name, caller in self.callers.items():
            for capability, scopes in ASKS:
                await self._ask(
                    caller, name, IssueCredential(capability, frozenset(scopes), 60_000)
                )

    async def _ask(self, caller: Principal, name: str, request: IssueCredential) -> None:
        try:
            issued = await self.kit.verbs.issuance.issue(
                caller, self.tasks[name].spec.id, request, ""
            )
        except (AttestationError, BrokerError):
            return
        self.given.add(issued.lease.spec.id)

    async def alive(self) -> set[str]:
        """Name what lives; whatever does not was refused."""
        found = set()
        for lease in self.given:
            seen = await self.kit.ledger.leases.view(lease)  # type: ignore[arg-type]
            if seen.is_alive:
                found.add(lease)
            else:
                assert seen.ended_by == NO_LONGER
        return found

    async def redecide(self) -> None:
        """Do what is due, to its end."""
        await self.kit.reap()
        await self.kit.verbs.redeciders.reevaluation.rested()


@pytest.mark.parametrize("seed", range(4))
async def test_what_dies_is_what_asking_about_everything_says(
    link: Link, tmp_path: Path, seed: int
) -> None:
    """After each edit, and after several at once that nobody looked at in between."""
    history = History(link, tmp_path, seed)
    await history.begin()
    await history.redecide()
    preview = Preview.over(history.kit.ledger)
    for _ in range(STEPS):
        await history.ask()
        for edit in history.rng.choices(EDITS, k=history.rng.choice((1, 1, 2))):
            edit(history.rng, history.candidate)
            await history.publish()
            if history.rng.random() < 0.5:
                await history.ask()  # granted by a revision that may be gone before anybody looks
        before = await history.alive()
        doomed = await preview.foresee(history.kit.replica.published, show=10_000)

        await history.redecide()

        assert await history.alive() == before - {each.lease for each in doomed.doomed}
        assert (await preview.foresee(history.kit.replica.published)).total == 0
