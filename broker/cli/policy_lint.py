"""`broker policy lint`: what will be regretted about policies, before they are published."""

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click
from click.exceptions import Exit

from broker.cli import exits, policy_views
from broker.cli.policy_files import FILES, bundle_files, policy_paths, sources
from broker.cli.screen import Screen
from broker.cli.settings import config_option
from broker.errors import ConfigurationError
from broker.policy.compiled import Source
from broker.policy.lint.finding import Finding, Level
from broker.policy.lint.linting import lint as findings_of
from broker.settings.load import Reading


@click.command(short_help="Find what will be regretted.")
@FILES
@config_option
@click.option("--strict", "is_strict", is_flag=True, help="End with 1 on warnings too.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def lint(files: tuple[Path, ...], config: Path, *, is_strict: bool, as_json: bool) -> None:
    """Find what will be regretted about policies: those in FILES, or in the configured folder.

    Each finding has its place, policy, rule, reason and remedy. Ends with 1 when one is an error: a
    policy that cannot be published, a forbid that can fail to be evaluated, one that can never
    apply, a permit without conditions or by the caller's own labels.
    """
    findings = _findings(config, files)
    counts = Counter(finding.level for finding in findings)
    told = {
        "findings": [asdict(finding) for finding in findings],
        "counts": {level.value: counts[level] for level in Level},
    }
    Screen(sys.stdout, as_json=as_json).answer(told, policy_views.findings)
    if counts[Level.ERROR] or (is_strict and counts[Level.WARNING]):
        raise Exit(exits.REFUSED)


def _findings(config: Path, files: tuple[Path, ...]) -> tuple[Finding, ...]:
    reading = Reading()
    schema = bundle_files(config, reading).schema
    text = reading.read_text(schema)
    found = sources(policy_paths(config, files, reading), reading)
    reading.finish()
    if text is None:
        raise ConfigurationError(f"{schema}: nothing could be read")
    return findings_of(tuple(source for _, source in found), Source(str(schema), text))
