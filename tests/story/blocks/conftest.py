"""One running `broker dev` for all pages whose blocks are typed here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.keyboard import Keyboard
from tests.fakes.playground import Up, playground


@pytest.fixture(scope="package")
def up() -> Iterator[Up]:
    """What is up."""
    with playground() as told:
        yield told


@pytest.fixture
def keys(
    up: Up,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Keyboard:
    """A keyboard before it, at which an operator sits."""
    keyboard = Keyboard(up, tmp_path, monkeypatch, capsys)
    keyboard.becomes("operator:alice")
    return keyboard
