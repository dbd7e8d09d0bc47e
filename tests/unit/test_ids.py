"""Names: their form, their uniqueness, what they carry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import InvalidRequestError
from broker.ids import (
    IdFactory,
    LeaseId,
    bucket_of,
    is_root,
    jti,
    lease_of,
    parse_decision_id,
    parse_lease_id,
    parse_revocation_id,
    parse_task_id,
)


def test_ids_parse_as_what_they_are_and_as_nothing_else() -> None:
    """Each kind has its own letter; a lease id is no task id."""
    ids = IdFactory(256)
    task, child = ids.root_task(), None
    child = ids.child_task(task)
    made = {
        parse_task_id: {task, child},
        parse_lease_id: {ids.lease(task)},
        parse_revocation_id: {ids.revocation(7)},
        parse_decision_id: {ids.decision(7)},
    }

    for parse, own in made.items():
        for values in made.values():
            for value in values:
                if value in own:
                    assert parse(value) == value
                else:
                    with pytest.raises(InvalidRequestError):
                        parse(value)


def test_everything_of_a_tree_lies_in_its_roots_bucket() -> None:
    """The bucket is carried, never recomputed."""
    ids = IdFactory(16)
    for _ in range(200):
        root = ids.root_task()
        child = ids.child_task(root)
        assert bucket_of(root) == bucket_of(child) == bucket_of(ids.lease(child))
        assert is_root(root)
        assert not is_root(child)


def test_an_idempotency_scope_always_leads_to_the_same_bucket() -> None:
    """Though each attempt names another task."""
    ids = IdFactory(16)
    names = {ids.root_task_for("scope") for _ in range(50)}

    assert len(names) == 50
    assert len({bucket_of(name) for name in names}) == 1


def test_two_ids_fit_into_a_role_session_name() -> None:
    """At most 64 characters of lower case, so that names that ignore case stay apart."""
    ids = IdFactory(16)
    name = f"{ids.root_task()}-{ids.lease(ids.root_task())}"

    assert len(name) <= 64
    assert name == name.lower()


def test_every_letter_of_an_id_is_equally_likely() -> None:
    """The map from bytes to letters is even: 256 is a multiple of 32."""
    every_byte = IdFactory(16, lambda count: bytes(range(256)) if count == 26 else b"\x00\x00")
    letters = every_byte.operation()

    assert {letters.count(letter) for letter in letters} == {8}
    assert len(set(letters)) == 32


@given(st.text(max_size=40))
def test_no_other_text_is_an_id(text: str) -> None:
    """Neither shorter, longer, upper case, nor with a newline at its end."""
    for parse in (parse_task_id, parse_lease_id):
        with pytest.raises(InvalidRequestError):
            parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "t_07_" + "a" * 25,
        "t_07_" + "a" * 27,
        "t_07_" + "a" * 26 + "\n",
        "T_07_" + "a" * 26,
        "t_7_" + "a" * 26,
        "t_0G_" + "a" * 26,
        "t_07_" + "A" * 26,
        "t_07_" + "1" * 26,
        "t_07_" + "a" * 25 + "\u0430",
    ],
)
def test_near_misses_are_refused_with_the_fields_name(text: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_task_id(text, field="parent")

    assert caught.value.field == "parent"


def test_a_token_id_leads_back_to_its_lease() -> None:
    """The first generation is the lease's own name, later ones add their number."""
    lease = LeaseId("l_07_" + "a" * 26)

    assert jti(lease, 1) == lease
    assert jti(lease, 12) == f"{lease}.12"
    assert lease_of(jti(lease, 1)) == lease_of(jti(lease, 12)) == lease
