import pytest

from broker.errors import InvalidRequestError
from broker.proxy import DatabaseRoute, Route, parse_routes
from broker.proxy.message import Fields
from broker.proxy.signing import Signing
from broker.proxy.standin import StandIn
from broker.reach.pattern import parse_pattern
from broker.secret import Secret

GOOD: dict[str, object] = {
    "need": "orders",
    "host": "api.example.com",
    "methods": ["GET"],
    "paths": ["/v1/**"],
}
SIGV4 = {"sigv4": {"service": "s3", "region": "us-east-1"}}


def test_a_short_declaration_is_a_bearer_token_over_https() -> None:
    """What is not said is the narrow and usual thing."""
    (route,) = parse_routes([GOOD])

    assert isinstance(route, Route)
    assert (route.scheme, route.authority.port, route.id) == ("https", 443, "orders-0")
    stand_in = StandIn("standin_x", "", Secret(""))
    assert route.placing.places == {"authorization"}
    assert route.placing.is_shown(Fields((("Authorization", "Bearer standin_x"),)), stand_in)
    assert (route.always, route.local, route.cookies) == (False, False, False)


def test_a_declaration_may_say_that_aws_tools_sign() -> None:
    """For one service in one region."""
    (route,) = parse_routes([GOOD | {"put": SIGV4}])

    assert isinstance(route, Route)
    assert route.placing == Signing("s3", "us-east-1")


DATABASE: dict[str, object] = {
    "need": "db",
    "scheme": "postgres",
    "host": "db.example.com",
    "database": "orders",
}


def test_a_short_declaration_of_a_database_is_one_over_verified_tls() -> None:
    """Weaker only as far as the credential says, and never beyond this machine."""
    (route,) = parse_routes([DATABASE])

    assert isinstance(route, DatabaseRoute)
    assert (route.authority.port, route.database, route.id) == (5432, "orders", "db-0")
    assert (route.sslmode, route.local) == ("", False)


