"""Changes as they are written to the log."""

import msgspec
import pytest

from broker.facts.change import (
    DropThing,
    LiftHold,
    decode,
    decode_changes,
    encode,
    encode_changes,
    tenants_of,
)
from tests.fakes.facts import WORLD, changes, hold, put, ref, relate, unrelate

ALL = changes(
    put("agent:a"),
    DropThing(ref("ticket:t"), cascade=True),
    relate("agent:a assigned-to ticket:t", until=5),
    unrelate("agent:a member-of team:/x"),
    hold("agent:b", "globex"),
    LiftHold(ref("team:x")),
    source="files",
)


def test_every_kind_of_change_is_read_as_it_was_written() -> None:
    """And the same set is always the same bytes."""
    assert decode(encode(ALL)) == ALL
    assert encode(decode(encode(ALL))) == encode(ALL)
    assert decode_changes(encode_changes(ALL.changes)) == ALL.changes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"op":"put"', b'"op":"putt"'),
        (b'"kind":"agent"', b'"kind":"robot"'),
        (b'"cascade":true', b'"cascade":1'),
        (b'"cascade":true', b'"cascade":true,"more":1'),
        (b'"expires_at_ms":5', b'"expires_at_ms":"5"'),
        (b'"by":', b'"bye":'),
    ],
)
def test_what_is_not_of_the_form_is_not_read(old: bytes, new: bytes) -> None:
    """No word is guessed, no type is bent."""
    raw = encode(ALL)
    assert old in raw

    with pytest.raises(msgspec.ValidationError):
        decode(raw.replace(old, new, 1))


def test_who_orders_answers_for_every_tenant_spoken_of() -> None:
    """And for all, when something that all share is spoken of."""
    assert tenants_of(ALL) == {"acme", "globex", ""}
    assert tenants_of(changes(*WORLD)) == {"acme"}
