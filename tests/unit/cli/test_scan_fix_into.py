"""`broker scan --fix-into` adds what is missing to the operator's own files, and loses nothing."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from broker.cli import exits
from broker.cli.main import main
from broker.dev.configure import shipped
from broker.errors import ConfigurationError
from broker.scanning.changing import Change
from broker.scanning.exchanging import exchange
from broker.scanning.fixing import write_into
from broker.scanning.proposing import Held, propose
from tests.fakes import pretend_secrets as pretend

WORD: Final = pretend.password("into")
MORE: Final = pretend.password("more")
KEY: Final = "AK" + "IA" + "SP2TPHJSQH3FJRXW"
"""What looks like an id of account 171436882533."""
SECRET: Final = pretend.aws_secret("into")

Said = Callable[..., tuple[int, str]]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An operator's configuration; the command is run in a project beside it."""
    shutil.copytree(shipped(), tmp_path / "config")
    project = tmp_path / "shop-bot"
    project.mkdir()
    (project / ".env").write_text(
        f"PGHOST=db.internal\nPGPORT=5433\nPGUSER=app\nPGDATABASE=orders\nPGPASSWORD={WORD}\n"
        f"AWS_ACCESS_KEY_ID={KEY}\nAWS_SECRET_ACCESS_KEY={SECRET}\nAWS_REGION=eu-central-1\n"
        f"S3_BUCKET=reports-acme\nCACHE=redis://:{MORE}@cache.internal:6379/0\n"
    )
    monkeypatch.chdir(project)
    monkeypatch.delenv("BROKER_CONFIG", raising=False)
    return tmp_path / "config"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Run the command; no secret is in what it prints."""

    def run(*words: str) -> tuple[int, str]:
        code = main(list(words))
        out, err = capsys.readouterr()
        assert not [each for each in (WORD, MORE, SECRET, KEY) if each in out + err]
        return code, out + err

    return run


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    found = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


def records(config: Path, name: str) -> dict[str, dict[str, Any]]:
    """Return the records of a file by their names."""
    listed = yaml.safe_load((config / f"{name}.yaml").read_text())[name]
    return {each["name"]: each for each in listed}


def test_what_is_missing_is_added_and_every_line_stays(config: Path, said: Said) -> None:
    """Comments, order and layout too; `config check` and `policy lint` pass as they are."""
    before = files(config)

    code, text = said("scan", "--fix-into", str(config))

    after = files(config)
    assert code == exits.REFUSED
    for name, content in before.items():
        left = iter(after[name].split(b"\n"))
        assert all(line in left for line in content.rstrip(b"\n").split(b"\n")), name
    assert after.keys() - before.keys() == {
        *("targets.yaml", "ROTATE-shop-bot.md", "policies/80-shop-bot.cedar"),
    }
    assert not [
        each for each in (WORD, MORE, SECRET, KEY) if each.encode() in b"".join(after.values())
    ]
    assert "added to:" in text
    assert said("config", "check", "--config", str(config))[0] == exits.OK
    assert said("policy", "lint", "--config", str(config))[0] == exits.OK


def test_what_a_finding_says_needs_no_edit(config: Path, said: Said) -> None:
    """Host, port and database of a bare password; region, account and bucket of a key."""
    said("scan", "--fix-into", str(config))

    targets, capabilities = records(config, "targets"), records(config, "capabilities")
    assert targets["orders-db"]["options"] | {"password_file": ""} == {
        "host": "db.internal",
        "port": 5433,
        "database": "orders",
        "admin": "broker",
        "password_file": "",
    }
    assert targets["aws-171436882533"]["options"]["account"] == "171436882533"
    assert targets["aws-171436882533"]["options"]["region"] == "eu-central-1"
    session = capabilities["aws-reports-acme"]["template"]
    assert session["role_arn"] == "arn:aws:iam::171436882533:role/jit-shop-bot"
    assert "reports-acme" in session["scopes"]["aws-reports-acme:use"][0]["Resource"]
    assert capabilities["redis-cache"]["backend"] == "vault"


def test_what_is_left_is_told_by_file_and_line(config: Path, said: Said) -> None:
    """Each line that is named holds what it is said to hold; nothing that is left is not named."""
    _, text = said("scan", "--fix-into", str(config))

    told = re.findall(r"^left to do: (.+?):(\d+): ([\w.:-]+): ", text, re.MULTILINE)
    lines = {(file, int(line)): key.rsplit(".", 1)[-1] for file, line, key in told}
    for (file, line), key in lines.items():
        written = Path(file).read_text().split("\n")[line - 1]
        assert (f"{key}:" in written) or key.isdigit(), written
    changes = {
        (str(file), number)
        for file in config.glob("*.yaml")
        for number, line in enumerate(file.read_text().split("\n"), 1)
        if "CHANGE-ME" in line
    }
    assert changes <= lines.keys()
    assert len(changes) == 2


def test_a_vault_that_is_declared_is_used(config: Path, said: Said) -> None:
    """And its mount, however it is called."""
    (config / "targets.yaml").write_text(
        "targets:\n  - name: main-vault\n    kind: vault\n    options:\n"
        "      address: https://vault.internal:8200\n      token_role: jit\n"
        "      login: {method: jwt, role: jit-broker}   # ours\n"
        "      mounts:\n        - {mount: team/db, engine: database, death: lease}\n"
    )
    settings = config / "broker.yaml"
    settings.write_text(f"{settings.read_text()}targets: targets.yaml\n")

    said("scan", "--fix-into", str(config))

    (secret,) = records(config, "capabilities")["redis-cache"]["template"]["scopes"].values()
    assert (secret["mount"], secret["path"]) == ("team/db", "creds/redis-cache")
    assert list(records(config, "targets")) == ["main-vault", "orders-db", "aws-171436882533"]
    assert "# ours" in (config / "targets.yaml").read_text()


@pytest.mark.parametrize(
    "form",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.rstrip("\n"),
        lambda text: f"\ufeff{text}",
        lambda text: f"{text}\n\n# the end\n",
    ],
    ids=["windows", "no-last-line-break", "mark", "comment-at-the-end"],
)
def test_files_keep_their_form(form: Callable[[str], str], config: Path, said: Said) -> None:
    """Line ends, marks, and what comes last; the whole is still good."""
    for name in ("agents.yaml", "capabilities.yaml", "broker.yaml"):
        file = config / name
        file.write_bytes(form(file.read_text()).encode())
    before = (config / "agents.yaml").read_bytes()

    code, text = said("scan", "--fix-into", str(config))

    after = (config / "agents.yaml").read_bytes()
    assert code == exits.REFUSED, text
    assert (after.count(b"\r\n") == after.count(b"\n")) == (before.count(b"\r\n") > 0)
    assert after.startswith(before[:40])
    assert after.rstrip().endswith(before.rstrip()[-8:])
    assert said("config", "check", "--config", str(config))[0] == exits.OK


def test_modes_and_links_stay(config: Path, said: Said, tmp_path: Path) -> None:
    """A link leads where it led, to a file that has what is new."""
    real = tmp_path / "real.yaml"
    (config / "agents.yaml").rename(real)
    real.chmod(0o640)
    (config / "agents.yaml").symlink_to(real)

    said("scan", "--fix-into", str(config))

    assert (config / "agents.yaml").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "shop-bot" in real.read_text()


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("agents.yaml", "tenants: [{name: acme}]\nagents: [{name: x}]\n", "agents.yaml"),
        ("capabilities.yaml", "capabilities: nothing\n", "capabilities.yaml"),
        ("capabilities.yaml", "capabilities:\n  - name: x\n   y: [\n", "capabilities.yaml"),
    ],
    ids=["in-one-line", "no-list", "no-yaml"],
)
def test_what_cannot_be_added_to_is_left_as_it_is(
    file: str, text: str, why: str, config: Path, said: Said
) -> None:
    """The file is named; nothing is written anywhere."""
    (config / file).write_text(text)
    before = files(config)

    code, told = said("scan", "--fix-into", str(config))

    assert (code, why in told) == (exits.CONFIGURATION, True)
    assert files(config) == before


def test_twice_adds_nothing_the_second_time(config: Path, said: Said) -> None:
    """The agent is there; what was declared is found to stand in."""
    said("scan", "--fix-into", str(config))
    before = files(config)

    code, text = said("scan", "--fix-into", str(config))

    assert (code, "is declared already" in text) == (exits.USAGE, True)
    assert files(config) == before


def test_a_file_that_changes_meanwhile_is_not_overwritten(config: Path) -> None:
    """What somebody else saved in this second is his; nothing else is written either."""
    proposal = propose([], agent="x", tenant="acme", owner="me", held=Held())
    seen: list[Path] = []

    def check(_: Path) -> None:
        seen.append(config)
        if len(seen) == 2:
            (config / "agents.yaml").write_bytes(b"# somebody else\n")

    before = files(config) | {"agents.yaml": b"# somebody else\n"}
    with pytest.raises(ConfigurationError, match="has changed meanwhile"):
        write_into(config / "broker.yaml", proposal, [], check)

    assert files(config) == before


def test_when_one_cannot_be_written_the_others_are_as_they_were(tmp_path: Path) -> None:
    """A full disk in the middle leaves no half of a configuration."""
    (tmp_path / "one").write_bytes(b"1")
    changes = [
        Change(tmp_path / "one", b"1", b"2"),
        Change(tmp_path / "new", None, b"3"),
        Change(tmp_path / "gone" / "two", None, b"4"),
    ]

    with pytest.raises(ConfigurationError, match="nothing was written"):
        exchange(changes)

    assert files(tmp_path) == {"one": b"1"}


def test_two_databases_of_one_name_get_a_capability_each(config: Path, said: Said) -> None:
    """At hosts that begin alike; neither takes the other's place."""
    Path(".env").write_text(
        f"A=postgres://app:{WORD}@db.one.internal/orders\n"
        f"B=postgres://app:{MORE}@db.two.internal/orders\n"
        f"C=postgres://app:{MORE}@db.two.internal/orders\n"
    )

    said("scan", "--fix-into", str(config))

    targets = records(config, "targets")
    assert {name: each["options"]["host"] for name, each in targets.items()} == {
        "orders-db": "db.one.internal",
        "orders-db-2": "db.two.internal",
    }
    assert records(config, "capabilities")["orders-db-2"]["scopes"] == ["orders-db-2:read"]
    assert said("config", "check", "--config", str(config))[0] == exits.OK


def test_a_clean_project_changes_nothing(config: Path, said: Said) -> None:
    """There is nothing to stand in for."""
    Path(".env").unlink()
    before = files(config)

    assert said("scan", "--fix-into", str(config))[0] == exits.OK
    assert files(config) == before
