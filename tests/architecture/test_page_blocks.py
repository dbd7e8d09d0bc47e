"""Every block of code on a page is run by a test that is named here, or a table here says why not.

Then its form is checked.

By its form is: each `broker` command with its options is one that there is; Python compiles, and
what it imports of ours exists; YAML, JSON and TOML are read, sections of broker.yaml are settings;
policies fit the shipped schema. Any other block fails here, until somebody says who runs it.
"""

import ast
import importlib
import json
import re
import textwrap
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cedarpy
import msgspec
import pytest
import yaml

from broker.settings.load import load_document
from broker.settings.settings import Settings
from tests.fakes.page_commands import in_block, require_parsed

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md"]
SHOWN: Final = {"", "text"}
"""What a page shows and nobody types: output, drawings."""

RUN: Final[dict[str, dict[str, str]]] = {
    "agents.md": {
        "sh": "tests/story/blocks/test_orchestrators_and_agents.py",
        "python": "tests/story/test_guides.py",
        "ts": "tests/real/typescript_stage.py",
    },
    "api.md": {"json": "tests/http/shown.py"},
    "approvals.md": {"sh": "tests/story/test_approvals.py"},
    "because-of-a-ticket.md": {"sh": "tests/story/test_because_of_a_ticket.py"},
    "behaviour.md": {"yaml": "tests/unit/test_behaviour_replay.py"},
    "break-glass.md": {
        "sh": "tests/story/test_break_glass.py",
        "yaml": "tests/story/blocks/test_configurations.py",
    },
    "delegation.md": {"sh": "tests/story/test_delegation.py"},
    "engines.md": {
        "rego": "tests/real/opa_server.py",
        "yaml": "tests/story/blocks/test_configurations.py",
    },
    "facts.md": {"yaml": "tests/story/blocks/test_configurations.py"},
    "mcp.md": {"sh": "tests/story/test_mcp.py"},
    "migrating.md": {
        "sh": "tests/story/test_migrating.py",
        "console": "tests/real/test_migrating.py",
        "yaml": "tests/story/test_migrating.py",
        "json": "tests/story/test_migrating.py",
    },
    "notices.md": {
        "python": "tests/story/blocks/test_orchestrators_and_agents.py",
        "yaml": "tests/story/blocks/test_configurations.py",
    },
    "no-secret.md": {"sh": "tests/real/test_no_secret.py"},
    "operators.md": {
        "sh": "tests/story/blocks/test_operators_and_policies.py",
        "yaml": "tests/story/blocks/test_configurations.py",
    },
    "orchestrators.md": {
        "sh": "tests/story/blocks/test_orchestrators_and_agents.py",
        "python": "tests/real/test_temporal.py",
        "ts": "tests/real/typescript_stage.py",
    },
    "policies.md": {
        "sh": "tests/story/blocks/test_operators_and_policies.py",
        "yaml": "tests/story/blocks/test_configurations.py",
    },
    "proxy.md": {"yaml": "tests/story/blocks/test_configurations.py"},
    "quickstart.md": {"sh": "tests/story/test_quickstart.py"},
    "quickstart-github.md": dict.fromkeys(("sh", "python"), "tests/story/test_quickstarts.py"),
    "quickstart-kubernetes.md": dict.fromkeys(("sh", "python"), "tests/story/test_quickstarts.py"),
    "quickstart-spiffe.md": dict.fromkeys(("sh", "python"), "tests/story/test_quickstarts.py"),
    "resource-owners.md": {
        "python": "tests/story/test_guides.py",
        "ts": "tests/real/typescript_stage.py",
    },
    "reviews.md": {"sh": "tests/story/test_reviews.py"},
    "run.md": {"sh": "tests/story/test_run.py"},
    "scan.md": {"sh": "tests/story/blocks/test_scan.py"},
    "shapes.md": dict.fromkeys(("ini", "gitconfig", "sh", "python"), "tests/tools/test_recipes.py"),
    "sub-agents.md": {
        "sh": "tests/story/test_sub_agents.py",
        "py": "tests/story/blocks/test_orchestrators_and_agents.py",
    },
    "targets.md": {"yaml": "tests/story/blocks/test_configurations.py"},
    "vault.md": {
        "sh": "tests/real/test_vault_page.py",
        "hcl": "tests/real/openbao_server.py",
        "sql": "tests/real/openbao_server.py",
        "yaml": "tests/story/blocks/test_configurations.py",
    },
}
"""For each page, which test types or reads its blocks of a language."""

