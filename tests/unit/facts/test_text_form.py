"""What people write is read strictly, and written so that it is read as the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import InvalidRequestError
from broker.facts.fields import MAX_INSTANT_MS
from broker.facts.text_form import (
    instant_text,
    parse_instant,
    parse_ref,
    parse_relationship,
    relationship_text,
)
from broker.model.fact import Relationship
from tests.fakes.fact_graphs import JOINABLE, REFS
from tests.fakes.facts import edge, ref

INSTANTS = st.integers(1, MAX_INSTANT_MS - 1)


@given(st.sampled_from(REFS))
def test_a_name_is_read_as_it_was_written(named: object) -> None:
    """Shared teams and all."""
    assert parse_ref(str(named), "acme") == named


@given(st.sampled_from(JOINABLE), st.just(0) | INSTANTS)
def test_a_relationship_is_read_as_it_was_written(key: tuple, until_ms: int) -> None:  # type: ignore[type-arg]  # a table's
    """With its end, to the millisecond."""
    each = Relationship(*key, until_ms)

    assert parse_relationship(relationship_text(each), "acme") == each


@given(INSTANTS)
def test_an_instant_is_read_as_it_was_written(at_ms: int) -> None:
    """Up to the last one that there is."""
    assert parse_instant(instant_text(at_ms)) == at_ms


def test_an_offset_is_counted() -> None:
    """The same instant in two places."""
    assert parse_instant("2027-01-31T13:00:00+01:00") == parse_instant("2027-01-31T12:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2027-01-31",
        "2027-01-31T12:00:00",
        "2027-02-30T12:00:00Z",
        "1969-12-31T23:59:59Z",
        "2027-01-31 12:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1893456000000",
        "2027-01-31T12:00:00Z\n",
    ],
)
def test_what_could_be_two_instants_is_none(text: str) -> None:
    """Without an offset it would be another one elsewhere."""
    with pytest.raises(InvalidRequestError):
        parse_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bot",
        "robot:x",
        "agent:",
        "agent:a b",
        "agent:a:b",
        "agent:/x",
        "tenant:globex",
        "team://x",
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    """Only a team may be shared; a tenant names itself."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_ref(text, "acme", field="there")
    assert caught.value.field == "there"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("agent:a assigned-to", "r"),
        ("agent:a  assigned-to ticket:t", "r"),
        ("agent:a assigned-to ticket:t till 2027-01-31T12:00:00Z", "r"),
        ("agent:a assigned-to ticket:t until", "r"),
        ("bot assigned-to ticket:t", "r.subject"),
        ("agent:a likes ticket:t", "r.relation"),
        ("agent:a assigned-to T-1", "r.object"),
        ("agent:a assigned-to ticket:t until tomorrow", "r.expires"),
    ],
)
def test_the_part_that_is_wrong_is_named(text: str, field: str) -> None:
    """So that it can be mended."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_relationship(text, "acme", field="r")
    assert caught.value.field == field


def test_the_tenant_spoken_of_is_everybodys() -> None:
    """Names in one line are of one tenant."""
    assert parse_relationship("agent:a member-of team:x", "globex") == edge(
        "agent:a member-of team:x", "globex"
    )
    assert parse_ref("tenant:acme", "acme") == ref("tenant:acme")
