import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from broker.cli import exits
from broker.cli.main import main
from broker.dev.configure import shipped
from tests.fakes import pretend_secrets as pretend
from tests.fakes.git_repository import WHO, GitRepository

LOGIN = pretend.drawn("fix", 16)
KEY = pretend.aws_secret("fix")
TOKEN = pretend.github_token("fix")
WORD = pretend.password("fix")

Said = Callable[..., tuple[int, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """A made-up project with a secret of each sort."""
    made = GitRepository(tmp_path / "Shop Bot")
    made.write(".env", f"DATABASE_URL=postgres://app:{LOGIN}@db.internal:5432/orders\n")
    made.write(".aws/credentials", f"aws_secret_access_key = {KEY}\n")
    made.write(".mcp.json", json.dumps({"env": {"GITHUB_TOKEN": TOKEN}}))
    made.write(".netrc", f"machine reports.internal login bot password {WORD}\n")
    made.commit("one")
    monkeypatch.chdir(made.folder)
    monkeypatch.delenv("BROKER_CONFIG", raising=False)
    return made


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Run the command."""

    def run(*words: str) -> tuple[int, str]:
        code = main(list(words))
        out, err = capsys.readouterr()
        return code, out + err

    return run


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    found = [file for file in folder.rglob("*") if file.is_file() and ".git/" not in str(file)]
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


@pytest.mark.usefixtures("project")
def test_a_fix_passes_every_check_of_a_configuration(said: Said, tmp_path: Path) -> None:
    """`config check` and `policy lint` say so themselves."""
    code, _ = said("scan", "--fix", str(tmp_path / "fix"))

    config = str(tmp_path / "fix" / "config")
    assert code == exits.REFUSED
    assert said("config", "check", "--config", config)[0] == exits.OK
    assert said("policy", "lint", "--config", config)[0] == exits.OK


@pytest.mark.usefixtures("project")
def test_a_fix_declares_an_agent_with_just_what_was_found(said: Said, tmp_path: Path) -> None:
    """Its ceiling names each capability; nothing more can ever be granted to it."""
    said("scan", "--fix", str(tmp_path / "fix"))

    config = tmp_path / "fix" / "config"
    agents = yaml.safe_load((config / "agents.yaml").read_text())["agents"]
    capabilities = yaml.safe_load((config / "capabilities.yaml").read_text())["capabilities"]
    targets = yaml.safe_load((config / "targets.yaml").read_text())["targets"]
    (agent,) = [each for each in agents if each["name"] == "shop-bot"]
    assert (agent["owner"], agent["tenant"]) == (WHO, "acme")
    assert sorted(agent["ceiling"]) == [
        "aws-session aws-session:use",
        "orders-db orders-db:read",
        "reports-internal reports-internal:use",
    ]
    assert {each["name"]: each["backend"] for each in capabilities[3:]} == {
        "orders-db": "postgres",
        "aws-session": "aws_sts",
        "reports-internal": "jwt",
    }
    (database,) = [each for each in targets if each["kind"] == "postgres"]
    assert database["options"]["host"] == "db.internal"


def test_a_fix_changes_nothing_that_is_there(
    project: GitRepository, said: Said, tmp_path: Path
) -> None:
    """Neither the project nor the configuration; and no secret is in what it writes."""
    before = files(project.folder), files(shipped())

    said("scan", "--fix", str(tmp_path / "fix"))

    written = b"".join(files(tmp_path / "fix").values())
    assert (files(project.folder), files(shipped())) == before
    assert not [each for each in (LOGIN, KEY, TOKEN, WORD) if each.encode() in written]


@pytest.mark.usefixtures("project")
def test_the_rotation_list_names_each_secret_and_how_to_rotate_it(
    said: Said, tmp_path: Path
) -> None:
    """Also those for which nothing could be proposed."""
    said("scan", "--fix", str(tmp_path / "fix"))

    text = (tmp_path / "fix" / "ROTATE.md").read_text()

    assert text.partition("## ")[2].count("- [ ] ") == 4
    assert "ALTER ROLE" in text
    assert "create-access-key" in text
    assert "- [ ] .mcp.json:1, GITHUB\\_TOKEN; ask Dev One" in text


@pytest.mark.usefixtures("project")
def test_a_folder_that_is_there_is_never_written_to(said: Said, tmp_path: Path) -> None:
    """Whoever runs it twice loses nothing."""
    (tmp_path / "fix").mkdir()

    code, text = said("scan", "--fix", str(tmp_path / "fix"))

    assert code == exits.USAGE
    assert "name a folder that is not there" in text
    assert files(tmp_path / "fix") == {}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--agent", "invoice-bot"), "is declared already"),
        (("--tenant", "nobody"), "is none of acme, globex"),
        (("--agent", "No Name"), "write 1 to 48"),
    ],
    ids=["agent", "tenant", "name"],
)
def test_names_that_cannot_be_are_refused(
    words: tuple[str, ...], why: str, said: Said, tmp_path: Path
) -> None:
    """And no folder is left behind."""
    code, text = said("scan", "--fix", str(tmp_path / "fix"), *words)

    assert (code, why in text) == (exits.USAGE, True)
    assert not (tmp_path / "fix").exists()


def test_what_is_declared_replaces_what_was_found_and_the_project_comes_clean(
    project: GitRepository, said: Said, tmp_path: Path
) -> None:
    """From red to clean: fix, take it over, rotate, take the secrets out."""
    said("scan", "--fix", str(tmp_path / "fix"))
    config = str(tmp_path / "fix" / "config")

    code, text = said("scan", "--json", "--config", config)
    replaced = {
        each["kind"]: each["replaced_by"]
        for each in json.loads(text[: text.rindex("}") + 1])["findings"]
    }
    assert code == exits.REFUSED
    assert replaced == {
        "postgres": ["orders-db"],
        "aws-key": ["aws-session"],
        "http-login": ["reports-internal"],
        "github-token": [],
    }

    for name in (".env", ".aws/credentials", ".mcp.json", ".netrc"):
        (project.folder / name).unlink()
    assert said("scan", "--config", config)[0] == exits.OK