ALONE: Final = {
    ("targets.md", "sql"): "what a database's owner grants: tests/real/postgres_server.py does it",
    ("targets.md", "ini"): "AWS's own file: tests/tools/test_recipes.py runs the one of shapes.md",
}
"""Blocks that nothing reads, and why."""

DEV: Final = "`broker dev`, which the page's own test starts before it types the rest"
FRAGMENT: Final = "lines for a program of the reader's; its names are looked up"
ELSEWHERE: Final = "for a program that is not ours, on a machine that is not here"

BY_FORM: Final[dict[tuple[str, str], str]] = {
    (
        "README.md",
        "sh",
    ): "make run is tests/story/test_story.py, make test the pipeline",
    (
        "agents.md",
        "py",
    ): f"{FRAGMENT}; the first is run by tests/story/blocks",
    ("approvals.md", "cedar"): "held against the shipped schema",
    ("approvals.md", "console"): f"what the walk below it types in full; {DEV}",
    ("approvals.md", "python"): FRAGMENT,
    (
        "behaviour.md",
        "sh",
    ): "a finding and a signal's key: tests/e2e/test_behaviour.py, test_signals.py",
    ("because-of-a-ticket.md", "cedar"): "one of the shipped policies",
    ("because-of-a-ticket.md", "console"): DEV,
    ("break-glass.md", "console"): DEV,
    ("delegation.md", "console"): DEV,
    ("engines.md", "json"): "an engine's answer: tests/real/opa_server.py has such ones",
    ("facts.md", "json"): "what a watch sends: read as JSON",
    ("mcp.md", "json"): ELSEWHERE,
    ("mcp.md", "py"): FRAGMENT,
    ("orchestrators.md", "py"): FRAGMENT,
    (
        "orchestrators.md",
        "yaml",
    ): "a workflow and a cluster's roles; the other one is checked whole",
    ("policies.md", "cedar"): "held against the shipped schema",
    ("proxy.md", "sh"): "needs a server at api.example.com: tests/e2e/test_run_proxy.py has one",
    ("proxy.md", "json"): ELSEWHERE,
    ("proxy.md", "python"): FRAGMENT,
    ("quickstart-github.md", "console"): DEV,
    ("quickstart-github.md", "yaml"): "a workflow; the other one is checked by test_quickstarts.py",
    ("quickstart-kubernetes.md", "console"): DEV,
    ("quickstart-kubernetes.md", "yaml"): "a pod; the other one is checked by test_quickstarts.py",
    ("quickstart-spiffe.md", "console"): f"SPIRE's own command; {DEV}",
    ("quickstart-spiffe.md", "yaml"): "checked by test_quickstarts.py",
    ("quickstart.md", "console"): DEV,
    (
        "resource-owners.md",
        "py",
    ): f"{FRAGMENT}; two are run by tests/story/blocks",
    ("reviews.md", "console"): DEV,
    ("run.md", "console"): DEV,
    ("shapes.md", "json"): ELSEWHERE,
    ("shapes.md", "yaml"): ELSEWHERE,
    ("sub-agents.md", "console"): DEV,
    ("targets.md", "json"): "a role's trust in an AWS account: nobody here has one",
    ("targets.md", "python"): "the test of a package of the reader's",
    (
        "targets.md",
        "sh",
    ): "pip, an AWS account; tests/e2e/test_reconcile.py types `broker reconcile`",
    ("targets.md", "toml"): "an entry point of a package of the reader's",
}
"""Blocks of which only the form is checked, and why nobody runs them."""

_FENCED: Final = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: Path
    number: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """Where it is."""
        return f"{self.page.relative_to(ROOT)}-{self.number}-{self.language}"


def blocks(page: Path) -> list[Block]:
    """Return all code of a page."""
    found = _FENCED.findall(page.read_text("utf-8"))
    numbered = [
        Block(page, number, language, textwrap.dedent(text))
        for number, (language, text) in enumerate(found, 1)
    ]
    return [block for block in numbered if block.language not in SHOWN]


