"""Findings as SARIF 2.1.0, for code scanning in GitHub, GitLab, Azure DevOps and editors."""

import os
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import quote

from broker.scanning.coverage import Coverage
from broker.scanning.finding import Finding
from broker.scanning.kinds import kind_named
from broker.scanning.telling import age_of, mark_of, owner_of
from broker.terminal import shown

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def sarif(findings: Sequence[Finding], coverage: Coverage, now_s: int) -> dict[str, Any]:
    """Write one run. No secret is in it."""
    names = sorted({finding.kind for finding in findings})
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(names)},
                "columnKind": "utf16CodeUnits",
                "invocations": [_invocation(coverage)],
                "results": [_result(each, names, now_s) for each in findings],
            }
        ],
    }


def _driver(names: Iterable[str]) -> dict[str, Any]:
    return {
        "name": "broker scan",
        "semanticVersion": version("jit-broker"),
        "rules": [_rule(name) for name in names],
    }


def _rule(name: str) -> dict[str, Any]:
    kind = kind_named(name)
    return {
        "id": name,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "shortDescription": {"text": kind.title},
        "help": {"text": f"In its place: {kind.instead} To rotate it: {kind.rotate}"},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security", "secret"], "security-severity": "8.0"},
    }


def _invocation(coverage: Coverage) -> dict[str, Any]:
    told = [{"level": "error", "message": {"text": line}} for line in coverage.told()]
    found: dict[str, Any] = {"executionSuccessful": coverage.is_whole}
    return found | ({"toolExecutionNotifications": told} if told else {})


def _result(finding: Finding, names: Sequence[str], now_s: int) -> dict[str, Any]:
    return {
        "ruleId": finding.kind,
        "ruleIndex": names.index(finding.kind),
        "level": "error",
        "message": {"text": _message(finding)},
        "locations": [{"physicalLocation": _place(finding)}],
        "partialFingerprints": {"brokerScan/v1": mark_of(finding)},
        "properties": {
            "surface": finding.surface,
            "rule": finding.rule,
            "ageDays": age_of(finding, now_s),
            "ageBy": finding.origin.since_by,
            "owner": owner_of(finding),
            "ownerBy": finding.origin.owner_by,
            "commit": finding.commit,
            "replacedBy": list(finding.replaced_by),
        },
    }


def _message(finding: Finding) -> str:
    named = f" in {shown(finding.name)}" if finding.name else ""
    where = f", brought by commit {finding.commit[:12]}" if finding.commit else ""
    by = ", ".join(finding.replaced_by)
    instead = f" The capability {by} would take its place." if by else ""
    return f"{finding.title}{named}{where}.{instead}"


def _place(finding: Finding) -> dict[str, Any]:
    address = quote(os.fsencode(finding.path), safe="/")
    found: dict[str, Any] = {"artifactLocation": {"uri": address}}
    return found | ({"region": {"startLine": finding.line}} if finding.line else {})