BAD = {
    "database-missing": ([{**DATABASE, "database": ""}], "routes[0].database"),
    "database-with-end": ([{**DATABASE, "database": "a\0b"}], "routes[0].database"),
    "database-host": ([{**DATABASE, "host": "10.0.0.1"}], "routes[0].host"),
    "database-port": ([{**DATABASE, "port": 0}], "routes[0].port"),
    "database-mode": ([{**DATABASE, "sslmode": "prefer"}], "routes"),
    "database-clear": ([{**DATABASE, "sslmode": "disable"}], "routes[0].sslmode"),
    "database-paths": ([{**DATABASE, "paths": ["/**"]}], "routes"),
    "database-twice": ([DATABASE, {**DATABASE, "id": "two"}], "routes"),
    "database-and-http": ([DATABASE, GOOD | {"need": "db"}], "routes"),
    "no-object": (["db"], "routes"),
    "no-list": ({}, "routes"),
    "nothing": ([], "routes"),
    "unknown-member": ([GOOD | {"methdos": []}], "routes"),
    "missing-member": ([{"need": "x"}], "routes"),
    "wrong-type": ([GOOD | {"port": "443"}], "routes"),
    "address": ([GOOD | {"host": "10.0.0.1"}], "routes[0].host"),
    "octal": ([GOOD | {"host": "0177.1"}], "routes[0].host"),
    "ipv6": ([GOOD | {"host": "[::1]"}], "routes[0].host"),
    "wildcard": ([GOOD | {"host": "*.example.com"}], "routes[0].host"),
    "capitals": ([GOOD | {"host": "API.example.com"}], "routes[0].host"),
    "trailing-dot": ([GOOD | {"host": "api.example.com."}], "routes[0].host"),
    "host-with-port": ([GOOD | {"host": "api.example.com:1"}], "routes[0].host"),
    "port": ([GOOD | {"port": 70_000}], "routes[0].port"),
    "negative-port": ([GOOD | {"port": -1}], "routes[0].port"),
    "clear-text": ([GOOD | {"scheme": "http"}], "routes[0].scheme"),
    "scheme": ([GOOD | {"scheme": "ftp"}], "routes"),
    "no-method": ([GOOD | {"methods": []}], "routes[0].methods"),
    "trace": ([GOOD | {"methods": ["GET", "TRACE"]}], "routes[0].methods"),
    "lower-method": ([GOOD | {"methods": ["get"]}], "routes[0].methods"),
    "no-path": ([GOOD | {"paths": []}], "routes[0].paths"),
    "relative-path": ([GOOD | {"paths": ["v1"]}], "routes[0].paths"),
    "dots": ([GOOD | {"paths": ["/v1/../x"]}], "routes[0].paths"),
    "rest-in-the-middle": ([GOOD | {"paths": ["/**/x"]}], "routes[0].paths"),
    "star-in-a-segment": ([GOOD | {"paths": ["/v1/x*"]}], "routes[0].paths"),
    "query": ([GOOD | {"paths": ["/v1?x=1"]}], "routes[0].paths"),
    "misspelt-path": ([GOOD | {"paths": ["/%61"]}], "routes[0].paths"),
    "template": ([GOOD | {"put": {"header": "X-Key", "template": "x"}}], "routes[0].put.template"),
    "braces": ([GOOD | {"put": {"header": "A", "template": "{x} {"}}], "routes[0].put.template"),
    "line": ([GOOD | {"put": {"header": "A", "template": "{x}\r\n"}}], "routes[0].put.template"),
    "cookie": ([GOOD | {"put": {"header": "Cookie", "template": "{x}"}}], "routes[0].put.header"),
    "te": ([GOOD | {"put": {"header": "TE", "template": "{x}"}}], "routes[0].put.header"),
    "no-field": ([GOOD | {"put": {"template": "{x}"}}], "routes[0].put.header"),
    "unknown-service": (
        [GOOD | {"put": {"sigv4": {"service": "S3", "region": "x"}}}],
        "routes[0].put.sigv4.service",
    ),
    "hands-out-keys": (
        [GOOD | {"put": {"sigv4": {"service": "sts", "region": "x"}}}],
        "routes[0].put.sigv4.service",
    ),
    "no-region": ([GOOD | {"put": {"sigv4": {"service": "s3"}}}], "routes"),
    "odd-region": (
        [GOOD | {"put": {"sigv4": {"service": "s3", "region": "a/b"}}}],
        "routes[0].put.sigv4.region",
    ),
    "signed-and-shown": ([GOOD | {"put": SIGV4 | {"header": "X-Key"}}], "routes[0].put"),
    "signed-always": ([GOOD | {"put": SIGV4, "when": "always"}], "routes[0].when"),
    "signed-here-shown-there": ([GOOD | {"put": SIGV4}, GOOD], "routes"),
    "user": (
        [GOOD | {"put": {"basic_user": "a:b", "template": "{x}"}}],
        "routes[0].put.basic_user",
    ),
    "twice": ([GOOD | {"id": "a"}, GOOD | {"id": "a"}], "routes"),
    "local-and-not": ([GOOD, GOOD | {"local": True}], "routes"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_declaration_that_cannot_be_meant_names_its_member(name: str) -> None:
    """And nothing is taken of it."""
    document, field = BAD[name]

    with pytest.raises(InvalidRequestError) as caught:
        parse_routes(document)

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/v1/orders", "/v1/orders", True),
        ("/v1/orders", "/v1/orders/", False),
        ("/v1/orders", "/v1/orders-evil", False),
        ("/v1/orders/", "/v1/orders/", True),
        ("/v1/orders/{id}", "/v1/orders/7", True),
        ("/v1/orders/{id}", "/v1/orders/", False),
        ("/v1/orders/*", "/v1/orders/7/x", False),
        ("/v1/*/x", "/v1/7/x", True),
        ("/v1/**", "/v1", True),
        ("/v1/**", "/v1/", True),
        ("/v1/**", "/v1/a/b/c", True),
        ("/v1/**", "/v1x/a", False),
        ("/**", "/", True),
        ("/**", "/a/b", True),
        ("/", "/", True),
        ("/", "/a", False),
    ],
)
def test_patterns_compare_segment_by_segment(pattern: str, path: str, *, fits: bool) -> None:
    """A sibling that begins alike is another one."""
    parsed = parse_pattern(pattern)

    assert parsed is not None
    assert parsed.matches(tuple(path[1:].split("/"))) is fits
