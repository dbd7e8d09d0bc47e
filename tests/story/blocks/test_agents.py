"""What agents.md types in a shell, against `broker dev`."""

import json
import shutil
from pathlib import Path

import pytest

from tests.fakes.guide import Guide
from tests.fakes.page_run import NEEDS_CURL
from tests.fakes.playground import Up, run_script

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NEEDS_JQ = pytest.mark.skipif(shutil.which("jq") is None, reason="the page uses jq")

[BY_HAND] = Guide("agents.md").of("sh")


@NEEDS_CURL
@NEEDS_JQ
def test_an_agent_works_by_hand(up: Up, tmp_path: Path) -> None:
    """A task is opened, a token is had by curl, and the task is done."""
    done = run_script(f"set -euo pipefail\n{BY_HAND}", up, tmp_path)

    assert done.returncode == 0, done
    issued, _ = json.JSONDecoder().raw_decode(done.stdout[done.stdout.index("{") :])
    assert (issued["token_type"], issued["scope"]) == ("Bearer", "orders:read")
    assert f"{issued['id']}  " in done.stdout[done.stdout.index("\n", done.stdout.index("}")) :]
