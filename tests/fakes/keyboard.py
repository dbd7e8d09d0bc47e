"""The commands that a page shows, typed one by one in this process, before a running `broker dev`.

A page writes `t_…` and other words for what only its reader knows. A test says what stands there.
"""

import json
import shlex
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes.guide import Guide
from tests.fakes.page_commands import in_block
from tests.fakes.playground import Up

PATIENCE_S: Final = 20


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


def typed_blocks(page: str) -> list[list[str]]:
    """Return our commands of each `sh` block of a page, without what a shell does with them."""
    return [list(in_block(textwrap.dedent(text))) for text in Guide(page).of("sh")]


class Keyboard:
    """Types commands as whoever's token lies in the folder."""

    def __init__(
        self,
        up: Up,
        folder: Path,
        setting: pytest.MonkeyPatch,
        capture: pytest.CaptureFixture[str],
    ) -> None:
        self._capture = capture
        self._token = folder / "token"
        setting.chdir(folder)
        setting.setenv("BROKER_URL", up["broker"])
        setting.setenv("BROKER_CONFIG", up["config"])
        setting.setenv("BROKER_DEV_STATE", up["state"])
        setting.setenv("BROKER_TOKEN_FILE", str(self._token))

    def types(self, command: str, instead: Mapping[str, str] | None = None) -> Said:
        """Run a command; ``instead`` says what stands in the place of the page's words."""
        for shown, meant in (instead or {}).items():
            assert shown in command, (shown, command)
            command = command.replace(shown, meant)
        self._capture.readouterr()
        code = main(shlex.split(command)[1:])
        return Said(code, *self._capture.readouterr())

    def does(self, command: str, instead: Mapping[str, str] | None = None) -> Said:
        """Run a command that has to succeed."""
        said = self.types(command, instead)
        assert said.code == exits.OK, (command, said)
        return said

    def says(self, command: str, instead: Mapping[str, str], text: str) -> str:
        """Repeat a command until it prints a text; return all that it printed then."""
        for _ in range(PATIENCE_S * 10):
            if text in (out := self.does(command, instead).out):
                return out
            time.sleep(0.1)
        raise AssertionError(f"no {text!r} in {out!r}")

    def becomes(self, identity: str) -> None:
        """Get the token of a part in the tenant of the pages."""
        tenant = "--tenant acme --instance pod-1"
        self.does(f"broker dev token --as {identity} {tenant} --out {self._token}")

    def opens(self, *, capability: str = "orders-api=orders:read", besides: str = "") -> str:
        """Open a task of `invoice-bot`, as the orchestrator; return its id."""
        self.becomes("orchestrator:ci-orchestrator")
        words = "--name reconcile-invoices --agent invoice-bot --tenant acme --instance pod-1"
        line = f"broker task open {words} --capability {capability} --ttl 10m {besides} --json"
        return str(self.does(line).document["id"])

    def gets(self, task: str, capability: str = "orders-api", scope: str = "orders:read") -> str:
        """Get a credential for a task, as its agent; return its id."""
        self.becomes("agent:invoice-bot")
        line = f"broker credential issue {task} {capability} --scope {scope} --json"
        return str(self.does(line).document["id"])
