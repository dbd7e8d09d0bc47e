import json
from pathlib import Path

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes.bundles import BundleFolder

TENANT = "principal.tenant == context.task.tenant"
WARNED = f'@id("w")\npermit (principal is Agent, action, resource is Agent) when {{ {TENANT} }};'
WRONG = '@id("e")\npermit (principal is Agent, action, resource is Agent);'


@pytest.fixture
def bundle(tmp_path: Path) -> BundleFolder:
    """The shipped bundle, with nothing of the settings but where it lies."""
    folder = BundleFolder(tmp_path)
    names = ("agents", "capabilities", "resource_servers", "schema", "policies")
    lines = "\n".join(f"  {name}: {name}.yaml" for name in names[:3])
    folder.write(
        "broker.yaml", f"bundle:\n{lines}\n  schema: schema.cedarschema\n  policies: policies\n"
    )
    return folder


def test_the_shipped_policies_have_no_error_and_no_warning(
    bundle: BundleFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """A newcomer begins with what is good."""
    code = main(["policy", "lint", "--config", str(bundle.folder), "--strict", "--json"])

    counts = json.loads(capsys.readouterr().out)["counts"]
    assert (code, counts["error"], counts["warning"]) == (exits.OK, 0, 0)


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        (WARNED, [], exits.OK),
        (WARNED, ["--strict"], exits.REFUSED),
        (WRONG, [], exits.REFUSED),
        ("permit (", [], exits.REFUSED),
    ],
)
def test_errors_end_with_one_and_warnings_when_asked(
    bundle: BundleFolder,
    capsys: pytest.CaptureFixture[str],
    text: str,
    options: list[str],
    code: int,
) -> None:
    """A pipeline chooses how strict it is."""
    file = bundle.folder / "own.cedar"
    file.write_text(text)
    line = ["policy", "lint", str(file), "--config", str(bundle.folder), "--json", *options]

    assert main(line) == code

    (first, *_) = json.loads(capsys.readouterr().out)["findings"]
    assert (first["file"], first["line"]) == (str(file), 1)


def test_people_see_place_rule_reason_and_remedy(
    bundle: BundleFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """On lines that an editor can jump to."""
    bundle.write("policies/50.cedar", WRONG)

    assert main(["policy", "lint", "--config", str(bundle.folder)]) == exits.REFUSED

    out = capsys.readouterr().out
    assert "50.cedar:1: error [no-conditions] e: permits without any condition" in out
    assert "principal.tenant == context.task.tenant" in out


def test_files_that_cannot_be_read_are_a_wrong_configuration(
    bundle: BundleFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing was examined then, and nothing is said to be good."""
    (bundle.folder / "schema.cedarschema").unlink()

    code = main(["policy", "lint", "none.cedar", "--config", str(bundle.folder)])

    assert code == exits.CONFIGURATION
    told = capsys.readouterr().err
    assert "schema.cedarschema: cannot be read" in told
    assert "none.cedar: cannot be read" in told


def test_shipped_policies_have_nothing_that_will_be_regretted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not even a note."""
    shipped = str(Path(__file__).parents[3] / "config")

    assert main(["policy", "lint", "--strict", "--config", shipped, "--json"]) == exits.OK

    assert json.loads(capsys.readouterr().out)["findings"] == []
