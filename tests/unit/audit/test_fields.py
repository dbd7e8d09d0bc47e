"""What of an event's detail may be written."""

import pytest

from broker.audit.fields import FIELDS, allowed

SECRET = "canary-secret"


@pytest.mark.parametrize("kind", [*FIELDS, "unknown.type", ""])
def test_what_is_not_on_the_list_is_withheld_and_counted(kind: str) -> None:
    """Whatever an event is called, and whatever a secret in it is called."""
    detail = {"credential_value": SECRET, "claim_handle": SECRET, "password": {"a": SECRET}}

    shown, withheld = allowed(kind, detail)

    assert (shown, withheld) == ({}, 3)


@pytest.mark.parametrize("kind", FIELDS)
def test_a_value_of_another_form_is_withheld(kind: str) -> None:
    """An allowed name does not open a door for a structure that nobody looked at."""
    for name in FIELDS[kind]:
        shown, withheld = allowed(kind, {name: {"nested": {"deeper": SECRET}}})

        assert SECRET not in str(shown)
        assert withheld == 1 or shown[FIELDS[kind][name].name] == {}


def test_nested_objects_are_taken_member_by_member() -> None:
    """A list of what may be written holds at every depth."""
    trace = {"policy_version": "v1", "policies": ["p1"], "facts": [SECRET], "extra": SECRET}

    shown, withheld = allowed("lease.issued", {"id": "l_1", "trace": trace})

    assert shown == {"credential": "l_1", "trace": {"policy_version": "v1", "policies": ["p1"]}}
    assert withheld == 0


def test_instants_are_written_for_people_and_durations_stay_numbers() -> None:
    """Also the latest instant that can be written, and none beyond it."""
    issued = {"issued_at_ms": 0, "expires_at_ms": 253_402_300_799_000}

    assert allowed("lease.renewed", issued) == (
        {"issued_at": "1970-01-01T00:00:00.000Z", "expires_at": "9999-12-31T23:59:59.000Z"},
        0,
    )
    assert allowed("lease.renewed", {"issued_at_ms": 253_402_300_799_001}) == ({}, 1)
    assert allowed("lease.renewed", {"issued_at_ms": -1}) == ({}, 1)
    assert allowed("task.extended", {"ttl_ms": 5}) == ({"ttl_ms": 5}, 0)


@pytest.mark.parametrize("value", [True, 1.5, "1", None, []])
def test_only_whole_numbers_are_numbers(value: object) -> None:
    """JSON has more kinds of numbers than we write."""
    assert allowed("task.extended", {"ttl_ms": value}) == ({}, 1)


def test_what_the_event_says_itself_is_not_said_twice() -> None:
    """The tenant stands in the record already; it is not counted as withheld."""
    assert allowed("task.claimed", {"tenant": "acme", "task": "t"}) == ({"task": "t"}, 0)


def test_an_empty_list_of_lua_is_an_empty_list() -> None:
    """Lua's JSON cannot tell it from an empty object."""
    assert allowed("task.opened", {"tickets": {}}) == ({"tickets": []}, 0)
