"""The corners of what is shown."""

import re
from urllib.parse import parse_qsl

import pytest

from broker.http import render, render_metadata
from broker.http.paging import unseal
from broker.http.query import Window
from broker.model.requests import Introspected, IssuedCredential
from broker.secret import Secret
from tests.fakes.replace import replace
from tests.fakes.samples import ISSUER, LEASE, NOW_MS, a_lease, a_task


@pytest.mark.parametrize(
    ("left_ms", "seconds"),
    [(300_000, 300), (299_993, 300), (299_499, 299), (500, 1), (499, 0), (0, 0), (-1, 0)],
)
def test_expires_in_is_the_nearest_second_and_never_negative(left_ms: int, seconds: int) -> None:
    """The broker's clock and the ledger's differ by some milliseconds."""
    lease = replace(a_lease(), expires_at_ms=NOW_MS + left_ms)

    shown = render.issued(IssuedCredential(lease, Secret("x")), now_ms=NOW_MS)

    assert shown["expires_in"] == seconds


@pytest.mark.parametrize(
    ("changes", "renewable"),
    [
        ({}, True),
        ({"max_expires_at_ms": NOW_MS + 300_001}, True),
        ({"max_expires_at_ms": NOW_MS + 300_000}, False),
        ({"is_alive": False}, False),
    ],
)
def test_renewable_is_what_lives_and_can_live_longer(
    changes: dict[str, object], renewable: object
) -> None:
    """A credential at its first maximum cannot."""
    assert render.lease(replace(a_lease(), **changes))["renewable"] is renewable


def test_an_instant_that_has_not_come_is_null() -> None:
    """Not 1970."""
    shown = render.task(replace(a_task(), agent_seen_ms=0, opener_seen_ms=0))

    assert (shown["agent_seen_at"], shown["opener_seen_at"], shown["closed_at"]) == (None,) * 3


def test_introspection_tells_the_dates_of_the_token() -> None:
    """Not those of its lease, which may have been renewed since."""
    renewed = replace(a_lease(), generation=2, expires_at_ms=NOW_MS + 999)

    shown = render.introspected(Introspected(renewed, LEASE, LEASE, 1, 2), issuer=ISSUER)

    assert (shown["iat"], shown["exp"]) == (1, 2)


def test_the_subject_is_the_agent_unless_it_works_for_somebody() -> None:
    """As in the token itself."""
    lease = a_lease()
    alone = replace(lease, spec=replace(lease.spec, on_behalf_of=""))

    shown = render.introspected(Introspected(alone, LEASE, LEASE, 1, 2), issuer=ISSUER)

    assert shown["sub"] == "agent:invoice-bot"


def test_a_cursor_is_escaped_in_the_link() -> None:
    """Whatever the verb put into it."""
    filters = {"agent": "x:y/z"}
    link = render.next_link("/v1/tasks", "a&b=c/d#e%", Window("", 7, "me", filters))

    assert link is not None
    query = dict(parse_qsl(link.partition("?")[2]))
    assert query == filters | {"cursor": query["cursor"], "limit": "7"}
    assert re.fullmatch("[A-Za-z0-9_-]+", query["cursor"])
    assert unseal(query["cursor"], "me", "/v1/tasks", filters) == "a&b=c/d#e%"
    assert render.next_link("/v1/tasks", "", Window("", 7)) is None


def test_the_metadata_keeps_the_issuer_byte_for_byte() -> None:
    """RFC 8414 §3.3: a client compares it; a path before our own is kept."""
    shown = render_metadata.metadata("https://broker.example/team/")

    assert shown["issuer"] == "https://broker.example/team/"
    assert shown["jwks_uri"] == "https://broker.example/team/.well-known/jwks.json"
