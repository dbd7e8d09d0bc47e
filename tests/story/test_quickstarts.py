"""The quick starts of the documentation, run word for word against a running `broker dev`."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.attestation.settings import AttestationSettings
from tests.fakes.attestation import stanza
from tests.fakes.guide import Guide
from tests.fakes.spiffe import declare_domain

PAGES = ["quickstart-kubernetes.md", "quickstart-github.md", "quickstart-spiffe.md"]


@pytest.fixture(scope="module")
def playground() -> Iterator[dict[str, Any]]:
    """A running `broker dev`, as the pages tell to start it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "broker", "dev", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        with process.stdout as output:
            lines = iter(output.readline, "}\n")
            yield json.loads("".join(lines) + "}")
    finally:
        process.terminate()
        process.wait()


def exports(up: dict[str, Any]) -> dict[str, str]:
    """Set what `broker dev` prints for a shell, and nothing else of a broker."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BROKER_")}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BROKER_URL": up["broker"],
        "BROKER_CONFIG": up["config"],
        "BROKER_DEV_STATE": up["state"],
        "ORDERS_URL": f"{up['resource']}/orders",
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the pages use curl")
@pytest.mark.parametrize("page", PAGES)
def test_a_quick_start_does_what_it_says(
    playground: dict[str, Any], tmp_path: Path, page: str
) -> None:
    """An agent obtains, uses and loses a credential by the command, the client and curl."""
    guide = Guide(page)

    done = subprocess.run(  # noqa: S603 - the pages are ours
        [shutil.which("bash") or "bash", "-c", guide.script],
        cwd=tmp_path,
        env=exports(playground),
        capture_output=True,
        text=True,
        check=False,
        timeout=840,
    )

    assert (done.returncode, done.stdout) == (0, guide.printed), done.stderr
    assert guide.printed.count("200") >= 3
    assert guide.printed.count("refused: 401") == 3


@pytest.mark.parametrize("page", PAGES)
def test_the_declaration_of_a_quick_start_has_no_fault(page: str) -> None:
    """What the page says to write into issuers.yaml is a sound declaration, without a warning."""
    (text,) = [block for block in Guide(page).of("yaml") if block.startswith("# issuers.yaml")]
    written = yaml.safe_load(text)
    settings = AttestationSettings(
        tuple(stanza(**each) for each in written.get("issuers", ())),
        tuple(declare_domain(**each) for each in written.get("trust_domains", ())),
    )

    assert list(settings.faults()) == []
    assert list(settings.warnings()) == []
    assert settings.issuers or settings.trust_domains


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_quick_start_is_run_or_is_not_for_running(page: str) -> None:
    """No fence of a new language escapes the run."""
    assert {block.language for block in Guide(page).blocks} == {
        "sh",
        "python",
        "text",
        "yaml",
        "console",
    }
