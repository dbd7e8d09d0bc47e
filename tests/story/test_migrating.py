"""The page about moving here: what runs on one machine is run, the rest is checked."""

import json
import re
from pathlib import Path
from typing import Any, Final

import click
import pytest
import yaml

from broker.cli.main import main
from broker.dev.configure import shipped
from tests.fakes import pretend_secrets as pretend
from tests.fakes.git_repository import GitRepository
from tests.fakes.guide import DOCS, Guide
from tests.fakes.page_commands import on_page, require_parsed
from tests.fakes.page_run import script_of
from tests.fakes.playground import run_script

PAGE: Final = Guide("migrating.md")
TEXT: Final = (DOCS / "migrating.md").read_text()
ENV: Final = f"DATABASE_URL=postgres://app:{pretend.drawn('moving', 16)}@db.internal/orders\n"
NO_BROKER: Final = dict.fromkeys(("broker", "config", "state", "resource"), "")
KINDS: Final = {"vault": "vault", "aws": "aws_sts"}


@pytest.mark.parametrize("line", on_page(TEXT))
def test_every_command_of_the_page_exists_with_its_options(line: str) -> None:
    """Down to each option's name, and whether it takes a value."""
    require_parsed(line)


def test_a_command_that_is_not_there_would_be_seen() -> None:
    """The check itself can fail: on an option, and on a command."""
    with pytest.raises(click.NoSuchOption):
        require_parsed("broker scan --mend")
    with pytest.raises(AssertionError):
        require_parsed("broker keys burn")
    assert len(on_page(TEXT)) >= 12


def stanzas(kind: str) -> tuple[Any, Any]:
    """The page's target of a kind, and its capabilities."""
    files = [yaml.safe_load(text) for text in PAGE.of("yaml")]
    (target,) = (t for f in files for t in f.get("targets", ()) if t["kind"] == kind)
    mine = [c for f in files for c in f.get("capabilities", ()) if c["backend"] == kind]
    return target, mine


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with keys in it, and the stanzas of the page written down beside it."""
    made = GitRepository(tmp_path / "shop")
    made.write(".env", ENV)
    made.write(".aws/credentials", f"aws_secret_access_key = {pretend.aws_secret('moving')}\n")
    made.commit("one")
    for folder, kind in KINDS.items():
        write(made.folder / folder, kind)
    return made.folder


def write(folder: Path, kind: str) -> None:
    """Write the shipped configuration down, with the stanzas of the page for one kind of target."""
    for source in shipped().rglob("*"):
        if source.is_file():
            copy = folder / source.relative_to(shipped())
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(source.read_text())
    target, mine = stanzas(kind)
    settings = (folder / "broker.yaml").read_text()
    settings = re.sub(
        r"^issuer: .*$", "issuer: https://broker.example", settings, flags=re.MULTILINE
    )
    (folder / "broker.yaml").write_text(f"{settings}\ntargets: targets.yaml\n")
    (folder / "targets.yaml").write_text(yaml.safe_dump({"targets": [target]}))
    file = folder / "capabilities.yaml"
    document = yaml.safe_load(file.read_text())
    document["capabilities"] += mine
    file.write_text(yaml.safe_dump(document, sort_keys=False))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_runs_on_one_machine_does_what_the_page_says(project: Path) -> None:
    """Keys are found and replaced; the stanzas pass; the account's plan is the page's trust."""
    done = run_script(script_of(PAGE.of("sh")), NO_BROKER, project)

    told = "\n".join(file.read_text() for file in sorted(project.glob("printed-*")))
    assert done.returncode == 0, (done.stderr, told)
    assert told.count("is good") == 3
    assert (project / ".env").read_text() == ENV
    assert "shop-bot" in (project.parent / "fix/config/agents.yaml").read_text()
    assert (project.parent / "fix/ROTATE.md").exists()
    (report,) = json.loads((project / "plan.json").read_text())["targets"]
    (role,) = (each for each in report["plan"]["roles"] if each["arn"].endswith("role/orders"))
    (shown,) = PAGE.of("json")
    (statement,) = role["trust_policy"]["Statement"]
    assert {k: v for k, v in statement.items() if k != "Sid"} == json.loads(shown)


def test_a_stanza_with_a_fault_would_be_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's stanza with one word changed is refused, with its place."""
    write(tmp_path, "vault")
    file = tmp_path / "targets.yaml"
    file.write_text(file.read_text().replace("death: never", "death: lease"))

    assert main(["config", "check", "--config", str(tmp_path)]) == 78
    assert "does not die so" in " ".join(capsys.readouterr().err.split())


def test_the_token_role_of_the_page_may_make_what_its_capabilities_ask_for() -> None:
    """Each policy that a capability names is among the role's allowed ones, and no other."""
    (allowed,) = re.findall(r"allowed_policies=(\S+)", TEXT)
    _, capabilities = stanzas("vault")

    asked = {
        policy
        for each in capabilities
        for secret in each["template"]["scopes"].values()
        for policy in secret["policies"]
    }
    assert asked == set(allowed.split(","))
