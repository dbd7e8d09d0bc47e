"""Names of roles and sessions: one task's pattern is true of its own sessions, and of no others."""

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.aws_names import (
    SESSION_NAME,
    Assumed,
    Role,
    SessionAt,
    session_name,
    sessions_of_task,
)
from backends.contract import Place, Wish
from backends.errors import BackendError, NotMintedError
from broker.ids import IdFactory
from tests.fakes.aws import wish

RANDOM = st.binary(min_size=26, max_size=26)
BUCKET = st.integers(min_value=1, max_value=256)


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    """Draw a wish whose names are made as the broker makes them."""
    parts = iter([draw(RANDOM) for _ in range(4)])
    ids = IdFactory(draw(BUCKET), lambda n: next(parts) if n == 26 else bytes(n))
    task = ids.root_task()
    task = ids.child_task(task) if draw(st.booleans()) else task
    return wish(task=task, lease=ids.lease(task))


@given(wishes())
def test_sts_takes_the_name_of_every_session(wanted: Wish) -> None:
    """Two ids and a hyphen are within its 64 characters."""
    name = session_name(wanted)

    assert SESSION_NAME.fullmatch(name)
    assert name.split("-") == [wanted.task, wanted.lease]


@given(wishes(), wishes())
def test_the_pattern_of_a_task_is_true_of_its_sessions_alone(one: Wish, other: Wish) -> None:
    """As IAM matches it: a star is any text, and nothing else is special."""
    pattern = sessions_of_task(session_name(one))

    assert fnmatchcase(f"AROAXXXXXXXXXXXXXXXXX:{session_name(one)}", pattern)
    is_same = one.task == other.task
    assert fnmatchcase(f"AROAXXXXXXXXXXXXXXXXX:{session_name(other)}", pattern) is is_same
    assert not set(pattern.removeprefix("*:").removesuffix("-*")) & set("*?[]$")


@given(wishes())
def test_no_session_hides_another_in_its_name(one: Wish) -> None:
    """A task is found after the one colon of a user id only, never in the middle of a name."""
    hidden = f"AROAXXXXXXXXXXXXXXXXX:x{session_name(one)}"

    assert not fnmatchcase(hidden, sessions_of_task(session_name(one)))


def test_a_name_that_sts_would_not_take_is_refused() -> None:
    """It is never cut to fit: then two could be the same."""
    with pytest.raises(NotMintedError):
        session_name(wish(task="t" * 60))
    with pytest.raises(NotMintedError):
        session_name(wish(task="tâsk"))
    with pytest.raises(NotMintedError):
        session_name(wish(lease="l_00_a\n"))


def test_a_locator_is_read_as_it_was_written() -> None:
    """Paths of roles are part of it."""
    role = Role.parse("arn:aws-cn:iam::123456789012:role/team/a/reader")
    at = SessionAt(role, "t_00_a-l_00_b")

    assert SessionAt.of(Place(locator=at.locator, identity="x")) == at
    assert (role.partition, role.account, role.name) == ("aws-cn", "123456789012", "reader")


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:user/x",
        "arn:aws:iam::12345:role/x",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::123456789012:role/*",
        "arn:aws:iam::123456789012:role/a*/x",
        "arn:aws:sts::123456789012:assumed-role/x/y",
        "arn:aws:iam::123456789012:role/x\n",
    ],
)
def test_what_is_no_role_is_no_role(arn: str) -> None:
    """Wildcards least of all."""
    with pytest.raises(ValueError, match="not the ARN"):
        Role.parse(arn)
    with pytest.raises(BackendError):
        SessionAt.of(Place(locator=f"{arn}/s", identity="x"))


def test_who_a_session_is_stands_in_its_arn() -> None:
    """A server without accounts leaves the account out."""
    found = Assumed.parse("arn:aws:sts::123456789012:assumed-role/reader/t_00_a-l_00_b")
    bare = Assumed.parse("arn:aws:sts:::assumed-role/reader/s1")

    assert found == Assumed("aws", "123456789012", "reader", "t_00_a-l_00_b")
    assert bare is not None
    assert bare.account == ""
    assert Assumed.parse("arn:aws:sts::123456789012:federated-user/x") is None
    assert re.fullmatch(SESSION_NAME, "x" * 65) is None
