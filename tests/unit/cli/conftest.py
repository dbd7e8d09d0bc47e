from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.scripted_broker import ScriptedBroker


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ScriptedBroker]:
    """A scripted broker that the environment points the command at."""
    token = tmp_path / "token"
    token.write_text("workload.token.of-alice\n")
    monkeypatch.setenv("BROKER_TOKEN_FILE", str(token))
    with ScriptedBroker() as scripted:
        monkeypatch.setenv("BROKER_URL", scripted.url)
        yield scripted
