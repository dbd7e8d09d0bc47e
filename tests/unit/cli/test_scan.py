import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest

from broker.cli import exits
from broker.cli.main import main
from broker.scanning import engine
from broker.scanning.match import Match
from tests.fakes import pretend_secrets as pretend
from tests.fakes.git_repository import GitRepository

SCHEMA: Final = Path(__file__).parents[2] / "fixtures" / "sarif-schema-2.1.0.json"

TOKEN: Final = pretend.github_token("command")
LOGIN: Final = pretend.drawn("command", 16)
PASSWORD: Final = pretend.password("command")
SECRETS: Final = (TOKEN, LOGIN, PASSWORD)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up project with three secrets, in which the command is run."""
    folder = tmp_path / "project"
    folder.mkdir()
    servers = {
        "orders": {"args": [f"postgres://app:{LOGIN}@db.internal:5432/orders"]},
        "github": {"env": {"GITHUB_TOKEN": TOKEN, "LEVEL": "${LEVEL}"}},
    }
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": servers}, indent=1))
    (folder / ".env").write_text(f"LOG_LEVEL=debug\nADMIN_PASSWORD={PASSWORD}\n")
    (folder / "main.py").write_text('password = os.environ["ADMIN_PASSWORD"]\n')
    monkeypatch.chdir(folder)
    monkeypatch.delenv("BROKER_CONFIG", raising=False)
    return folder


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run the command; hold that no secret is in anything that it prints."""

    def run(*words: str) -> tuple[int, str]:
        code = main(["scan", *words])
        out, err = capsys.readouterr()
        assert not [secret for secret in SECRETS if secret in out + err or secret[:9] in out + err]
        return code, out + err

    return run


Told = Callable[..., tuple[int, str]]


def document(told: Told, *words: str) -> tuple[int, dict[str, Any]]:
    """Run the command for a program."""
    code, text = told("--json", *words)
    return code, json.loads(text[text.index("{") : text.rindex("}") + 1])


def test_findings_are_told_with_place_kind_and_owner_and_end_with_1(
    project: Path, told: Told
) -> None:
    """The table has a line for each, and no secret."""
    code, text = told()

    assert code == exits.REFUSED
    assert f"{project.name}" not in text
    assert ".env:2" in text
    assert "ghp_…" in text
    assert "postgres://db.internal/orders" in text
    assert "3 findings, 3 files read." in text


def test_a_clean_folder_ends_with_0(tmp_path: Path, told: Told) -> None:
    """What nobody could object to is said in a word."""
    (tmp_path / "README.md").write_text("Set `API_TOKEN` to your token.\n")

    code, text = told(str(tmp_path))

    assert (code, text.splitlines()[0]) == (exits.OK, "No secrets.")


def test_the_answer_for_programs_has_all_that_is_known(project: Path, told: Told) -> None:
    """Place, kind, age, owner, what helps; nothing of the secret."""
    code, found = document(told)

    assert code == exits.REFUSED
    by_kind = {each["kind"]: each for each in found["findings"]}
    assert set(by_kind) == {"postgres", "github-token", "password"}
    assert by_kind["postgres"]["beside"] == {
        "scheme": "postgres",
        "host": "db.internal",
        "port": "5432",
        "database": "orders",
        "user": "app",
    }
    assert by_kind["github-token"]["preview"] == "ghp_…"
    assert by_kind["password"]["name"] == "ADMIN_PASSWORD"
    assert by_kind["password"]["age_days"] == 0
    assert all(each["rotate"] and each["owner"] for each in found["findings"])
    assert found["read"] == {
        "files": 3,
        "bytes": sum(file.stat().st_size for file in project.iterdir()),
    }


def test_sarif_is_valid_by_its_published_schema(project: Path, told: Told) -> None:
    """Errata 01 of SARIF 2.1.0, as OASIS publishes it; with names that are no URI by themselves."""
    hostile = project / os.fsdecode(b'we ird\xff#?"\n.env')
    hostile.write_text(f"ADMIN_PASSWORD={PASSWORD}\n")

    code, text = told("--sarif")

    assert code == exits.REFUSED
    log = json.loads(text)
    jsonschema.Draft4Validator(
        json.loads(SCHEMA.read_text()), format_checker=jsonschema.FormatChecker()
    ).validate(log)
    (run,) = log["runs"]
    places = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in run["results"]
    }
    assert places == {".env", ".mcp.json", "we%20ird%FF%23%3F%22%0A.env"}
    assert {run["tool"]["driver"]["rules"][r["ruleIndex"]]["id"] for r in run["results"]} == {
        r["ruleId"] for r in run["results"]
    }


