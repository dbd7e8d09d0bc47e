"""The documentation holds together: every link leads somewhere, and every page can be found."""

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = sorted(DOCS.rglob("*.md"))
_LINK: Final = re.compile(
    r"(?<!!)\[[^\]]*\]\((?!https?:|mailto:)([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)"
)
_FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchor(heading: str) -> str:
    """Return what a heading is linked by."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """Return everything on a page that can be linked."""
    return {anchor(heading) for heading in _HEADING.findall(prose(page))}


def is_there(page: Path, link: str) -> bool:
    """Tell whether a link of a page leads somewhere in this checkout."""
    path, _, fragment = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists() or ROOT not in (target, *target.parents):
        return False
    return not fragment or target.suffix != ".md" or fragment in anchors(target)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """To a file of this checkout, and to a heading of it."""
    links = [first or second for first, second in _LINK.findall(prose(page))]

    assert [link for link in links if not is_there(page, link)] == []


def test_every_page_is_in_the_sites_navigation() -> None:
    """But for decisions and problems, which are found from other pages."""
    site = yaml.safe_load((ROOT / "config/site/mkdocs.yml").read_text(encoding="utf-8"))
    named = set(re.findall(r"[\w\-]+\.md", str(site["nav"])))

    assert named == {page.name for page in DOCS.glob("*.md")}, "mend nav in config/site/mkdocs.yml"


def test_the_list_of_errors_has_every_problem_with_its_status() -> None:
    """And no other."""
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    listed = set(
        re.findall(r"^\| (\d{3}) \| \[`([\w-]+)`\]\(problems/\2\.md\)", page, re.MULTILINE)
    )
    stand = {
        (re.findall(r"^(\d{3}) ", file.read_text(encoding="utf-8"), re.MULTILINE)[0], file.stem)
        for file in (DOCS / "problems").glob("*.md")
    }

    assert listed == stand
