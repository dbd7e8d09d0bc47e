import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from broker.cli import exits
from broker.cli.main import main
from broker.dev.configure import shipped


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the shipped configuration, to be spoiled."""
    folder = tmp_path / "config"
    for source in shipped().rglob("*"):
        if source.is_file():
            target = folder / source.relative_to(shipped())
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source.read_text())
    return folder


def test_a_good_configuration_is_said_to_be_good(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check of the shipped configuration passes, and says what it found."""
    assert main(["config", "check", "--config", str(config)]) == exits.OK

    assert "is good: 4 agents, 3 capabilities" in capsys.readouterr().out


def test_the_check_speaks_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pipeline reads the digest of what would be published."""
    assert main(["config", "check", "--config", str(config), "--json"]) == exits.OK

    assert len(json.loads(capsys.readouterr().out)["digest"]) == 64


def test_all_faults_of_all_files_are_told_at_once(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run shows every fault, each with its file and line, and ends with EX_CONFIG."""
    settings = yaml.safe_load((config / "broker.yaml").read_text())
    settings["drain_secnods"] = settings.pop("drain_seconds")
    (config / "broker.yaml").write_text(yaml.safe_dump(settings | {"issuer": "ftp://x"}))

    assert main(["config", "check", "--config", str(config)]) == exits.CONFIGURATION

    told = capsys.readouterr().err
    assert "did you mean `drain_seconds`?" in told
    assert "broker.yaml:" in told


def test_a_broken_settings_file_does_not_hide_the_faults_of_others(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it points to is looked at in the same run."""
    for file, good, bad in (
        ("broker.yaml", "durability: os", "durability: maybe"),
        ("issuers.yaml", "[ES256]", "[HS256]"),
        ("capabilities.yaml", "[orders:read, orders:write]", "[orders read]"),
    ):
        text = (config / file).read_text()
        assert good in text
        (config / file).write_text(text.replace(good, bad))

    assert main(["config", "check", "--config", str(config)]) == exits.CONFIGURATION

    told = capsys.readouterr().err
    assert "broker.yaml:" in told
    assert "issuers.yaml:" in told
    assert "capabilities.yaml:" in told


@pytest.mark.parametrize("command", [["serve"], ["apply"], ["keys", "init"], ["config", "check"]])
def test_a_missing_configuration_is_named(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever starts in the wrong folder is told which file was looked for."""
    missing = tmp_path / "broker.yaml"

    assert main([*command, "--config", str(missing)]) == exits.CONFIGURATION

    assert f"{missing}: cannot be read" in capsys.readouterr().err


def test_a_mistyped_obligation_is_told_with_its_line(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Taken as it stands, it would ask single use of nobody."""
    (config / "policies" / "50-once.cedar").write_text(
        '@id("once")\n@evidence("once")\npermit (principal is Agent, action, resource);\n'
    )

    assert main(["config", "check", "--config", str(config)]) == exits.CONFIGURATION

    told = " ".join(capsys.readouterr().err.split())
    assert "50-once.cedar:1" in told
    assert "@evidence is malformed" in told
    assert '@evidence("single-use")' in told


def test_a_store_that_is_not_there_is_no_configuration_fault(config: Path) -> None:
    """Without a ledger `apply` says so, once, with the code that means: try again later."""
    settings = yaml.safe_load((config / "broker.yaml").read_text())
    settings["store"]["url"] = f"unix://{config}/nowhere.sock"
    (config / "broker.yaml").write_text(yaml.safe_dump(settings))

    done = subprocess.run(  # noqa: S603 - our own command, with nobody's handlers of logs
        [sys.executable, "-m", "broker", "apply", "--config", str(config), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == exits.UNAVAILABLE
    assert json.loads(done.stderr)["error"]["code"] == "store-unavailable"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The script names the variable that makes the command complete."""
    assert main(["completion", shell]) == exits.OK

    assert "_BROKER_COMPLETE" in capsys.readouterr().out


def test_a_token_without_a_running_dev_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody reads a traceback because `broker dev` has ended meanwhile."""
    code = main(["dev", "token", "--as", "agent:invoice-bot", "--state", str(tmp_path)])

    assert code == exits.UNAVAILABLE
    assert "No `broker dev` runs on" in capsys.readouterr().err


@pytest.mark.parametrize("who", ["invoice-bot", "robot:x", "agent:", ":x"])
def test_an_unknown_kind_names_the_known_ones(
    who: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error in --as shows how it is written."""
    code = main(["dev", "token", "--as", who, "--state", str(tmp_path)])

    assert code == exits.USAGE
    assert "agent, orchestrator, operator, resource" in capsys.readouterr().err


def test_the_check_warns_where_nothing_tells_two_copies_apart(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is allowed, and told with its place: on standard error and in the JSON."""
    document = yaml.safe_load((config / "issuers.yaml").read_text())
    document["issuers"][0]["map"]["instance"] = {"claim": "sub"}
    (config / "issuers.yaml").write_text(yaml.safe_dump(document))

    assert main(["config", "check", "--config", str(config), "--json"]) == exits.OK

    told = capsys.readouterr()
    (warning,) = json.loads(told.out)["warnings"]
    assert "issuers[0].map.instance: nothing tells two copies apart" in warning
    assert f"warning: {warning}" in told.err


def test_the_check_warns_of_people_of_all_tenants(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the stanza does not say whose people its bearers are; the shipped one does."""
    document = yaml.safe_load((config / "issuers.yaml").read_text())
    del document["issuers"][0]["map"]["tenant"]
    document["issuers"][0]["claims"]["optional"].remove("tenant")
    (config / "issuers.yaml").write_text(yaml.safe_dump(document))

    assert main(["config", "check", "--config", str(config), "--json"]) == exits.OK

    told = capsys.readouterr()
    (warning,) = json.loads(told.out)["warnings"]
    assert "issuers[0].map.tenant: is missing: the issuer vouches for people in every" in warning


@pytest.mark.parametrize(
    "arguments",
    [[], ["--pod", "a/b/c", "--job", "a/b/c"], ["--pod", "a/b"], ["--job", "a//c"]],
)
def test_a_token_is_for_exactly_one_bearer(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose it shall be is said once, and in its form."""
    code = main(["dev", "token", "--state", str(tmp_path), *arguments])

    assert code == exits.USAGE
    assert capsys.readouterr().err