def test_sarif_of_a_partial_scan_says_so(project: Path, told: Told) -> None:
    """Whoever reads only the file must not take it for a whole one."""
    (project / ".git").mkdir()

    code, text = told("--sarif")

    assert code == exits.REFUSED
    log = json.loads(text[: text.rindex("}") + 1])
    jsonschema.Draft4Validator(json.loads(SCHEMA.read_text())).validate(log)
    (invocation,) = log["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "not read: ./.git" in text


def test_nothing_found_in_what_could_be_read_ends_with_6(tmp_path: Path, told: Told) -> None:
    """A part that nobody has seen is not clean."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "a.txt").write_text("nothing\n")

    code, text = told(str(tmp_path))

    assert code == exits.PARTLY_READ
    assert "not read: ./.git" in text


def test_names_move_no_cursor(project: Path, told: Told) -> None:
    """A file may be called anything; the terminal shows what is in its name."""
    (project / "x\x1b[2J\n.env").write_text(f"ADMIN_PASSWORD={PASSWORD}\n")

    _, text = told()

    assert "\x1b" not in text
    assert "x\\u001b[2J\\u000a.env:1" in text


def test_what_a_baseline_accepts_is_not_told_again(project: Path, told: Told) -> None:
    """And something new is."""
    assert told("--baseline", "baseline.json", "--update-baseline")[0] == exits.OK
    code, text = told("--baseline", "baseline.json")
    assert (code, "3 accepted by the baseline" in text) == (exits.OK, True)

    (project / "new.env").write_text(f"ADMIN_PASSWORD={PASSWORD}\n")

    code, found = document(told, "--baseline", "baseline.json")
    assert code == exits.REFUSED
    assert [each["path"] for each in found["findings"]] == ["new.env"]
    assert found["accepted"] == 3


def test_a_baseline_holds_no_secret_and_follows_a_line_that_moves(
    project: Path, told: Told
) -> None:
    """Fingerprints are keyed by a salt of the file's own; the line is no part of them."""
    told("--baseline", "baseline.json", "--update-baseline")
    text = (project / "baseline.json").read_text()
    assert not [secret for secret in SECRETS if secret in text]

    file = project / ".env"
    file.write_text(f"# one more line\n{file.read_text()}")

    assert told("--baseline", "baseline.json")[0] == exits.OK


def test_two_baselines_of_the_same_have_nothing_in_common(project: Path, told: Told) -> None:
    """Else one could be looked up by another."""
    fingerprints: list[set[str]] = []
    for name in ("one.json", "two.json"):
        told("--baseline", name, "--update-baseline", "--exclude", "*.json")
        accepted = json.loads((project / name).read_text())["accepted"]
        fingerprints.append({each["fingerprint"] for each in accepted})

    assert fingerprints[0]
    assert not fingerprints[0] & fingerprints[1]


def test_updating_keeps_the_reasons_and_drops_what_is_gone(project: Path, told: Told) -> None:
    """What somebody wrote beside a finding stays with it."""
    told("--baseline", "baseline.json", "--update-baseline")
    file = project / "baseline.json"
    written = json.loads(file.read_text())
    for each in written["accepted"]:
        each["reason"] = f"because of {each['kind']}"
    file.write_text(json.dumps(written))
    (project / ".env").unlink()

    told("--baseline", "baseline.json", "--update-baseline")

    assert {each["reason"] for each in json.loads(file.read_text())["accepted"]} == {
        "because of postgres",
        "because of github-token",
    }


def test_updating_after_a_partial_scan_drops_nothing(project: Path, told: Told) -> None:
    """What was accepted may stand in what could not be read."""
    told("--baseline", "baseline.json", "--update-baseline")
    (project / ".env").unlink()
    (project / ".git").mkdir()

    told("--baseline", "baseline.json", "--update-baseline")

    assert len(json.loads((project / "baseline.json").read_text())["accepted"]) == 3


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1}', '{"version":1,"salt":"00"}'])
def test_a_broken_baseline_accepts_nothing(text: str, project: Path, told: Told) -> None:
    """It is an error of the configuration, not an empty one."""
    (project / "baseline.json").write_text(text)

    code, said = told("--baseline", "baseline.json")

    assert code == exits.CONFIGURATION
    assert "baseline.json" in said


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "words",
    [("--update-baseline",), ("--sarif", "--json"), ("nowhere",)],
    ids=["no-file", "two-forms", "no-path"],
)
def test_a_wrong_command_line_ends_with_2(words: tuple[str, ...], told: Told) -> None:
    """Before anything is looked through."""
    assert told(*words)[0] == exits.USAGE


