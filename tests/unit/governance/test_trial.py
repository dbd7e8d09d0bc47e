from pathlib import Path

import pytest

from broker.errors import ConfigurationError
from broker.governance.trial import Tried, read_trial
from tests.fakes.bundles import BundleFolder

CASE = """tests:
  - {name: more, expect: deny, action: OpenTask, caller: "agent:invoice-bot",
     task: {tenant: acme, agent: invoice-bot}}
"""


def tried(bundle: BundleFolder, *more: Path) -> list[Tried]:
    """Try all cases."""
    return list(read_trial(bundle.files, more).run())


def test_the_bundles_own_cases_are_tried_and_then_further_ones(tmp_path: Path) -> None:
    """Each knows where it stands; a file that is named twice is read once."""
    bundle = BundleFolder(tmp_path)
    more = tmp_path / "more.yaml"
    more.write_text(CASE)

    found = tried(bundle, more, more)

    assert [each.why for each in found] == [()] * len(found)
    assert len(found) > 10
    assert (found[-1].case.file, found[-1].case.line) == (str(more), 2)
    assert found[0].case.file.endswith("tests.yaml")


def test_a_case_that_fails_is_no_fault_of_the_files(tmp_path: Path) -> None:
    """Its outcome says what is not as expected, and all others are tried too."""
    bundle = BundleFolder(tmp_path)
    line = bundle.edit("policies/tests.yaml", "expect: allow", "expect: deny")

    found = tried(bundle)

    (failed,) = [each for each in found if each.why]
    assert failed.case.line == line - 1
    assert failed.why == ("expected deny, policy answers allow by orchestrators-open-tasks",)


def test_a_question_that_nobody_can_put_fails(tmp_path: Path) -> None:
    """Whatever is expected of it."""
    bundle = BundleFolder(tmp_path)
    more = tmp_path / "more.yaml"
    more.write_text(CASE.replace("task:", 'labels: {"a=b": x}, task:'))

    (last,) = tried(bundle, more)[-1:]

    assert last.answer == "none"
    assert last.why[0].startswith("no caller can send this: ")


def test_every_other_fault_is_told_at_once(tmp_path: Path) -> None:
    """Of the registered, of policies, and of further files of cases."""
    bundle = BundleFolder(tmp_path)
    bundle.edit("agents.yaml", "tenant: acme", "tenant: nowhere")
    bundle.write("policies/50-bad.cedar", "permit (")
    more = tmp_path / "more.yaml"
    more.write_text(CASE.replace("OpenTask", "Open"))

    with pytest.raises(ConfigurationError) as refused:
        read_trial(bundle.files, [more, tmp_path / "none.yaml"])

    told = str(refused.value)
    for part in ("nowhere", "50-bad.cedar:1", "more.yaml:2", "none.yaml: cannot be read"):
        assert part in told
