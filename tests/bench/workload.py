"""What is asked of both sides, byte by byte, before any clock runs.

Every issue request is for another task with other labels, and when the tasks begin anew, for
another lifetime. Introspection is of other live tokens each time, completion of other tasks, each
with one credential alive.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlencode

import msgspec

from tests.bench.badges import AGENT, TENANT, Badges

SHORTEST_SECONDS: Final = 500
LONGEST_SECONDS: Final = 900
"""Nothing expires while it is measured; more is not granted by the shipped capability."""

_TASK_SECONDS: Final = 6_000
_encode: Final = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Job:
    """A task and the workload token of the instance that it belongs to."""

    task: str
    token: str


class Opened(msgspec.Struct):
    """What matters of a task that was opened."""

    id: str
    instance: str


class Issued(msgspec.Struct):
    """What matters of a credential that was issued."""

    access_token: str


class Callers:
    """The instances of the agent, each with its token."""

    def __init__(self, badges: Badges, count: int) -> None:
        self._tokens = {
            name: badges.agent(name) for name in (f"pod-{number}" for number in range(count))
        }
        self._turns = itertools.cycle(self._tokens)

    def next(self) -> str:
        """Return the instance whose turn it is."""
        return next(self._turns)

    def token(self, instance: str) -> str:
        """Return the token of an instance."""
        return self._tokens[instance]


def openings(badges: Badges, callers: Callers, count: int) -> list[bytes]:
    """Ask for tasks."""
    token = badges.orchestrator()
    return [post("/v1/tasks", token, _encode(_opening(n, callers.next()))) for n in range(count)]


def _opening(number: int, instance: str) -> dict[str, object]:
    return {
        "name": f"reconcile-{number}",
        "agent": AGENT,
        "tenant": TENANT,
        "instance": instance,
        "ceiling": [{"capability": "orders-api", "scopes": ["orders:read"]}],
        "tickets": [f"OPS-{number}"],
        "ttl_seconds": _TASK_SECONDS,
        "idle_timeout_seconds": _TASK_SECONDS,
    }


def jobs(bodies: Sequence[bytes], callers: Callers) -> list[Job]:
    """Read which tasks were opened."""
    opened = (msgspec.json.decode(body, type=Opened) for body in bodies)
    return [Job(task.id, callers.token(task.instance)) for task in opened]


def tokens(bodies: Sequence[bytes]) -> list[str]:
    """Read which credentials were issued."""
    return [msgspec.json.decode(body, type=Issued).access_token for body in bodies]


class Dialect(Protocol):
    """How one side wants to be asked."""

    def issue(self, job: Job, wish: dict[str, object]) -> bytes:
        """Ask for a credential within a task."""
        ...

    def introspect(self, caller: str, token: str) -> bytes:
        """Ask whether a token is alive."""
        ...

    def complete(self, job: Job) -> bytes:
        """End a task."""
        ...


class ProductDialect:
    """The product's API."""

    def issue(self, job: Job, wish: dict[str, object]) -> bytes:
        """Ask for a credential within a task."""
        return post(f"/v1/tasks/{job.task}/credentials", job.token, _encode(wish))

    def introspect(self, caller: str, token: str) -> bytes:
        """Ask whether a token is alive."""
        return introspection("/oauth/introspect", caller, token)

    def complete(self, job: Job) -> bytes:
        """End a task."""
        return post(f"/v1/tasks/{job.task}/complete", job.token, b"")


class FloorDialect:
    """The floor's three paths; it takes the task in the body."""

    def issue(self, job: Job, wish: dict[str, object]) -> bytes:
        """Ask for a credential within a task."""
        return post("/issue", job.token, _encode({"task": job.task} | wish))

    def introspect(self, caller: str, token: str) -> bytes:
        """Ask whether a token is alive."""
        return introspection("/introspect", caller, token)

    def complete(self, job: Job) -> bytes:
        """End a task."""
        return post("/complete", job.token, _encode({"task": job.task}))


class Workload:
    """An endless supply of requests, no two of which are the same.

    Only completing comes to an end: each task can be completed once.
    """

    def __init__(
        self, dialect: Dialect, jobs: Sequence[Job], to_complete: Sequence[Job], resource: str
    ) -> None:
        self._dialect = dialect
        self._jobs = itertools.cycle(jobs)
        self._to_complete = iter(to_complete)
        self._runs = itertools.count()
        self._tasks = len(jobs)
        self._resource = resource
        self._live: Iterator[str] = iter(())

    def learn(self, live: Sequence[str]) -> None:
        """Take the tokens that introspection asks about."""
        self._live = itertools.cycle(live)

    def issue(self, count: int) -> list[bytes]:
        """Ask for credentials, each within another task, with a label of its own."""
        jobs = itertools.islice(self._jobs, count)
        return [self._dialect.issue(job, self._wish(next(self._runs))) for job in jobs]

    def introspect(self, count: int) -> list[bytes]:
        """Ask whether tokens are alive."""
        live = itertools.islice(self._live, count)
        return [self._dialect.introspect(self._resource, token) for token in live]

    def begin(self, jobs: Sequence[Job]) -> list[bytes]:
        """Ask for the first credential of each of these tasks."""
        return [self._dialect.issue(job, self._wish(next(self._runs))) for job in jobs]

    def complete(self, count: int) -> list[bytes]:
        """End tasks."""
        return [self._dialect.complete(job) for job in itertools.islice(self._to_complete, count)]

    def _wish(self, run: int) -> dict[str, object]:
        again = run // self._tasks
        return {
            "capability": "orders-api",
            "scopes": ["orders:read"],
            "ttl_seconds": SHORTEST_SECONDS + again % (LONGEST_SECONDS - SHORTEST_SECONDS),
            "labels": {"run": str(run)},
        }


def post(path: str, token: str, body: bytes, kind: str = "application/json") -> bytes:
    """Write a POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def introspection(path: str, caller: str, token: str) -> bytes:
    """Write an introspection request (RFC 7662 §2.1)."""
    form = urlencode({"token": token}).encode()
    return post(path, caller, form, "application/x-www-form-urlencoded")
