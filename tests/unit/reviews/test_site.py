"""A page that shows what anybody wrote, and runs nothing of it."""

from html.parser import HTMLParser

import pytest

from broker.reviews.site import html_of, text
from tests.fakes.exports import whole

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;\u202egpj.exe\x00\u200b"


class Elements(HTMLParser):
    """Notes every element and attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one."""
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize(
    "member", ["purpose", "owner", "reason", "by", "agent", "told", "line", "fault", "behalf"]
)
def test_nothing_that_anybody_wrote_is_markup(member: str) -> None:
    """Wherever it stands; and the policy of the page lets nothing run or load anyway."""
    page = html_of(whole(**{member: HOSTILE}), "2027-01-15T08:00:00.000Z")
    plain = html_of(whole(), "2027-01-15T08:00:00.000Z")

    found, usual = Elements(), Elements()
    found.feed(page)
    usual.feed(plain)
    assert found.names <= usual.names | {"br"}
    assert found.attributes == usual.attributes
    assert not {"script", "img", "link", "iframe"} & found.names
    assert not {name for name in found.attributes if name.startswith("on")} | (
        {"src", "href"} & found.attributes
    )
    assert "default-src 'none'" in page
    assert "\u202e" not in page
    assert "\x00" not in page
    assert "\\u202egpj.exe" in page


def test_evidence_that_is_not_verified_is_said_first() -> None:
    """Before anything that rests on it."""
    page = html_of(whole(verified=False), "now")

    assert "not verified" in page
    assert page.index("not verified") < page.index("<svg")
    assert "not verified" not in html_of(whole(), "now")


def test_use_that_nobody_tells_of_is_never_called_unused() -> None:
    """It is said in words and has a colour of its own."""
    page = html_of(whole(), "now")

    assert "use is not known" in page
    assert "never seen in use" not in page


def test_quotes_cannot_end_an_attribute() -> None:
    """Names stand in attributes, too."""
    assert text("\"'<>&") == "&quot;&#x27;&lt;&gt;&amp;"
