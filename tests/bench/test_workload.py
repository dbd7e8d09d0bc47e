"""What both sides are asked, is the same; and nothing is asked twice."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from broker.http.wire import IssueBody, OpenTaskBody
from tests.bench.badges import Badges
from tests.bench.workload import (
    Callers,
    Dialect,
    FloorDialect,
    Job,
    ProductDialect,
    Workload,
    jobs,
    openings,
    tokens,
)

JOBS = [Job(f"t_{number}", f"token-{number}") for number in range(5)]


class Paper(Badges):
    """Badges that nobody signs."""

    def __init__(self) -> None:
        pass

    def agent(self, instance: str) -> str:
        """Name the instance."""
        return f"agent {instance}"

    def orchestrator(self) -> str:
        """Name the opener."""
        return "orchestrator"


def workload(dialect: Dialect) -> Workload:
    """Ask about five tasks, of which two are there to be completed."""
    return Workload(dialect, JOBS[:3], JOBS[3:], "resource")


def split(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Take a request apart as a server does."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *rest = head.decode().split("\r\n")
    headers = dict(each.split(": ", 1) for each in rest)
    assert int(headers["Content-Length"]) == len(body)
    return line, headers, body


def wishes(requests: list[bytes]) -> Iterator[tuple[str, dict]]:
    """Read the paths and bodies."""
    for request in requests:
        line, _, body = split(request)
        yield line, json.loads(body)


def test_no_two_issue_requests_are_the_same() -> None:
    """The labels differ in each, the lifetime in each round over the tasks."""
    asked = list(wishes(workload(ProductDialect()).issue(10)))

    assert len({wish["labels"]["run"] for _, wish in asked}) == 10
    assert len({(line, wish["ttl_seconds"]) for line, wish in asked}) == 10
    assert [line for line, _ in asked[:3]] == [
        f"POST /v1/tasks/t_{number}/credentials HTTP/1.1" for number in range(3)
    ]


def test_labels_and_lifetimes_go_on_from_run_to_run() -> None:
    """Not even a later run repeats a question."""
    product = workload(ProductDialect())

    runs = [product.issue(4), product.issue(4)]

    asked = [(line, wish["ttl_seconds"]) for run in runs for line, wish in wishes(run)]
    assert len(set(asked)) == 8


def test_the_product_understands_what_it_is_asked() -> None:
    """The bodies are of its own shapes."""
    for _, wish in wishes(workload(ProductDialect()).issue(3)):
        assert msgspec.convert(wish, IssueBody).capability == "orders-api"
    [opening] = openings(Paper(), Callers(Paper(), 1), 1)
    _, headers, body = split(opening)
    assert msgspec.json.decode(body, type=OpenTaskBody).instance == "pod-0"
    assert headers["Authorization"] == "Bearer orchestrator"


def test_the_floor_is_asked_the_same() -> None:
    """By the same callers, for the same tasks; only the task stands in another place."""
    ours = workload(ProductDialect()).issue(4)
    least = workload(FloorDialect()).issue(4)

    for (line, wish), (_, other), one, two in zip(
        wishes(ours), wishes(least), ours, least, strict=True
    ):
        assert line == f"POST /v1/tasks/{other.pop('task')}/credentials HTTP/1.1"
        assert other == wish
        assert split(one)[1]["Authorization"] == split(two)[1]["Authorization"]
        assert abs(len(one) - len(two)) < 40


@pytest.mark.parametrize("dialect", [ProductDialect(), FloorDialect()])
def test_each_task_is_completed_once(dialect: Dialect) -> None:
    """And none of those that credentials are asked for."""
    asked = workload(dialect)

    first, second = asked.complete(1), asked.complete(5)

    assert [len(first), len(second)] == [1, 1]
    assert b"t_3" in first[0]
    assert b"t_4" in second[0]


def test_introspection_asks_about_what_was_issued() -> None:
    """In turns, as the resource server."""
    asked = workload(ProductDialect())
    bodies = [b'{"access_token": "a.b.c", "id": "l_1"}', b'{"access_token": "d.e.f"}']
    asked.learn(tokens(bodies))

    found = [split(request) for request in asked.introspect(3)]

    assert [body for _, _, body in found] == [b"token=a.b.c", b"token=d.e.f", b"token=a.b.c"]
    assert {headers["Authorization"] for _, headers, _ in found} == {"Bearer resource"}


def test_every_task_has_its_callers_token() -> None:
    """However the answers are ordered."""
    callers = Callers(Paper(), 2)
    bodies = [b'{"id": "t_9", "instance": "pod-1"}', b'{"id": "t_8", "instance": "pod-0"}']

    assert [callers.next() for _ in range(3)] == ["pod-0", "pod-1", "pod-0"]
    assert jobs(bodies, callers) == [Job("t_9", "agent pod-1"), Job("t_8", "agent pod-0")]
