"""An origin has one spelling: whatever a parser somewhere takes for the same is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import InvalidRequestError
from broker.tool_origin import is_origin, parse_digest, parse_origin

GOOD = [
    "https://mcp.example/search",
    "https://mcp.example",
    "https://mcp.example/",
    "https://mcp.example:8443/v1/sse",
    "https://xn--bcher-kva.example/tools",
    "https://registry.example/@acme/search",
    "pkg:npm/search@1.4.2",
    "pkg:pypi/acme/search@2.0.0rc1",
    "pkg:oci/search@sha256-0123abcd",
]
BAD = {
    "a user": "https://mcp.example@evil.example/",
    "a user and a password": "https://mcp.example:x@evil.example/",
    "an empty user": "https://@mcp.example/",
    "a trailing dot": "https://mcp.example./search",
    "two dots": "https://mcp..example/",
    "another scheme": "http://mcp.example/",
    "a scheme in capitals": "HTTPS://mcp.example/",
    "a host in capitals": "https://MCP.example/",
    "Unicode": "https://m\u0441p.example/",
    "a full-width dot": "https://mcp\uff0eexample/",
    "an ideographic dot": "https://mcp\u3002example/",
    "a soft hyphen": "https://mcp.exam\u00adple/",
    "the port that goes without saying": "https://mcp.example:443/",
    "the same without a path": "https://mcp.example:443",
    "no port": "https://mcp.example:/",
    "a port with a zero": "https://mcp.example:08443/",
    "a port that is none": "https://mcp.example:99999/",
    "a query": "https://mcp.example/?a=b",
    "a fragment": "https://mcp.example/#a",
    "an escape": "https://mcp.example/%2e%2e/",
    "a dot segment": "https://mcp.example/a/../b",
    "one dot": "https://mcp.example/./b",
    "a dot segment at the end": "https://mcp.example/a/..",
    "two slashes": "https://mcp.example//b",
    "a backslash": "https://mcp.example\\@evil.example/",
    "three slashes": "https:///mcp.example/",
    "no host": "https://",
    "an address": "https://127.0.0.1/",
    "a short address": "https://127.1/",
    "an address as a number": "https://2130706433/",
    "an address in hex": "https://0x7f.1/",
    "a number at the end": "https://mcp.0x10/",
    "IPv6": "https://[::1]/",
    "an underscore": "https://mcp_tool.example/",
    "a hyphen first": "https://-mcp.example/",
    "a label too long": f"https://{'a' * 64}.example/",
    "a host too long": f"https://{'a.' * 130}example/",
    "a space": "https://mcp.example/a b",
    "a line feed": "https://mcp.example/a\n",
    "a leading space": " https://mcp.example/",
    "a null": "https://mcp.example/\0",
    "markup": "https://mcp.example/<script>",
    "a script": "javascript:alert(1)",
    "a file": "file:///etc/passwd",
    "ten thousand characters": "https://mcp.example/" + "a" * 10_000,
    "a package without a version": "pkg:npm/search",
    "a package of no type": "pkg:/search@1",
    "a package out of its place": "pkg:npm/../search@1",
    "a package with a qualifier": "pkg:npm/search@1?repository_url=evil",
    "nothing": "",
}


@pytest.mark.parametrize("text", GOOD)
def test_an_origin_is_taken_as_it_is(text: str) -> None:
    """Nothing is mended: what comes out went in."""
    assert parse_origin(text, field="tool.origin") == text


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_has_another_spelling_is_refused(text: str) -> None:
    """And the text stays out of the error, which is shown and logged."""
    with pytest.raises(InvalidRequestError) as refused:
        parse_origin(text, field="tool.origin")

    assert refused.value.field == "tool.origin"
    assert len(text) < 10 or text not in str(refused.value)


@given(st.text(max_size=80).map("https://".__add__) | st.text(max_size=80))
def test_no_text_is_an_origin_that_is_not_plain_ascii(text: str) -> None:
    """Random texts: what passes is printable ASCII without space, and has a plain host."""
    if not is_origin(text):
        return

    assert re.fullmatch(r"[!-~]+", text)
    assert "@" not in text.partition("://")[2].partition("/")[0]


@given(
    st.lists(
        st.sampled_from(
            ["https://", "mcp", ".", "@", ":", "443", "/", "..", "example", "\\", "%2f"]
        ),
        max_size=10,
    )
)
def test_pieces_of_addresses_are_an_origin_only_when_they_are_a_plain_one(
    pieces: list[str],
) -> None:
    """Whoever parses it leniently finds the host that is written there."""
    text = "".join(pieces)
    if not is_origin(text):
        return

    host = text.removeprefix("https://").partition("/")[0].partition(":")[0]
    assert all(host.split("."))
    assert not set(host) & set("@\\%")


@pytest.mark.parametrize(
    "text", ["sha256:", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "md5:" + "a" * 32, "a" * 64]
)
def test_a_digest_has_one_form(text: str) -> None:
    """Of the one algorithm, in lower case, whole."""
    with pytest.raises(InvalidRequestError):
        parse_digest(text, field="tool.digest")

    assert parse_digest("sha256:" + "0a" * 32, field="tool.digest")
