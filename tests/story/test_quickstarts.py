"""The quick starts of the documentation, run word for word against a running `broker dev`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from broker.attestation.settings import AttestationSettings
from tests.fakes.attestation import stanza
from tests.fakes.guide import Guide
from tests.fakes.playground import Up, playground, run_script
from tests.fakes.spiffe import declare_domain

PAGES = ["quickstart-kubernetes.md", "quickstart-github.md", "quickstart-spiffe.md"]


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """Use one playground for all pages."""
    with playground() as found:
        yield found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the pages use curl")
@pytest.mark.parametrize("page", PAGES)
def test_a_quick_start_does_what_it_says(up: Up, tmp_path: Path, page: str) -> None:
    """An agent obtains, uses and loses a credential by the command, the client and curl."""
    guide = Guide(page)

    done = run_script(guide.script, up, tmp_path)

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
