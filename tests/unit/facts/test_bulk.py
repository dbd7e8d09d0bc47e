"""An import is read whole, with every fault and its line."""

import pytest

from broker.facts import bulk
from broker.facts.bulk import Form, read_import
from broker.facts.checking import faults_of
from broker.facts.text_form import parse_instant
from tests.fakes.facts import edge, world

CSV = b"""subject,relation,object,expires
agent:invoice-bot,assigned-to,ticket:T-1,2027-01-31T12:00:00Z

"agent:base-bot",assigned-to,ticket:T-1,
"""
LINES = (
    b'{"subject":"agent:invoice-bot","relation":"assigned-to","object":"ticket:T-1",'
    b'"expires":"2027-01-31T12:00:00Z"}\n\n'
    b'{"subject":"agent:base-bot","relation":"assigned-to","object":"ticket:T-1"}\n'
)
WANTED = (
    edge("agent:invoice-bot assigned-to ticket:T-1", until=parse_instant("2027-01-31T12:00:00Z")),
    edge("agent:base-bot assigned-to ticket:T-1"),
)


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        (CSV, Form.CSV),
        (CSV.replace(b"\n", b"\r\n"), Form.CSV),
        (b"\xef\xbb\xbf" + CSV, Form.CSV),
        (LINES, Form.JSON_LINES),
        (LINES.replace(b"\n", b"\r\n"), Form.JSON_LINES),
    ],
)
def test_both_forms_say_the_same(raw: bytes, form: Form) -> None:
    """However their lines end."""
    found = read_import(raw, "acme", form)

    assert (found.relationships, found.faults) == (WANTED, ())
    assert faults_of(world(), found.change("operator:a", "import", "crm")) == ()
    assert found.lines[-1] == (4 if form is Form.CSV else 3)


def test_all_faults_are_told_each_with_its_line() -> None:
    """In one go."""
    raw = b"\n".join(
        [
            b"subject,relation,object",
            b"agent:a,assigned-to,ticket:t",
            b"agent:a,likes,ticket:t",
            b"a,assigned-to,ticket:t",
            b"agent:a,assigned-to",
            b"agent:a,assigned-to,ticket:t",
            b"agent:a,assigned-to,",
        ]
    )

    found = read_import(raw, "acme", Form.CSV)

    assert [(f.line, f.field) for f in found.faults] == [
        (3, "relation"),
        (4, "subject"),
        (5, ""),
        (6, ""),
        (7, "object"),
    ]
    assert all(fault.message and fault.remedy for fault in found.faults)
    assert "line 2" in found.faults[3].message


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b'{"subject":"agent:a","relation":"assigned-to","object":"ticket:t","more":"x"}',
        b'{"subject":"agent:a","subject":"agent:b","relation":"assigned-to","object":"ticket:t"}',
        b'{"subject":1,"relation":"assigned-to","object":"ticket:t"}',
        b'{"subject":"agent:a","relation":"assigned-to"}',
        b'{"subject":"agent:a"',
        b"x" * 5_000,
    ],
)
def test_a_line_that_can_be_read_in_two_ways_is_read_in_none(line: bytes) -> None:
    """As every JSON from outside."""
    found = read_import(LINES + line, "acme", Form.JSON_LINES)

    assert [fault.line for fault in found.faults] == [4]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"subject,relation,object\n",
        b"subject,relation\nagent:a,assigned-to\n",
        b"agent:a,assigned-to,ticket:t\n",
        b"subject,relation,object,object\n",
        b'subject,relation,object\n"agent:a,assigned-to,ticket:t\n',
        b"subject,relation,object\nagent:\xff,assigned-to,ticket:t\n",
    ],
)
def test_what_is_no_table_of_relationships_is_refused(raw: bytes) -> None:
    """Also an empty one: it was hardly meant."""
    assert read_import(raw, "acme", Form.CSV).faults


def test_an_import_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes, lines and faults."""
    assert read_import(CSV, "acme", Form.CSV, limit=1).faults[-1].line == 4
    monkeypatch.setattr(bulk, "MAX_FAULTS", 3)
    many = read_import(b"x\n" * 50, "acme", Form.JSON_LINES)
    assert len(many.faults) == 4
    monkeypatch.setattr(bulk, "MAX_BYTES", 10)
    assert read_import(CSV, "acme", Form.CSV).faults[0].line == 0


def test_faults_of_the_change_lie_in_lines_too() -> None:
    """What only the facts can tell: nobody knows this ticket."""
    raw = LINES.replace(b"ticket:T-1", b"ticket:T-9")
    found = read_import(raw, "acme", Form.JSON_LINES)

    faults = found.located(faults_of(world(), found.change("operator:a", "import")))

    assert [(fault.line, fault.field) for fault in faults] == [(1, "object"), (3, "object")]
