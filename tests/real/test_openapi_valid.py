"""The contract is an OpenAPI 3.1 document by the rules of the specification itself."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.http.contract.document import document
from broker.http.limits import Limits

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


async def verdict(module: Path, file: Path) -> tuple[int, str]:
    """Let the validator judge a document; return its exit code and its words."""
    found = {**os.environ, "PYTHONPATH": str(module.parents[1])}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module.parent.name, "--schema", "3.1", str(file)),
        env=found,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await child.communicate()
    return child.returncode or 0, told.decode()


async def test_the_contract_is_valid(part: Callable[[str], Path], tmp_path: Path) -> None:
    """And the validator would have said so if it were not."""
    module = part("openapi-spec-validator")
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    shown = json.loads(json.dumps(document(Limits())))
    good.write_text(json.dumps(shown))
    del shown["paths"]["/v1/tasks"]["get"]["responses"]["200"]["description"]
    bad.write_text(json.dumps(shown))

    assert await verdict(module, good) == (0, f"{good}: OK\n")
    assert (await verdict(module, bad))[0] != 0
