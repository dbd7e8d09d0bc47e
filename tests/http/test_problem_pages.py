"""Every problem has a page, and every broker shows it."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from broker.http.contract.failures import failures
from broker.http.problems import TYPE_BASE, word_of
from tests.unit.http.test_problems import all_errors

PAGES = Path(__file__).parents[2] / "docs" / "problems"
PARTS = ("**What it means.**", "**Who can mend it.**", "**How.**", "**The same request again:**")
AGENT = {"Authorization": "Bearer token-of-agent"}


def test_there_is_a_page_for_every_problem_and_for_nothing_else() -> None:
    """Whoever adds an error class writes what its caller can do about it."""
    have = {page.stem for page in PAGES.glob("*.md")}

    assert set(failures()) - have == set(), "write docs/problems/<word>.md"
    assert have - set(failures()) == set(), "no such problem any more"


def test_every_error_shows_as_a_problem_that_has_a_page() -> None:
    """A class without a row of its own must not bring a word of its own that callers see."""
    assert {word_of(kind) for kind in all_errors()} <= set(failures())


@pytest.mark.parametrize("word", sorted(failures()))
def test_a_page_says_what_it_means_and_who_can_mend_it_and_how(word: str) -> None:
    """Under the very URI that the problem has as its type."""
    text = (PAGES / f"{word}.md").read_text()

    assert text.startswith(f"# {word}\n\n{failures()[word].status} {failures()[word].title}: ")
    assert f"`{TYPE_BASE}{word}`" in text
    assert all(len(text.partition(part)[2]) > 20 for part in PARTS)


@pytest.mark.parametrize("word", sorted(failures()))
async def test_a_page_is_served_to_anybody_as_plain_text(client: ClientSession, word: str) -> None:
    """Under the path of the type, at whichever broker answered."""
    async with client.get(urlsplit(TYPE_BASE + word).path) as answer:
        text = await answer.text()

    assert (answer.status, answer.content_type, answer.charset) == (200, "text/plain", "utf-8")
    assert text == (PAGES / f"{word}.md").read_text()


@pytest.mark.parametrize(
    "word", ["no-such", "..%2F..%2FREADME", "%2e%2e", "not-found.md", "<script>", "not-found%00"]
)
async def test_no_other_file_is_served(client: ClientSession, word: str) -> None:
    """The path is looked up among the words; it never reaches a file system."""
    async with client.get(f"/problems/{word}") as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert answer.status == 404
    assert "script" not in str(problem)


async def test_a_problem_links_to_its_page(client: ClientSession) -> None:
    """RFC 8288; the type itself is the same at every installation."""
    async with client.get("/v1/nothing", headers=AGENT) as answer:
        assert answer.headers["Link"] == '</problems/not-found>; rel="help"'
