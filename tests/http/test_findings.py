"""Findings at the edge."""

from aiohttp import ClientSession

from broker.model.behaviour import FindingFilter
from tests.fakes.finding_verbs import FINDING
from tests.fakes.samples import TASK
from tests.fakes.services import Stage
from tests.http.shown import OPERATOR, call


async def test_findings_are_listed_shown_and_acknowledged(
    client: ClientSession, stage: Stage
) -> None:
    """What is asked for goes on as it came; what is told is what was found."""
    query = "?tenant=acme&agent=invoice-bot&detector=rate&state=open&limit=7"
    listed = await call(client, "GET", f"/v1/findings{query}", OPERATOR)
    shown = await call(client, "GET", f"/v1/findings/{FINDING}", OPERATOR)
    path, why = f"/v1/findings/{FINDING}/acknowledge", {"reason": "seen"}
    seen = await call(client, "POST", path, OPERATOR, why)

    assert [each[0] for each in (listed, shown, seen)] == [200, 200, 200]
    assert listed[1]["findings"] == [shown[1]]
    assert (shown[1]["tasks"], shown[1]["did"]) == ([TASK], [f"froze {TASK}"])
    assert shown[1]["done_at"] == "2027-01-15T08:00:00.100Z"
    assert (shown[1]["acknowledged_by"], shown[1]["acknowledged_at"]) == ("", None)
    assert seen[1]["acknowledged_by"] == "operator:olga"
    assert [each.verb for each in stage.calls] == [
        "findings.find",
        "findings.show",
        "findings.acknowledge",
    ]
    which = FindingFilter("acme", "invoice-bot", "rate", "open")
    assert stage.calls[0].arguments == (which, "", 7)
    assert stage.calls[2].arguments == (FINDING, "seen")
