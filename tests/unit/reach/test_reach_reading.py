"""What a lease says that its credential is for, read strictly and judged by."""

import pytest

from broker.proxy import Route, parse_routes
from broker.reach.lines import MOST_LINES, ReachLine, ScopedLine, opened
from broker.reach.reach import NOTHING, UnreadableReachError, parse_reach

LINE: dict[str, object] = {"host": "api.test", "methods": ["GET"], "paths": ["/v1/**"]}
READ = ScopedLine(host="a.test", methods=("GET",), paths=("/**",), scopes=("read", "look"))
WRITE = ScopedLine(host="a.test", methods=("POST",), paths=("/v1",), scopes=("write",))
ANY = ScopedLine(host="b.test", methods=("GET",), paths=("/",))


@pytest.mark.parametrize(
    ("scheme", "host", "port", "method", "path", "is_allowed"),
    [
        ("https", "api.test", 443, "GET", "/v1/orders", True),
        ("https", "api.test", 443, "GET", "/v1", True),
        ("https", "api.test", 443, "HEAD", "/v1/orders", False),
        ("https", "api.test", 443, "GET", "/v2/orders", False),
        ("https", "api.test", 8443, "GET", "/v1/orders", False),
        ("http", "api.test", 443, "GET", "/v1/orders", False),
        ("https", "sub.api.test", 443, "GET", "/v1/orders", False),
    ],
)
def test_a_request_is_within_it_by_server_method_and_path(
    scheme: str, host: str, port: int, method: str, path: str, *, is_allowed: bool
) -> None:
    """All of them, by one and the same line."""
    reach = parse_reach([LINE, {**LINE, "host": "other.test", "methods": ["HEAD"]}])

    segments = tuple(path[1:].split("/"))
    assert reach.allows(scheme, host, port, method, segments) is is_allowed


def test_lines_are_not_joined() -> None:
    """A method of one line and a path of another are no permission."""
    reach = parse_reach([LINE, {**LINE, "methods": ["POST"], "paths": ["/v2"]}])

    assert reach.allows("https", "api.test", 443, "POST", ("v2",))
    assert not reach.allows("https", "api.test", 443, "POST", ("v1", "orders"))


def test_nothing_is_open_without_a_line() -> None:
    """An empty list is an answer: nothing."""
    assert parse_reach([]) == NOTHING
    assert not NOTHING.knows("https", "api.test", 443)


HOSTILE = {
    "null": None,
    "text": "all",
    "object": {"host": "api.test"},
    "no-line": ["api.test"],
    "no-host": [{"methods": ["GET"], "paths": ["/**"]}],
    "unknown-member": [{**LINE, "queries": ["safe=1"]}],
    "scopes": [{**LINE, "scopes": ["read"]}],
    "wildcard-host": [{**LINE, "host": "*.test"}],
    "address": [{**LINE, "host": "10.0.0.1"}],
    "host-with-port": [{**LINE, "host": "api.test:443"}],
    "port": [{**LINE, "port": 65_536}],
    "scheme": [{**LINE, "scheme": "ftp"}],
    "any-method": [{**LINE, "methods": ["*"]}],
    "small-method": [{**LINE, "methods": ["get"]}],
    "connect": [{**LINE, "methods": ["GET", "CONNECT"]}],
    "no-method": [{**LINE, "methods": []}],
    "no-path": [{**LINE, "paths": []}],
    "relative-path": [{**LINE, "paths": ["v1"]}],
    "dots": [{**LINE, "paths": ["/v1/../admin"]}],
    "encoded": [{**LINE, "paths": ["/v1/%2e%2e"]}],
    "query": [{**LINE, "paths": ["/v1?x=1"]}],
    "inner-rest": [{**LINE, "paths": ["/**/admin"]}],
    "half-star": [{**LINE, "paths": ["/v1/a*"]}],
    "one-of-two": [LINE, {**LINE, "host": "API.test"}],
    "too-many": [LINE] * (MOST_LINES + 1),
    "long-path": [{**LINE, "paths": ["/" + "a" * 300]}],
}


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_meant_is_unreadable_as_a_whole(document: object) -> None:
    """No line of it is taken: what is not understood might have narrowed the rest."""
    with pytest.raises(UnreadableReachError, match="reach"):
        parse_reach(document)


def test_a_fault_names_line_and_member() -> None:
    """By which it is found."""
    with pytest.raises(UnreadableReachError, match=r"^reach\[1\]\.paths: write paths as"):
        parse_reach([LINE, {**LINE, "paths": ["v1"]}])


@pytest.mark.parametrize(
    ("granted", "lines"),
    [
        (("read",), [READ, ANY]),
        (("look", "read"), [READ, ANY]),
        (("write", "read"), [READ, WRITE, ANY]),
        (("other",), [ANY]),
        ((), [ANY]),
    ],
)
def test_scopes_open_their_lines_and_those_of_every_scope(
    granted: tuple[str, ...], lines: list[ScopedLine]
) -> None:
    """And are not told: whoever holds the credential judges by server, method and path."""
    found = opened([READ, WRITE, ANY], granted)

    assert found == tuple(line.unscoped() for line in lines)
    assert not any(isinstance(line, ScopedLine) for line in found)


def test_a_line_that_two_scopes_open_is_told_once() -> None:
    """Two lines that say the same are one."""
    twice = ScopedLine(host="a.test", methods=("GET",), paths=("/**",), scopes=("x",))

    assert opened([READ, twice], ["read", "x"]) == (
        ReachLine(host="a.test", methods=("GET",), paths=("/**",)),
    )


@pytest.mark.parametrize("text", ["/v1/orders", "/v1/{id}/lines", "/v1/*/x", "/**", "/a/%20b"])
def test_a_path_means_the_same_in_a_route_and_in_a_lease(text: str) -> None:
    """One grammar."""
    (route,) = parse_routes([{"need": "n", **LINE, "paths": [text]}])
    (opening,) = parse_reach([{**LINE, "paths": [text]}]).openings

    assert isinstance(route, Route)
    assert (route.paths, route.methods) == (opening.paths, opening.methods)
