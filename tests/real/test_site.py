"""The documentation as a site, by the real MkDocs."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.site import ROOT, build

pytestmark = pytest.mark.real

LOADED = re.compile(r"<(?:script|img|iframe|link)[^>]*?(?:src|href)=[\"']?([^\"' >]+)[^>]*>")


@pytest.fixture(scope="module")
def site(part: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it."""
    folder = tmp_path_factory.mktemp("site")
    done = build(part("mkdocs").parents[1], folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_becomes_one_of_the_site(site: Path) -> None:
    """Whether the navigation names it or not."""
    pages = {
        page.relative_to(ROOT / "docs").with_suffix(".html") for page in ROOT.glob("docs/**/*.md")
    }

    assert {page.relative_to(site) for page in site.rglob("*.html")} >= pages


def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    """No font, script, picture or style of somebody else's server."""
    loaded = {
        found
        for page in site.rglob("*.html")
        for found in LOADED.findall(page.read_text(encoding="utf-8"))
    }

    assert loaded
    assert [found for found in loaded if re.match(r"(?:[a-z]+:)?//", found)] == []
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(?:https?:)?//", sheet.read_text(encoding="utf-8"))


def test_it_can_be_searched(site: Path) -> None:
    """By its own index, wherever it is served."""
    assert "receipt" in (site / "search/search_index.json").read_text(encoding="utf-8")
