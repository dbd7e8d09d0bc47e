import json
from pathlib import Path

import pytest

from broker.cli import exits
from broker.cli.main import main

LAID_OUT = "// Why.\npermit (principal, action, resource);\n"
SHIPPED = str(Path(__file__).parents[3] / "config")
OTHERWISE = "// Why.\npermit(principal,action,resource);\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of policy that is laid out otherwise."""
    path = tmp_path / "a.cedar"
    path.write_text(OTHERWISE)
    return path


def test_the_check_names_the_file_changes_nothing_and_ends_with_one(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipeline stops there."""
    assert main(["policy", "fmt", "--check", str(file), "--json"]) == exits.REFUSED

    assert json.loads(capsys.readouterr().out) == {"changed": [str(file)], "written": False}
    assert file.read_text() == OTHERWISE


def test_a_file_is_replaced_whole_with_its_mode_and_through_its_link(file: Path) -> None:
    """Nothing is left beside it, and what is laid out is not written again."""
    file.chmod(0o640)
    link = file.with_name("link.cedar")
    link.symlink_to(file)

    assert main(["policy", "fmt", str(link)]) == exits.OK

    assert file.read_text() == LAID_OUT
    assert file.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert {path.name for path in file.parent.iterdir()} == {"a.cedar", "link.cedar"}
    written = file.stat().st_ino
    assert main(["policy", "fmt", "--check", str(file)]) == exits.OK
    assert main(["policy", "fmt", str(file)]) == exits.OK
    assert file.stat().st_ino == written


def test_while_one_file_is_faulty_none_is_written_and_all_faults_are_told(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of a folder in another layout helps nobody."""
    broken, missing = file.with_name("b.cedar"), file.with_name("c.cedar")
    broken.write_text("permit (")

    code = main(["policy", "fmt", str(file), str(broken), str(missing)])

    assert code == exits.CONFIGURATION
    told = capsys.readouterr().err
    assert f"{broken}:1: not a Cedar policy" in told
    assert f"{missing}: cannot be read" in told
    assert file.read_text() == OTHERWISE


def test_a_file_that_cannot_be_replaced_stays_as_it_is(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder lets nobody in: that is said, and nothing is lost."""
    name = f"{'x' * 245}.cedar"  # with what makes it temporary, longer than a name may be
    long = file.with_name(name)
    long.write_text(OTHERWISE)

    assert main(["policy", "fmt", str(long)]) == exits.REFUSED

    assert "cannot be written" in capsys.readouterr().err
    assert long.read_text() == OTHERWISE


def test_without_files_the_configured_folder_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one that `broker apply` would publish; other settings are nobody's business here."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.cedar").write_text(OTHERWISE)
    (tmp_path / "policies" / ".hidden.cedar").write_text("no policy")
    names = ("agents", "capabilities", "resource_servers", "schema")
    lines = "".join(f"  {name}: {name}.yaml\n" for name in names)
    (tmp_path / "broker.yaml").write_text(f"bundle:\n{lines}  policies: policies\n")

    assert main(["policy", "fmt", "--config", str(tmp_path)]) == exits.OK

    assert (tmp_path / "policies" / "a.cedar").read_text() == LAID_OUT
    assert "laid out: " in capsys.readouterr().out


def test_shipped_policies_are_laid_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever begins with them begins with nothing to lay out."""
    assert main(["policy", "fmt", "--check", "--config", SHIPPED, "--json"]) == exits.OK

    assert json.loads(capsys.readouterr().out)["changed"] == []
