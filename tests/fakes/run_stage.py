"""Runs before a broker that answers what it is told to: for what happens between the processes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from broker.clock import SystemClock, rfc3339
from broker.running.folder import SHARED_MEMORY
from tests.fakes import answers, serving_thread
from tests.fakes import token_mint as mint
from tests.fakes.broker_server import BrokerServer
from tests.fakes.run_command import NEED, Running, start

TASK: Final = f"/v1/tasks/{answers.TASK}"
ISSUE: Final = f"POST {TASK}/credentials"
RENEW: Final = f"POST /v1/credentials/{mint.LEASE}/renew"
BEAT: Final = f"POST {TASK}/heartbeat"
ENDS: Final = {"complete": "completed", "fail": "failed", "cancel": "cancelled"}


def issued(**changes: object) -> dict[str, object]:
    """Return a delivered token that lives for five minutes from now on."""
    return {**answers.issued(), **changes}


def soon(seconds: int) -> dict[str, object]:
    """Return the members of a token that expires so soon."""
    until = rfc3339(SystemClock().now_ms() + seconds * 1000)
    latest = "2099-01-01T00:00:00.000Z"
    return {"expires_in": seconds, "expires_at": until, "max_expires_at": latest}


def aws_session(key: str, **changes: object) -> dict[str, object]:
    """Return a delivered session of AWS, whose target prolongs nothing."""
    secret = {
        "access_key_id": key,
        "secret_access_key": "canary-key",
        "session_token": "canary-session",
        "expiration": changes.get("expires_at", "2099-01-01T00:00:00Z"),
    }
    members: dict[str, object] = {"kind": "aws_sts", "target": "account", "secret": secret}
    members |= {"renewable": False, "expires_at": "2099-01-01T00:00:00.000Z"}
    told = issued(**{**members, **changes})
    return {
        name: value for name, value in told.items() if not name.startswith(("access_", "token"))
    }


@dataclass
class Stage:
    """A broker where everything goes well unless a test says otherwise, and runs before it."""

    broker: BrokerServer
    folder: Path
    runtime: Path
    """Where folders of runs are made: in memory, as far as this machine has any."""
    options: list[str] = field(default_factory=lambda: ["--task", "reconcile-invoices", *NEED])
    """What every run here is told."""

    started: list[Running] = field(default_factory=list)
    cleared: list[str] | None = None

    def run(self, script: str, *options: str, through: Sequence[str] = ()) -> Running:
        """Start a run of a script."""
        place = self.folder / f"run-{len(self.started)}"
        line = [*self.options, *options]
        running = start(self.environment(), line, script, place, through=through)
        self.started.append(running)
        return running

    def environment(self) -> dict[str, str]:
        """Return what the run is told by variables."""
        return {
            "BROKER_URL": self.broker.url,
            "BROKER_TOKEN_FILE": str(self.folder / "token"),
            "BROKER_AGENT": "invoice-bot",
            "BROKER_TENANT": "acme",
            "XDG_RUNTIME_DIR": str(self.runtime),
        }

    def left(self) -> list[str]:
        """Return what is in the place for folders of runs, or was when the stage was cleared."""
        if self.cleared is not None:
            return self.cleared
        return [each.name for each in self.runtime.iterdir()]

    def file(self, name: str) -> Path:
        """Return where the one run here has a file."""
        (folder,) = self.left()
        return self.runtime / folder / name

    def said(self, verb: str) -> int:
        """Return how often the broker was told of an end."""
        return len(self.broker.requests(f"POST {TASK}/{verb}"))

    def ends(self) -> dict[str, int]:
        """Return how often the broker was told of each end."""
        return {verb: self.said(verb) for verb in ENDS if self.said(verb)}


@contextmanager
def stage(
    folder: Path, *, task: dict[str, object] | None = None, **token: object
) -> Iterator[Stage]:
    """Set the stage; whatever still runs at the end is killed."""
    (folder / "token").write_text("workload\n")
    shown = answers.task(**(task or {}))
    broker = BrokerServer()
    broker.answer("POST /v1/tasks", {**shown, "claim_handle": "handle"}, status=201)
    broker.answer(f"POST {TASK}/claim", shown)
    broker.answer(BEAT, shown)
    broker.answer(ISSUE, issued(**token), status=201)
    broker.answer(RENEW, issued(generation=2, **token))
    broker.answer(f"GET /v1/credentials/{mint.LEASE}", answers.credential())
    for verb, state in ENDS.items():
        ended = answers.report(task=answers.task(state=state, alive=False))
        broker.answer(f"POST {TASK}/{verb}", ended)
    with (
        serving_thread.running(broker) as served,
        TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else folder) as runtime,
    ):
        here = Stage(served, folder, Path(runtime))
        try:
            yield here
        finally:
            for each in here.started:
                each.process.kill()
                each.process.communicate()
            here.cleared = here.left()
