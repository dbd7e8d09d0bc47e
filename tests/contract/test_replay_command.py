"""`broker policy replay`, beside a real ledger in which something was decided."""

import asyncio
import shutil
from pathlib import Path

import pytest

from broker.cli import exits
from broker.cli.settings import load
from broker.errors import AccessDeniedError
from broker.installation import open_installation
from broker.model.capability import Ceiling
from broker.model.requests import IssueCredential
from broker.store.connect import connect
from tests.contract.test_publish_command import Place
from tests.fakes.facts import changes
from tests.fakes.facts import hold as hold_of
from tests.fakes.redis_servers import SingleServer
from tests.fakes.verbs_kit import BUCKETS, VerbsKit

CEILING = (Ceiling("orders-api", frozenset({"orders:read", "orders:write"})),)
FREEZE = '@id("freeze")\nforbid (principal, action, resource);\n'


async def decide(server: SingleServer) -> None:
    """Grant one request and refuse another."""
    link = await connect(server.settings)
    try:
        kit = VerbsKit(link)
        task = await kit.open(ceiling=CEILING)
        read = IssueCredential("orders-api", frozenset({"orders:read"}), 60_000)
        await kit.verbs.issuance.issue(kit.agent, task.spec.id, read, "")
        write = IssueCredential("orders-api", frozenset({"orders:write"}), 60_000)
        with pytest.raises(AccessDeniedError):
            await kit.verbs.issuance.issue(kit.agent, task.spec.id, write, "")
    finally:
        await link.close()


async def hold(place: Place) -> None:
    """Hold the agent, in the log of facts."""
    async with open_installation(load(place.folder)) as found:
        log = found.ledger.facts
        await log.append([changes(hold_of("agent:invoice-bot"))], base=(await log.head()).end)


@pytest.fixture
def place(single: SingleServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    """A configuration over a ledger in which two requests were decided."""
    place = Place(tmp_path / "config", single.settings.url, capsys)
    place.edit("broker.yaml", lambda file: file["store"].update(buckets=BUCKETS))
    asyncio.run(decide(single))
    return place


@pytest.fixture
def frozen(place: Place, tmp_path: Path) -> Path:
    """A candidate that forbids everything."""
    folder = tmp_path / "candidate"
    shutil.copytree(place.folder, folder)
    (folder / "policies" / "50.cedar").write_text(FREEZE)
    (folder / "policies" / "tests.yaml").write_text("tests: []\n")
    return folder


def test_it_lists_what_would_go_the_other_way_and_since_when_it_knows(
    place: Place, frozen: Path
) -> None:
    """For programs with counts by agent and capability."""
    told = place.ask("policy", "replay", str(frozen), "--since", "1h")

    (turned,) = told["requests"]
    assert (turned["direction"], turned["policies"]) == ("now-refused", ["freeze"])
    assert told["asked_again"] == {"granted": 1, "refused": 1}
    assert told["agents"] == [{"name": "invoice-bot", "now_refused": 1, "now_granted": 0}]
    assert told["capabilities"][0]["name"] == "orders-api"
    assert told["covers"].keys() == {"granted_since", "refused_since"}
    assert told["is_all_shown"]


def test_people_see_a_table_and_how_far_it_has_come(place: Place, frozen: Path) -> None:
    """Progress on standard error, the answer on standard output."""
    said = place.run("policy", "replay", str(frozen))

    assert f"deciding again, buckets: {BUCKETS} of {BUCKETS}" in said
    assert "1 granted since" in said
    assert "freeze" in said


def test_a_kept_revision_is_a_candidate_too(place: Place) -> None:
    """By its number; what it says is what was decided by."""
    place.run("apply")

    told = place.ask("policy", "replay", "1")

    assert (told["now_refused"], told["now_granted"], told["requests"]) == (0, 0, [])


@pytest.mark.parametrize(
    ("candidate", "code"), [("99", exits.REFUSED), ("nowhere", exits.CONFIGURATION)]
)
def test_no_candidate_is_said_to_be_none(place: Place, candidate: str, code: int) -> None:
    """Before anything is looked at."""
    place.run("policy", "replay", candidate, code=code)


def test_facts_are_those_of_now(place: Place) -> None:
    """An agent that was held since would be refused what it was granted."""
    place.run("apply")
    asyncio.run(hold(place))

    told = place.ask("policy", "replay", "1")

    assert [each["now"] for each in told["requests"]] == ["agent-held"]
