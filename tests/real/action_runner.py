"""A job's runner, as GitHub documents it to actions: environment, files, commands, tokens.

What an action writes to its files is read as the runner reads it; what the main step saves is in
the post step's environment. Tokens are handed out for the request token, for one audience each.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web

ACTION: Final = Path(__file__).parents[2] / "config" / "github-action"
REQUEST_TOKEN: Final = "request-token-of-the-job"
NODE_S: Final = 60

_FILES: Final = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STATE")
_HEREDOC: Final = re.compile(r"^([^=\n]+?)<<(.+)\n((?:.*\n)*?)\2\n", re.MULTILINE)
_MASK: Final = re.compile(r"^::add-mask::(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a step."""

    code: int
    text: str

    @property
    def masked(self) -> set[str]:
        """What no log shows from here on."""
        return set(_MASK.findall(self.text))

    @property
    def shown(self) -> str:
        """What the job's log has: commands are not shown, and what was masked is."""
        lines = [line for line in self.text.splitlines() if not line.startswith("::add-mask::")]
        return "\n".join(lines)


@dataclass
class TokenDesk:
    """Hands a job its tokens; ``failing`` times it does not."""

    mint: Callable[[str], Awaitable[str]]
    failing: int = 0
    audiences: list[str] = field(default_factory=list)

    async def hand_out(self, request: web.Request) -> web.Response:
        """Answer as GitHub's service does."""
        if request.headers.get("Authorization") != f"Bearer {REQUEST_TOKEN}":
            return web.json_response({"message": "no"}, status=401)
        if self.failing:
            self.failing -= 1
            return web.json_response({"message": "later"}, status=503)
        assert request.query["api-version"] == "2.0"
        self.audiences.append(request.query["audience"])
        return web.json_response({"count": 1, "value": await self.mint(request.query["audience"])})


@dataclass
class Job:
    """One job: its environment, and what its steps have written."""

    folder: Path
    desk_url: str
    inputs: Mapping[str, str]
    step: str = "__self"
    state: dict[str, str] = field(default_factory=dict)

    async def main(self, **inputs: str) -> Ran:
        """Run the main step."""
        return await self._run("main.js", {"job-status": "success", **self.inputs, **inputs}, {})

    async def post(self, status: str, **inputs: str) -> Ran:
        """Run the post step, at the end of a job that went so."""
        saved = {f"STATE_{name}": value for name, value in self.state.items()}
        return await self._run("post.js", {**self.inputs, **inputs, "job-status": status}, saved)

    async def _run(self, file: str, inputs: Mapping[str, str], more: Mapping[str, str]) -> Ran:
        files = {
            name: self.folder / name for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STATE")
        }
        for path in files.values():
            path.touch()
        process = await asyncio.create_subprocess_exec(
            *("node", str(ACTION / file)),
            env={
                "PATH": os.environ["PATH"],
                "GITHUB_RUN_ID": "9001",
                "GITHUB_RUN_ATTEMPT": "1",
                "GITHUB_JOB": "bill",
                "GITHUB_ACTION": self.step,
                "ACTIONS_ID_TOKEN_REQUEST_URL": self.desk_url,
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
                **{name: str(path) for name, path in files.items()},
                **{f"INPUT_{name.upper()}": value for name, value in inputs.items()},
                **more,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(NODE_S):
            told, _ = await process.communicate()
        self.state |= read(files["GITHUB_STATE"])
        return Ran(process.returncode or 0, told.decode())

    @property
    def variables(self) -> dict[str, str]:
        """What the steps after this one have in their environment."""
        return read(self.folder / "GITHUB_ENV")

    @property
    def outputs(self) -> dict[str, str]:
        """What a workflow reads of the step."""
        return read(self.folder / "GITHUB_OUTPUT")


def read(file: Path) -> dict[str, str]:
    """Read what an action has written to one of the runner's files."""
    text = file.read_bytes().decode()  # as it is: a value may hold any end of a line
    found = {match[1]: match[3].removesuffix("\n") for match in _HEREDOC.finditer(text)}
    assert _HEREDOC.sub("", text) == "", "what the runner would not read"
    return found
