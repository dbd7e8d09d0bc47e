"""A review's page in a real browser: what anybody wrote is shown, and nothing of it runs or loads.

Headless Chromium, if this machine has one. Each promise is tried on a page that lacks its guard,
too: there the browser does what the guard keeps it from.
"""

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from broker.reviews.site import html_of
from tests.fakes.exports import whole
from tests.real.fetch import missing

pytestmark = pytest.mark.real

NOW: Final = "2027-01-15T08:00:00.000Z"
HOSTILE: Final = (
    "<script>document.title='run'</script>\"'><img src=x onerror=\"document.title='run'\">"
    "<svg onload=\"document.title='run'\"><style>body{display:none}</style>"
)
MEMBERS: Final = ("purpose", "owner", "reason", "by", "agent", "told", "line", "fault", "behalf")
RUNS: Final = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
GUARD: Final = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@pytest.fixture(scope="module")
def chromium() -> str:
    """Where the browser is."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise missing("Chromium is not there (Debian: chromium)", is_needed=False)
    return found


class Browser:
    """Opens pages, and tells what has become of them."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder

    def shows(self, page: str) -> str:
        """Open a page from a file; return it as it is once it has been loaded."""
        file = self._folder / "page.html"
        file.write_text(page, encoding="utf-8")
        options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
        profile = f"--user-data-dir={self._folder / 'profile'}"
        done = subprocess.run(  # noqa: S603 - a browser of this machine
            [self._program, *options, profile, "--dump-dom", file.as_uri()],
            capture_output=True,
            timeout=120,
            check=True,
        )
        return done.stdout.decode()


@pytest.fixture
def browser(chromium: str, tmp_path: Path) -> Browser:
    """A browser with nothing of the past."""
    return Browser(chromium, tmp_path)


def title(page: str) -> str:
    """Return what a page is called."""
    (found,) = re.findall(r"<title>([^<]*)</title>.*?<style>", page, re.DOTALL)
    return str(found)


def with_body(page: str, more: str) -> str:
    """Put markup into a page, as if escaping had failed once."""
    return page.replace("</body>", f"{more}</body>")


def test_nothing_that_anybody_wrote_runs_or_hides_anything(browser: Browser) -> None:
    """Wherever it stands: it is text that people read."""
    page = html_of(whole(**dict.fromkeys(MEMBERS, HOSTILE)), NOW)

    shown = browser.shows(page)

    assert title(shown).startswith("Review of")
    assert "<script" not in shown
    assert "<img" not in shown
    assert shown.count("&lt;script&gt;document.title='run'&lt;/script&gt;") >= len(MEMBERS)
    assert shown.count("<style>") == 1


def test_the_page_s_own_policy_holds_even_if_markup_got_in(browser: Browser) -> None:
    """No script runs, inline or of an attribute; without the policy it would."""
    page = with_body(html_of(whole(), NOW), RUNS)

    assert title(browser.shows(page)).startswith("Review of")
    assert title(browser.shows(GUARD.sub("", page))) == "run"


def test_nothing_is_fetched_and_nothing_sent(browser: Browser) -> None:
    """Neither by the page, nor by what got into it; without the policy it would be."""
    with listening() as (address, asked):
        links = f'<img src="{address}/image"><link rel="stylesheet" href="{address}/style">'
        page = html_of(whole(), NOW)
        browser.shows(page)
        browser.shows(with_body(page, links))
        assert asked == []
        browser.shows(with_body(GUARD.sub("", page), links))
        assert sorted(asked) == ["/image", "/style"]


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """Note who asks for what on this machine."""
    asked: list[str] = []

    class Notes(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Notes)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
