"""The policy by which a role refuses the sessions of killed tasks, written and read back."""

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.aws_deny_document import MAX_INLINE, frame, pattern, read, size_of, weight, written
from backends.deny_lists import Desired

TASK, OTHER = "t_07_" + "a" * 26, "c_07_" + "b" * 26
LEASE = "l_07_" + "c" * 26
AT = 1_800_000_000_000


def desired(*entries: str, cut: int = 0, mark: str = "abcr7") -> Desired:
    """Say what must stand there."""
    return Desired(entries=frozenset(entries), issued_before_ms=cut, mark=mark)


ids = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26)
entries = st.one_of(
    ids.map("t_07_{}".format),
    st.tuples(ids, ids).map(lambda pair: f"t_07_{pair[0]}-l_07_{pair[1]}"),
)


@given(st.frozensets(entries, min_size=1, max_size=30), st.sampled_from([0, AT]))
def test_what_is_written_is_what_is_read(names: frozenset[str], cut: int) -> None:
    """With its mark, and nothing else."""
    found = read(json.loads(written(desired(*names, cut=cut))))

    assert found.entries == names
    assert found.issued_before_ms == cut
    assert found.mark == "abcr7"
    assert found.is_whole


@given(st.frozensets(entries, min_size=1, max_size=60))
def test_its_size_is_known_before(names: frozenset[str]) -> None:
    """What the entries weigh, and the frame: never more, and a cut-off fits beside them."""
    text = written(desired(*names, cut=AT))

    assert len(text) <= frame(len("abcr7")) + sum(map(weight, names))
    assert " " not in text
    assert size_of(json.loads(text)) == len(text)


def test_a_role_holds_more_than_two_hundred_killed_tasks() -> None:
    """Before its inline policies are full."""
    assert (MAX_INLINE - frame(40)) // weight(TASK) > 200


@pytest.mark.parametrize(
    ("entry", "name", "is_hit"),
    [
        (TASK, f"{TASK}-{LEASE}", True),
        (TASK, f"{OTHER}-{LEASE}", False),
        (TASK, f"{OTHER}-{TASK}-x", False),
        (f"{TASK}-{LEASE}", f"{TASK}-{LEASE}", True),
        (f"{TASK}-{LEASE}", f"{TASK}-{LEASE}x", False),
        (f"{TASK}-{LEASE}", f"{TASK}-l_07_other", False),
    ],
)
def test_an_entry_is_true_of_its_sessions_alone(entry: str, name: str, is_hit: bool) -> None:  # noqa: FBT001 - a table
    """Whatever role it is that they are of."""
    assert fnmatchcase(f"AROAEXAMPLE:{name}", pattern(entry)) is is_hit


def test_no_entry_and_no_cut_makes_no_statement() -> None:
    """AWS takes no policy without one: the broker deletes it then."""
    assert json.loads(written(desired()))["Statement"] == []


def _edit(change: Callable[[dict[str, Any]], object]) -> object:
    document = json.loads(written(desired(TASK, cut=AT)))
    change(document)
    return document


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(Version="2008-10-17"),
        lambda d: d["Statement"][0].update(Effect="Allow"),
        lambda d: d["Statement"][0].update(Action="s3:*"),
        lambda d: d["Statement"][0].update(Resource="arn:aws:s3:::one"),
        lambda d: d["Statement"][0].pop("Sid"),
        lambda d: d["Statement"][0]["Condition"].update(Bool={"aws:SecureTransport": "false"}),
        lambda d: d["Statement"][0]["Condition"]["StringLike"].update({"aws:username": "x"}),
        lambda d: d["Statement"][0]["Condition"]["StringLike"].update({"aws:userid": ["*:?"]}),
        lambda d: d["Statement"][1]["Condition"]["DateLessThan"].update(
            {"aws:TokenIssueTime": "soon"}
        ),
        lambda d: d["Statement"].append({"Effect": "Allow", "Action": "*", "Resource": "*"}),
        lambda d: d["Statement"].append("nonsense"),
        lambda d: d.update(Statement=7),
    ],
)
def test_what_a_hand_has_changed_is_not_whole(change: Callable[[dict[str, Any]], object]) -> None:
    """It is written anew, whatever it is."""
    assert not read(_edit(change)).is_whole


@pytest.mark.parametrize("document", [None, [], "text", {}, {"Statement": [[]]}])
def test_nonsense_is_read_as_such(document: object) -> None:
    """And names nobody."""
    found = read(document)

    assert not found.is_whole
    assert found.entries == set()


def test_marks_that_differ_are_none() -> None:
    """Two writers' halves are nobody's document."""
    both = _edit(lambda d: d["Statement"][0].update(Sid="JitBrokerKilledotherr1"))

    assert read(both).mark == ""


def test_one_name_without_a_list_is_read_too() -> None:
    """IAM gives a list of one back as it likes."""
    one = _edit(
        lambda d: d["Statement"][0]["Condition"]["StringLike"].update({"aws:userid": pattern(TASK)})
    )

    assert (read(one).entries, read(one).is_whole) == ({TASK}, True)
