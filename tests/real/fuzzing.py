"""Sending a broker what a fuzzer makes of its contract, as one caller."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.chaos.world import Caller, Slot

ROOT: Final = Path(__file__).parents[2]
CHECKS: Final = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)
ENDLESS: Final = "/v1/feed"
"""Never stops answering; tests/http/test_feed_routes.py has it."""

WITHIN_S: Final = 180
STARVED: Final = 503
TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the exit code, the fuzzer's words, and the statuses of each operation."""

    code: int
    told: str
    answers: Mapping[str, Mapping[str, int]]

    @property
    def was_starved(self) -> bool:
        """Whether the broker said at any time that it gives no access now."""
        return any(str(STARVED) in found for found in self.answers.values())


@dataclass(slots=True)
class Fuzzer:
    """Runs one after the other, with the same requests each time, against one broker."""

    packages: Path
    folder: Path
    broker: Slot
    examples: int = 2
    only: tuple[str, ...] = field(default=())
    """Operation ids; all when empty."""

    async def run(self, caller: Caller, contract: Mapping[str, Any]) -> Outcome:
        """Ask as a caller whatever a contract allows or forbids.

        A machine under load may leave the broker without a fresh view of its ledger or clock for a
        moment: it then answers 503, as declared. What is to be judged is a run without that.
        """
        for _ in range(TRIES - 1):
            outcome = await self._run(caller, contract)
            if not outcome.was_starved:
                return outcome
            await self.broker.ready()
        return await self._run(caller, contract)

    async def _run(self, caller: Caller, contract: Mapping[str, Any]) -> Outcome:
        file, answers = self.folder / "contract.json", self.folder / "answers.json"
        file.write_text(json.dumps(contract), encoding="utf-8")
        chosen = [each for name in self.only for each in ("--include-operation-id", name)]
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.real.fuzz", str(answers), "run", str(file)),
            *("--url", self.broker.url, "--exclude-path", ENDLESS, *chosen),
            *("--header", f"Authorization: Bearer {await caller.token()}"),
            *("--checks", CHECKS, "--phases", "examples,fuzzing", "--mode", "all"),
            *("--max-examples", str(self.examples), "--seed", "1", "--generation-deterministic"),
            *("--continue-on-failure", "--no-shrink"),
            *("--request-timeout", "60", "--suppress-health-check", "all", "--no-color"),
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(self.packages)])},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(WITHIN_S):
                told, _ = await child.communicate()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        found = json.loads(answers.read_text(encoding="utf-8"))
        return Outcome(child.returncode or 0, told.decode(errors="replace"), found)
