import json
from pathlib import Path
from typing import Any

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes.bundles import BundleFolder


@pytest.fixture
def bundle(tmp_path: Path) -> BundleFolder:
    """The shipped bundle, with nothing of the settings but where it lies."""
    folder = BundleFolder(tmp_path)
    lines = [f"  {name}: {name}.yaml" for name in ("agents", "capabilities", "resource_servers")]
    places = "\n".join([*lines, "  schema: schema.cedarschema", "  policies: policies"])
    folder.write("broker.yaml", f"bundle:\n{places}\n")
    return folder


def told(
    bundle: BundleFolder, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, dict[str, Any]]:
    """Run the command for a program."""
    code = main(["policy", "test", "--config", str(bundle.folder), "--json", *arguments])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, document


def test_the_shipped_policies_pass_their_cases(
    bundle: BundleFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """No ledger, no keys and no issuers are needed."""
    code, document = told(bundle, capsys)

    assert code == exits.OK
    assert document["failed"] == 0
    assert document["passed"] == len(document["cases"]) > 10
    assert "coverage" not in document


def test_a_case_that_fails_ends_with_one_and_says_where_and_why(
    bundle: BundleFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people on a line that an editor can jump to."""
    bundle.edit("policies/tests.yaml", "expect: allow", "expect: deny")

    assert main(["policy", "test", "--config", str(bundle.folder)]) == exits.REFUSED

    out = capsys.readouterr().out
    assert "tests.yaml:6: an orchestrator opens a task in its tenant: expected deny" in out
    assert "1 failed" in out


def test_coverage_names_what_no_case_tried(
    bundle: BundleFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Policies that determined nothing, and of each case what it made true and false."""
    bundle.write(
        "policies/50.cedar", '@id("idle") permit (principal is Operator, action, resource);'
    )
    bundle.edit(
        "schema.cedarschema",
        "principal: [Orchestrator, Agent, Person],",
        "principal: [Orchestrator, Agent, Person, Operator],",
    )

    code, document = told(bundle, capsys, "--coverage")

    assert code == exits.OK
    assert "idle" in document["coverage"]["never_determining"]
    assert "agents-read" not in document["coverage"]["never_determining"]
    assert len(document["tried"]) == len(document["cases"])
    first = document["tried"][0]["policies"][0]
    assert (first["policy"], first["determining"]) == ("orchestrators-open-tasks", True)
    assert all(condition["holds"] for condition in first["conditions"])


@pytest.mark.parametrize(("least", "code"), [("1", exits.OK), ("100", exits.REFUSED)])
def test_too_little_coverage_ends_with_one(
    bundle: BundleFolder, capsys: pytest.CaptureFixture[str], least: str, code: int
) -> None:
    """A pipeline states how much is enough."""
    ended, document = told(bundle, capsys, "--fail-under", least)

    assert ended == code
    assert 1 < document["coverage"]["percent"] < 100


def test_a_condition_with_one_outcome_is_named_in_the_table(
    bundle: BundleFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file and line of its policy."""
    assert main(["policy", "test", "--config", str(bundle.folder), "--coverage"]) == exits.OK

    out = capsys.readouterr().out
    assert 'orchestrators-open-tasks: always held: when resource.status == "active"' in out


def test_faulty_files_are_a_wrong_configuration(
    bundle: BundleFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told apart from a case that fails, for programs too."""
    bundle.write("policies/50.cedar", "permit (")

    code = main(["policy", "test", "--config", str(bundle.folder), "--json"])

    assert code == exits.CONFIGURATION
    (fault,) = json.loads(capsys.readouterr().err)["error"]["faults"]
    assert fault["line"] == 1


def test_settings_that_name_no_bundle_are_a_wrong_configuration(
    bundle: BundleFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a file that is not there is named."""
    bundle.write("broker.yaml", "issuer: https://x\n")

    assert main(["policy", "test", "--config", str(bundle.folder)]) == exits.CONFIGURATION
    assert "does not name the bundle's files" in capsys.readouterr().err
    assert main(["policy", "test", "--config", "nowhere"]) == exits.CONFIGURATION
    assert "nowhere: cannot be read" in capsys.readouterr().err