def commands(text: str, _: Path) -> None:
    """Check that there is each of our commands, with its options."""
    for line in in_block(text):
        require_parsed(line)


def program(text: str, _: Path) -> None:
    """Check that Python compiles, and that what it imports of ours is there."""
    tree = compile(text, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("broker"):
            module = importlib.import_module(node.module or "")
            assert not [each.name for each in node.names if not hasattr(module, each.name)]


def document(text: str, folder: Path) -> None:
    """Check that YAML is read, and that sections of broker.yaml are settings."""
    shipped = yaml.safe_load((ROOT / "config" / "broker.yaml").read_text("utf-8"))
    known = {field.encode_name for field in msgspec.structs.fields(Settings)}
    for found in yaml.safe_load_all(text):
        if isinstance(found, dict) and found and found.keys() <= known:
            file = folder / "broker.yaml"
            rest = {name: each for name, each in shipped.items() if name not in found}
            file.write_text(f"{yaml.safe_dump(rest)}\n{text}", encoding="utf-8")
            if all(isinstance(each, dict) for each in found.values()):
                load_document(file, Settings)


def cedar(text: str, _: Path) -> None:
    """Check that a policy, or a clause of one, fits the shipped schema."""
    is_clause = text.lstrip().startswith(("when", "unless"))
    policy = f"permit (principal, action, resource) {text.strip()};" if is_clause else text
    schema = (ROOT / "config" / "schema.cedarschema").read_text("utf-8")
    assert cedarpy.validate_policies(policy, schema).validation_passed


FORMS: Final[dict[str, Callable[[str, Path], object]]] = {
    "sh": commands,
    "console": commands,
    "python": program,
    "py": program,
    "yaml": document,
    "json": lambda text, _: json.loads(text),
    "toml": lambda text, _: tomllib.loads(text),
    "cedar": cedar,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_run_or_has_a_form_that_is_checked(page: Path, tmp_path: Path) -> None:
    """Run, read by its own parser, or excused with a reason."""
    faults = [
        f"{block.name}: {why}" for block in blocks(page) if (why := fault_of(block, tmp_path))
    ]

    assert not faults, "\n".join(faults)


def fault_of(block: Block, folder: Path) -> str:
    """Return what is wrong with a block, or nothing."""
    runner = RUN.get(block.page.name, {}).get(block.language)
    form = FORMS.get(block.language)
    if not (runner or form or (block.page.name, block.language) in ALONE):
        return "say in RUN who runs it, or in ALONE why nobody does"
    if form is None or (block.language == "json" and runner):
        return ""
    try:
        form(block.text, folder)
    except Exception as error:  # noqa: BLE001 - each parser has an error of its own
        return f"{type(error).__name__}: {error}"
    return ""


def test_each_block_is_run_or_has_a_reason_and_who_runs_it_names_its_page() -> None:
    """A test that is gone, or a page that has changed, is seen."""
    there = {(block.page.name, block.language) for page in PAGES for block in blocks(page)}
    rows = {(page, language) for page, runs in RUN.items() for language in runs}

    assert rows - there == set()
    assert (ALONE.keys() | BY_FORM.keys()) - there == set()
    assert there - rows - ALONE.keys() == BY_FORM.keys()
    for page, runs in RUN.items():
        for test in runs.values():
            assert Path(page).stem in (ROOT / test).read_text("utf-8"), (page, test)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("sh", "broker scan --mend\n"),
        ("sh", 'A=$(broker keys burn "$B")\n'),
        ("sh", "broker task open \\\n    --nmae x\n"),
        ("py", "from broker.client import NoSuchThing\n"),
        ("python", "def f(:\n"),
        ("yaml", "ends: {sauces: []}\n"),
        ("json", "{'a': 1}"),
        ("cedar", "permit (principal);"),
        ("cedar", "when { context.time.moon == 1 }"),
    ],
    ids=range(9),
)
def test_a_block_with_a_fault_would_be_seen(language: str, text: str, tmp_path: Path) -> None:
    """The checks can fail."""
    with pytest.raises(Exception):  # noqa: B017, PT011 - each parser has an error of its own
        FORMS[language](text, tmp_path)
