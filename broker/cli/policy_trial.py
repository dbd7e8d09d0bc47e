"""`broker policy test`: policies, tried on cases before anybody meets them."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from click.exceptions import Exit

from broker.cli import exits, policy_views
from broker.cli.policy_files import bundle_files
from broker.cli.screen import Document, Screen
from broker.cli.settings import config_option
from broker.governance.trial import Trial, Tried, read_trial
from broker.policy.coverage import (
    Coverage,
    PolicyCoverage,
    is_enough,
    outcomes_of,
    seen_of,
)
from broker.policy.explanation import PolicyFinding
from broker.settings.load import Reading


@click.command(short_help="Try the policies on cases.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@config_option
@click.option("--coverage", "with_coverage", is_flag=True, help="Show what the cases tried.")
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    help="End with 1 when the cases saw fewer per cent of the outcomes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def test(
    files: tuple[Path, ...],
    config: Path,
    *,
    with_coverage: bool,
    fail_under: float | None,
    as_json: bool,
) -> None:
    """Try the policies on the cases of their own tests.yaml, and on those in FILES.

    FILES are YAML of the same form: tests, each with name, expect, action, caller, task and what
    else it needs. All is read from the files that the configuration names; no server is needed.

    --coverage shows of each policy whether it determined an answer, and of each of its conditions
    whether it held and whether it did not. Ends with 1 when a case fails, or too little was seen.
    """
    trial = read_trial(bundle_files(config, Reading()), files)
    tried = list(trial.run())
    told = _told(tried)
    is_good = not told["failed"]
    if with_coverage or fail_under is not None:
        seen = _coverage(trial, tried)
        told |= {"coverage": _coverage_told(seen), "tried": [_case_told(each) for each in tried]}
        is_good = is_good and is_enough(seen, fail_under or 0)
    Screen(sys.stdout, as_json=as_json).answer(told, policy_views.trial)
    if not is_good:
        raise Exit(exits.REFUSED)


def _told(tried: Sequence[Tried]) -> dict[str, object]:
    failed = [each for each in tried if each.why]
    return {
        "cases": [
            {
                "result": "failed" if each.why else "passed",
                "case": each.case.vector.name,
                "expected": each.case.vector.expect,
                "answer": each.answer,
                "file": each.case.file,
                "line": each.case.line,
                "why": list(each.why),
            }
            for each in tried
        ],
        "passed": len(tried) - len(failed),
        "failed": len(failed),
    }


def _coverage(trial: Trial, tried: Sequence[Tried]) -> tuple[PolicyCoverage, ...]:
    coverage = Coverage(trial.compiled.policies, trial.engine.conditions)
    for each in tried:
        coverage.note(each.decision.trace.policies if each.decision else (), each.findings)
    return coverage.policies()


def _coverage_told(seen: Sequence[PolicyCoverage]) -> Document:
    return {
        "seen": seen_of(seen),
        "outcomes": outcomes_of(seen),
        "percent": int(seen_of(seen) * 1000 / (outcomes_of(seen) or 1)) / 10,
        "never_determining": [each.policy for each in seen if not each.determined],
        "policies": [_policy_told(each) for each in seen],
    }


def _policy_told(seen: PolicyCoverage) -> Document:
    names = ("policy", "effect", "file", "line", "fitted", "determined")
    conditions = [
        {name: getattr(each, name) for name in ("kind", "text", "held", "failed", "erred")}
        for each in seen.conditions
    ]
    return {name: getattr(seen, name) for name in names} | {"conditions": conditions}


def _case_told(tried: Tried) -> Document:
    determining = tried.decision.trace.policies if tried.decision else ()
    return {
        "case": tried.case.vector.name,
        "policies": [_finding_told(each, determining) for each in tried.findings],
    }


def _finding_told(finding: PolicyFinding, determining: Sequence[str]) -> Document:
    return {
        "policy": finding.policy,
        "determining": finding.policy in determining,
        "applies": finding.applies,
        "conditions": [
            {"kind": each.kind, "text": each.text, "holds": each.holds, "error": each.error}
            for each in finding.conditions
        ],
    }
