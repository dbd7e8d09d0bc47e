"""This checkout is clean under our own `broker scan`, but for what its baseline has reasons for."""

import json
from pathlib import Path
from typing import Final

import pytest

from broker.cli import exits
from broker.cli.main import main

ROOT: Final = Path(__file__).parents[2]
BASELINE: Final = ROOT / "tests" / "fixtures" / "scan-baseline.json"
REMEDY: Final = "make pretend secrets at run time (tests/fakes/pretend_secrets.py)"


def test_no_secret_lies_in_this_checkout(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that looks like one, so that a real one would be seen."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("BROKER_CONFIG", raising=False)

    code = main(["scan", "--baseline", str(BASELINE), "--json"])

    told = json.loads(capsys.readouterr().out)
    found = [f"{each['path']}:{each['line']} {each['kind']}" for each in told["findings"]]
    assert found == [], REMEDY
    assert (code, told["unread"]) == (exits.OK, 0)


def test_every_exception_has_its_reason() -> None:
    """And none is kept that is gone."""
    accepted = json.loads(BASELINE.read_text())["accepted"]

    assert all(each["reason"] for each in accepted)
    assert all((ROOT / each["path"]).is_file() for each in accepted)
