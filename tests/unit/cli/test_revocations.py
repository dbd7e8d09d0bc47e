"""Looking at orders: what is asked of the broker, and what a shell completes."""

import json
from typing import Final

import click
import pytest

from broker.cli import exits
from broker.cli.main import ROOT, main
from broker.cli.subjects import complete_subject
from tests.fakes import answers
from tests.fakes.scripted_broker import ScriptedBroker

ORDER: Final = f"/v1/revocations/{answers.REVOCATION}"
STANDS: Final = answers.revocation(acknowledged=True, pending_buckets=[])


def test_a_report_is_narrowed_by_the_broker(
    broker: ScriptedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is asked for is sent with every page; waiting goes by all of it."""
    narrowed = ["report", answers.REVOCATION, "--state", "confirmed", "--capability", "orders-api"]
    query = f"GET {ORDER}/report?state=confirmed&capability=orders-api"
    following = f"{ORDER}/report?state=confirmed&capability=orders-api&cursor=YWJj&limit=100"
    broker.answers[query] = (200, answers.report(revocation=STANDS, following=following))
    broker.answers[f"{query}&cursor=YWJj"] = (200, answers.report(revocation=STANDS))

    assert main([*narrowed, "--json"]) == exits.OK
    assert len(json.loads(capsys.readouterr().out)["receipts"]) == 2
    assert main([*narrowed, "--wait", "confirmed"]) == exits.USAGE


def test_orders_and_tasks_are_completed(broker: ScriptedBroker) -> None:
    """By the letter that was written; a broker that refuses completes nothing."""
    listed = {"revocations": [answers.revocation()], "next": None}
    broker.answers["GET /v1/revocations?limit=50"] = (200, listed)
    tasks = {"tasks": [answers.task()], "next": None}
    broker.answers["GET /v1/tasks?state=open&limit=50"] = (200, tasks)
    context = click.Context(ROOT)

    def offered(word: str) -> list[str]:
        return [item.value for item in complete_subject(context, ROOT.params[0], word)]

    assert offered("r_") == [answers.REVOCATION]
    assert offered("") == [answers.TASK]
    assert offered("r_ff") == []
    broker.answers["GET /v1/revocations?limit=50"] = (403, answers.problem(403, "access-denied"))
    assert offered("r_") == []
