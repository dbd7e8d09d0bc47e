"""What a change of the bundle can concern."""

from typing import Any

from broker.affected import EVERYTHING, MOST, NOTHING, Affected, by_bundles
from broker.governance.document import BundleDocument
from broker.store.task_tree import EVERY_TASK, Index
from tests.fakes.candidates import Candidate


def change(tmp_path, edit) -> Affected:  # noqa: ANN001 - a folder, and what is done there
    """Compare the shipped bundle with an edited one."""
    candidate = Candidate(tmp_path)
    before: BundleDocument = candidate.bundle().document
    edit(candidate)
    return by_bundles(before, candidate.bundle().document)


def test_nothing_changed_concerns_nothing(tmp_path) -> None:  # noqa: ANN001
    """No walk at all."""
    assert change(tmp_path, lambda _: None) == NOTHING
    assert NOTHING.walks() == ()


def test_a_record_concerns_its_own_leases(tmp_path) -> None:  # noqa: ANN001
    """An agent's those it holds, a capability's those granted of it."""

    def edit(candidate: Candidate) -> None:
        candidate.agent("invoice-bot", status="suspended")
        candidate.drop_capability("reports-read")

    assert change(tmp_path, edit).walks() == (
        Index("agent", "invoice-bot"),
        Index("capability", "reports-read"),
    )


def test_a_resource_server_concerns_what_is_for_it(tmp_path) -> None:  # noqa: ANN001
    """How it checks bounds how long a credential may live."""

    def shorten(file: Any) -> None:
        for each in file["capabilities"]:
            each["max_ttl_seconds"] = 300
            each.pop("break_glass", None)

    def edit(candidate: Candidate) -> None:
        candidate.edit(
            "resource_servers.yaml",
            lambda file: file["resource_servers"][0].update(check="offline"),
        )
        candidate.edit("capabilities.yaml", shorten)

    walked = change(tmp_path, edit).walks()

    assert Index("capability", "orders-api") in walked
    assert {index.kind for index in walked} == {"capability"}


def test_who_opens_and_who_looks_concerns_no_lease(tmp_path) -> None:  # noqa: ANN001
    """Nothing of them is shown when a lease's question is asked."""

    def edit(candidate: Candidate) -> None:
        candidate.edit("agents.yaml", lambda file: file["operators"].pop())

    assert change(tmp_path, edit) == NOTHING


def test_a_policy_or_a_team_concerns_everything(tmp_path) -> None:  # noqa: ANN001
    """Nobody can say whom it leaves alone."""

    def edit(candidate: Candidate) -> None:
        candidate.write("policies/50-test.cedar", "// only a comment\n")

    assert change(tmp_path, edit) == EVERYTHING
    assert EVERYTHING.walks() == (EVERY_TASK,)


def test_too_many_indexes_are_everything() -> None:
    """Walking all tasks once is cheaper then."""
    many = Affected(frozenset(Index("agent", f"a-{n}") for n in range(MOST)))

    assert (many | NOTHING).is_all is False
    assert many | Affected(frozenset({Index("agent", "one-more")})) == EVERYTHING
