"""Configurations that somebody has spoiled, in every way that a hand or a template can.

`broker config check` never ends in a traceback, names file, line, key and remedy of each fault, and
what it lets pass a broker can be built of.
"""

import asyncio
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broker.app import Broker
from broker.attestation.assembly import build_attestation
from broker.attestation.key_source import open_key_session
from broker.attestation.settings import AttestationSettings
from broker.cli import exits
from broker.cli.main import main
from broker.cli.settings import load
from broker.clock import SystemClock
from broker.dev.configure import shipped
from broker.endpoints import endpoint_of
from broker.governance.bundle import Bundle
from broker.observation import LoggingObserver
from broker.settings.load import load_document
from broker.store.link import Link

FILES = [
    "broker.yaml",
    "issuers.yaml",
    "agents.yaml",
    "capabilities.yaml",
    "resource_servers.yaml",
    "policies/tests.yaml",
]
CEDAR = [
    "schema.cedarschema",
    *(f"policies/{file.name}" for file in sorted((shipped() / "policies").glob("*.cedar"))),
]
SHIPPED = {name: (shipped() / name).read_text(encoding="utf-8") for name in FILES + CEDAR}

SNIPPETS = [
    *(
        "\t",
        "  ",
        "- ",
        "? ",
        ": ",
        "{",
        "[",
        "]",
        "'",
        '"',
        "|",
        ">",
        "#",
        "\0",
        "\x1b[31m",
        "\ufeff",
    ),
    *(
        "&a ",
        "*a",
        "<<: *a\n",
        "!!python/object/apply:os.system ['true']\n",
        "! ",
        "---\n",
        "...\n",
    ),
    *('"\\ud800": 1\n', 'x: "\\UFFFFFFFF"\n', 'x: "\\U0011FFFF"\n', "%YAML 9.9\n", "\u202e", "é"),
    "%YAML 1." + "9" * 5000 + "\n",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
    "x: " + "[" * 500,
    "x: " + "{a: " * 500,
    "- " * 200,
    "x: " + "9" * 5000 + "\n",
    "x" * 5000 + ": 1\n",
    *(
        "permit(",
        "when {",
        "}",
        ";",
        '@obligation("x")',
        '"\\u{110000}"',
        "/*",
        "(" * 3000,
        "!" * 5000,
    ),
]
"""What may come in at any place of a file."""

ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [
            "*",
            "",
            "-1",
            "1e9",
            "a" * 70_000,
            "../..",
            "/dev/null",
            "\ud800",
            "\U0001d49c",
            "A\u0301",
        ]
    ),
    st.lists(st.sampled_from([None, 1, "a", [], {}]), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)
"""What may stand in the place of any value."""


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Name every container of a document with every key in it."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in list(keys):
        yield value, key
        yield from places(value[key])


def drop(container: Any, key: Any, odd: Any) -> None:
    """Take it away."""
    del odd
    del container[key]


def double(container: Any, key: Any, odd: Any) -> None:
    """Have it twice."""
    if isinstance(container, list):
        container.append(container[key])
    else:
        container[f"{key}-{odd!r}"[:80]] = container[key]


def retype(container: Any, key: Any, odd: Any) -> None:
    """Put something else in its place."""
    container[key] = odd


def rename(container: Any, key: Any, odd: Any) -> None:
    """Call it otherwise, or put a name there that nobody has."""
    if isinstance(container, dict):
        container[odd if isinstance(odd, str | int) else "renamed"] = container.pop(key)
    else:
        container[key] = "nobody-of-this-name"


