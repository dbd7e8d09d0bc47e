"""What scan.md types, in a made-up project with a secret; no broker runs."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from broker.cli import exits
from broker.dev.configure import shipped
from tests.fakes import pretend_secrets as pretend
from tests.fakes.git_repository import GitRepository
from tests.fakes.guide import Guide
from tests.fakes.keyboard import Keyboard, typed_blocks

pytest.importorskip("kingfisher_sdk")

LOOK, FIX, VAULT, CI = typed_blocks("scan.md")
DIFF = next(line for line in Guide("scan.md").of("sh")[1].splitlines() if line[:4] == "diff")
LOGIN = pretend.drawn("blocks", 16)
NO_BROKER = dict.fromkeys(("broker", "config", "state"), "")


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """A project with a login in a file and another in its history."""
    made = GitRepository(tmp_path / "project")
    made.write("old.env", f"ORDERS_TOKEN={pretend.github_token('blocks')}\n")
    made.commit("one")
    (made.folder / "old.env").unlink()
    made.write(".env", f"DATABASE_URL=postgres://app:{LOGIN}@db.internal:5432/orders\n")
    made.commit("two")
    return made


@pytest.fixture
def keys(
    project: GitRepository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Keyboard:
    """A keyboard in the project, of somebody with a login at home."""
    keyboard = Keyboard(NO_BROKER, project.folder, monkeypatch, capsys)
    home = project.folder.parent / "home"
    home.mkdir()
    (home / ".netrc").write_text(f"machine reports.internal login bot password {LOGIN}\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("BROKER_CONFIG")
    return keyboard


def test_the_folder_its_history_the_home_and_the_environment_are_looked_at(keys: Keyboard) -> None:
    """What is found ends with 1; only with the history is the deleted one among it."""
    here, history, home = (keys.types(line) for line in LOOK)

    assert (here.code, history.code, home.code) == (exits.REFUSED, exits.REFUSED, exits.REFUSED)
    assert ".env" in here.out
    assert "old.env" not in here.out
    assert "old.env" in history.out
    assert ".netrc" in home.out
    assert LOGIN not in here.out + history.out + home.out


def test_a_fix_is_made_compared_and_checked(keys: Keyboard, project: GitRepository) -> None:
    """Beside the project; what was added is what `diff` shows, and nothing is taken away."""
    make, check = FIX
    shutil.copytree(shipped(), project.folder / "config")

    assert "../fix/ROTATE.md says what to rotate" in keys.types(make).err
    shown = subprocess.run(  # noqa: S603 - the line of our own page
        DIFF.partition("#")[0].split(),
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "shop-bot" in shown.stdout
    assert "\n< " not in shown.stdout
    assert "is good" in keys.does(check).out


def test_a_vault_that_does_not_answer_is_told_as_not_read(
    keys: Keyboard, project: GitRepository
) -> None:
    """tests/real/test_scan_vault.py has one that does."""
    token = project.folder.parent / "vault-token"
    token.write_text(pretend.drawn("vault", 24))
    instead = {
        "https://vault.example:8200": "http://127.0.0.1:9",
        "FILE": str(token),
        " --vault-ca-file ca.pem": "",
    }

    said = keys.types(VAULT[0], instead)

    assert (said.code, "not read: vault" in said.err) == (exits.PARTLY_READ, True)


def test_a_pipeline_is_told_what_its_baseline_does_not_accept(keys: Keyboard) -> None:
    """1 before it is accepted, 0 after."""
    [line] = CI
    assert keys.types(f"{line} --update-baseline").code == exits.OK
    accepted = keys.does(line)

    assert accepted.document["version"] == "2.1.0"
    assert json.loads(Path(".broker-scan.json").read_text())