@pytest.mark.usefixtures("project")
def test_of_the_environment_names_and_kinds_are_told(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a character of a value, not even its public prefix."""
    monkeypatch.setenv("SOME_GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("DATABASE", f"postgres://app:{LOGIN}@db.internal/orders")

    code, found = document(told, "--environment")

    ours = {each["name"]: each for each in found["findings"]}
    assert code == exits.REFUSED
    assert ours["SOME_GITHUB_TOKEN"]["kind"] == "github-token"
    assert ours["DATABASE"]["kind"] == "postgres"
    assert {each["preview"] for each in ours.values()} == {""}
    assert {each["path"] for each in ours.values()} == {"environment"}


def test_ones_own_configurations_and_histories_are_read_at_home(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agents of the desktop, shells, clouds; nothing else of the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, text in {
        ".config/Claude/claude_desktop_config.json": f'{{"env": {{"GITHUB_TOKEN": "{TOKEN}"}}}}',
        ".cursor/mcp.json": f'{{"env": {{"DB_PASSWORD": "{PASSWORD}"}}}}',
        ".bash_history": f"psql postgres://app:{LOGIN}@db.internal/orders\n",
        "Documents/notes.env": f"ADMIN_PASSWORD={PASSWORD}\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    _, found = document(told, "--home")

    assert {each["path"]: each["surface"] for each in found["findings"]} == {
        "~/.config/Claude/claude_desktop_config.json": "agent",
        "~/.cursor/mcp.json": "agent",
        "~/.bash_history": "history",
    }


def test_history_is_read_when_it_is_asked_for(project: Path, told: Told) -> None:
    """What was removed is told with its commit."""
    made = GitRepository(project)
    brought = made.commit("one")
    (project / ".env").unlink()
    made.commit("two")

    _, now = document(told)
    _, ever = document(told, "--history")

    assert [each["kind"] for each in now["findings"]] == ["postgres", "github-token"]
    (removed,) = [each for each in ever["findings"] if each["commit"]]
    assert (removed["path"], removed["commit"]) == (".env", brought)


@pytest.mark.usefixtures("project")
def test_without_the_library_it_says_how_to_install_it(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra: a broker does not need it."""
    engine.open_engine.cache_clear()
    monkeypatch.setitem(sys.modules, "kingfisher_sdk", None)

    code, text = told()

    assert code == exits.CONFIGURATION
    assert "pip install 'jit-broker[scan]'" in text


def test_a_faulty_configuration_is_said_and_not_passed_over(project: Path, told: Told) -> None:
    """Else nothing would seem to be replaceable."""
    (project / "broker.yaml").write_text("issuer: ftp://x\n")

    code, text = told("--config", "broker.yaml")

    assert code == exits.CONFIGURATION
    assert "broker.yaml:1" in text


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--vault", "https://vault.internal:8200"), exits.USAGE),
        (("--vault", "http://vault.internal:8200"), exits.CONFIGURATION),
    ],
    ids=["no-token", "in-the-clear"],
)
def test_a_vault_is_asked_with_a_token_and_over_tls_or_not_at_all(
    words: tuple[str, ...], code: int, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token never travels in the clear."""
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    if code == exits.CONFIGURATION:
        monkeypatch.setenv("VAULT_TOKEN", "of-nobody")

    assert told(*words)[0] == code


def test_a_vault_that_does_not_answer_makes_the_scan_partial(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing found there is not nothing there."""
    monkeypatch.setenv("VAULT_TOKEN", "of-nobody")

    code, text = told(str(tmp_path), "--vault", "http://127.0.0.1:1")

    assert code == exits.PARTLY_READ
    assert "not read: vault: Vault does not answer" in text


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, exits.INTERRUPTED), (signal.SIGTERM, exits.TERMINATED)],
    ids=["ctrl-c", "sigterm"],
)
def test_interrupted_it_tells_what_was_found_so_far(
    number: signal.Signals, code: int, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that it is not all; no baseline is written from half of it, nor a fix."""
    look = engine.KingfisherEngine.matches

    def interrupted(self: engine.KingfisherEngine, text: bytes, path: str) -> list[Match]:
        if path == "main.py":
            signal.raise_signal(number)
        return look(self, text, path)

    monkeypatch.setattr(engine.KingfisherEngine, "matches", interrupted)

    ended, text = told("--baseline", "../b.json", "--update-baseline", "--fix", "../fix")

    assert ended == code
    assert ".env:2" in text
    assert ".mcp.json" in text
    assert "not read: the rest: was not looked at: it was interrupted" in text
    assert [path.name for path in Path("..").iterdir()] == ["project"]
