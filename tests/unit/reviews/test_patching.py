"""What agents.yaml has to say, as a patch that changes nothing else."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from broker.reviews.patching import Wanted, patch_of

CONFIG = Path(__file__).parents[3] / "config" / "agents.yaml"
READ = "orders-api orders:read"
PATCH = shutil.which("patch")


def applied(tmp_path: Path, text: str, *wanted: Wanted) -> str:
    """Apply the patch as anybody would; return what the file says then."""
    file = tmp_path / "agents.yaml"
    file.write_text(text)
    made = patch_of(text, wanted, str(file))
    done = subprocess.run(  # noqa: S603 - our own text
        [PATCH or "patch", str(file)], input=made, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return file.read_text()


@pytest.mark.skipif(PATCH is None, reason="patch is not there")
def test_the_shipped_file_is_narrowed_reviewed_and_retired(tmp_path: Path) -> None:
    """Comments and everything else stay; a second patch takes the place of the first."""
    text = CONFIG.read_text()

    once = applied(
        tmp_path,
        text,
        Wanted("invoice-bot", "narrow", (READ,), "2027-12-31"),
        Wanted("stock-bot", "revoke", (), ""),
        Wanted("helper-bot", "keep", (), "2027-11-30"),
    )
    again = applied(tmp_path, once, Wanted("invoice-bot", "narrow", ("a b", "c d"), "2028-01-31"))

    agents = {each["name"]: each for each in yaml.safe_load(again)["agents"]}
    assert agents["invoice-bot"]["ceiling"] == ["a b", "c d"]
    assert str(agents["invoice-bot"]["review_by"]) == "2028-01-31"
    assert agents["stock-bot"]["status"] == "retired"
    before = {each["name"]: each for each in yaml.safe_load(text)["agents"]}
    assert agents["report-bot"] == before["report-bot"]
    kept = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    assert all(line in again for line in kept)


def test_whoever_is_not_in_it_is_named() -> None:
    """Rather than a patch that does half of it."""
    with pytest.raises(ValueError, match="nobody-bot is not in it"):
        patch_of(CONFIG.read_text(), [Wanted("nobody-bot", "revoke", (), "")], "agents.yaml")


def test_a_record_in_one_line_is_not_guessed_at() -> None:
    """It is said how to write it."""
    text = "agents:\n  - {name: a, tenant: t, owner: o, purpose: p, status: active}\n"
    with pytest.raises(ValueError, match="write it as a block"):
        patch_of(text, [Wanted("a", "narrow", (READ,), "")], "agents.yaml")


def test_what_is_said_already_needs_no_patch() -> None:
    """And an answer about nobody of this file neither."""
    text = "agents:\n  - name: a\n    status: retired"
    assert patch_of(text, [], "agents.yaml") == ""
    assert patch_of(text + "\n", [Wanted("a", "revoke", (), "")], "agents.yaml") == ""