CHANGES: list[Callable[[Any, Any, Any], None]] = [drop, double, retype, rename]


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a file's name, and a text for it in which something is wrong, or perhaps not."""
    name = draw(st.sampled_from(FILES + CEDAR))
    if name in FILES and draw(st.booleans()):
        document = yaml.safe_load(SHIPPED[name])
        for _ in range(draw(st.integers(1, 3))):
            found = list(places(document))
            if not found:
                break
            container, key = found[draw(st.integers(0, len(found) - 1))]
            draw(st.sampled_from(CHANGES))(container, key, draw(ODD))
        return name, yaml.safe_dump(document, sort_keys=False, allow_unicode=draw(st.booleans()))
    lines = SHIPPED[name].splitlines(keepends=True)
    at = draw(st.integers(0, len(lines) - 1))
    match draw(st.sampled_from(["insert", "within", "drop", "double", "indent"])):
        case "insert":
            lines.insert(at, draw(st.sampled_from(SNIPPETS)))
        case "within":
            column = draw(st.integers(0, len(lines[at])))
            snippet = draw(st.sampled_from(SNIPPETS))
            lines[at] = lines[at][:column] + snippet + lines[at][column:]
        case "drop":
            del lines[at]
        case "double":
            lines.insert(at, lines[at])
        case _:
            lines[at] = draw(st.sampled_from([" ", "\t", "    "])) + lines[at]
    return name, "".join(lines)


def checked(folder: Path) -> tuple[int, str, str]:
    """Run the command, as a program and as a person."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["config", "check", "--config", str(folder), "--json"])
    said = StringIO()
    with redirect_stdout(StringIO()), redirect_stderr(said):
        assert main(["config", "check", "--config", str(folder)]) == code
    return code, err.getvalue(), said.getvalue()


async def build(folder: Path) -> None:
    """Build all that `broker serve` builds before it looks at anything outside of its files."""
    found = load(folder)
    declared = load_document(found.issuers, AttestationSettings)
    async with open_key_session() as session:
        attestation = build_attestation(
            declared, session, clock=SystemClock(), observer=LoggingObserver()
        )
        Broker(found, cast("Link", None), SystemClock())
        endpoint_of(found.listen)
        await attestation.close()
    bundle = Bundle.from_files(found.bundle)
    assert Bundle.from_bytes(bundle.to_bytes()).digest == bundle.digest
    bundle.engine(revision=1)


def judge(name: str, text: str) -> None:
    """Spoil one file, and look at what is said of it."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "config"
        shutil.copytree(shipped(), folder)
        (folder / name).write_bytes(text.encode(errors="surrogatepass"))
        code, err, said = checked(folder)
        assert "Traceback" not in err + said
        if code == exits.OK:
            asyncio.run(build(folder))
            return
        assert code == exits.CONFIGURATION, err
        faults = json.loads(err)["error"]["faults"]
        assert faults
        for fault in faults:
            assert fault["file"].startswith(place) or name == "broker.yaml", fault
            assert fault["message"], fault
            assert fault["remedy"], fault
            # Of a schema that the registered do not fit the engine names no line.
            assert fault["line"] > 0 or fault["key"] in {"", "schema"}, fault
        lines = said.splitlines()
        assert len(lines) == len(faults)
        assert all(re.search(r": .+ — .+", line) for line in lines)


@given(spoiled())
@example(("broker.yaml", SHIPPED["broker.yaml"] + 'x: "\\UFFFFFFFF"\n'))
@example(("broker.yaml", "%YAML 1." + "9" * 5000 + "\n---\n" + SHIPPED["broker.yaml"]))
@example(("agents.yaml", SHIPPED["agents.yaml"] + '"\\ud800": 1\n'))
@settings(max_examples=40)
def test_a_spoiled_file_is_told_of_and_never_a_traceback(case: tuple[str, str]) -> None:
    """Keys and values dropped, doubled, of another type, renamed; text with whatever gets in."""
    judge(*case)


@pytest.mark.soak
@pytest.mark.timeout(1500)
@given(spoiled())
@settings(max_examples=2000)
def test_no_spoiled_file_of_thousands_is_a_traceback(case: tuple[str, str]) -> None:
    """The same, for longer."""
    judge(*case)
