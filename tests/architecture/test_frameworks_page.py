"""The page about frameworks names every entry of its lists, and only tests that there are."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "frameworks.md"

LISTS: Final = {
    "OWASP Top 10 for Agentic Applications": [
        "ASI01 Agent Goal Hijack",
        "ASI02 Tool Misuse and Exploitation",
        "ASI03 Identity and Privilege Abuse",
        "ASI04 Agentic Supply Chain Vulnerabilities",
        "ASI05 Unexpected Code Execution",
        "ASI06 Memory & Context Poisoning",
        "ASI07 Insecure Inter-Agent Communication",
        "ASI08 Cascading Failures",
        "ASI09 Human-Agent Trust Exploitation",
        "ASI10 Rogue Agents",
    ],
    "OWASP Non-Human Identities Top 10": [
        "NHI1 Improper Offboarding",
        "NHI2 Secret Leakage",
        "NHI3 Vulnerable Third-Party NHI",
        "NHI4 Insecure Authentication",
        "NHI5 Overprivileged NHI",
        "NHI6 Insecure Cloud Deployment Configurations",
        "NHI7 Long-Lived Secrets",
        "NHI8 Environment Isolation",
        "NHI9 NHI Reuse",
        "NHI10 Human Use of NHI",
    ],
    "CSA MAESTRO": [
        "1 Foundation Models",
        "2 Data Operations",
        "3 Agent Frameworks",
        "4 Deployment Infrastructure",
        "5 Evaluation & Observability",
        "6 Security & Compliance",
        "7 Agent Ecosystem",
    ],
    "NIST AI RMF": [
        "GOVERN 1",
        "GOVERN 2",
        "GOVERN 6",
        "MAP 1",
        "MAP 3",
        "MAP 4",
        "MEASURE 2",
        "MEASURE 3",
        "MANAGE 1",
        "MANAGE 2",
        "MANAGE 3",
        "MANAGE 4",
    ],
}
"""Each list's entries as it names them; of the last those that credentials are a part of."""

TEST: Final = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)?)`")


def rows_of(section: str) -> list[list[str]]:
    """Return the cells of a section's table, row by row."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| **")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("section", LISTS)
def test_every_entry_has_a_row_and_every_row_an_entry(section: str) -> None:
    """By the names that the list itself has, in its order."""
    named = [row[0].replace("*", "") for row in rows_of(section)]

    assert len(named) == len(LISTS[section])
    for name, entry in zip(named, LISTS[section], strict=True):
        assert name.startswith(entry)


@pytest.mark.parametrize("section", LISTS)
def test_every_row_says_what_is_done_what_is_not_and_by_which_test(section: str) -> None:
    """A row without a limit would promise too much, one without a test would only promise."""
    for row in rows_of(section):
        assert len(row) == 4, row
        assert all(len(cell) > 12 for cell in row[1:]), row
        assert TEST.search(row[3]), row
        assert TEST.sub("", row[3]).strip() == "", row


def test_every_test_that_is_named_is_collected() -> None:
    """A test that is renamed takes its row along."""
    named = sorted(set(TEST.findall(PAGE.read_text(encoding="utf-8"))))

    found = subprocess.run(  # noqa: S603 - our own tests
        [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider", *named],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-2000:]
    assert len(named) > 40
