"""What `broker doctor` says of lists: how bad it is, and what to do."""

from broker.list_findings import examine
from broker.model.ban import ListName
from broker.model.ban_state import ListState

NOW_MS = 10**12


def state(at: str, **more: int | bool) -> ListState:
    """A list."""
    name = ListName("cloud", "aws:1", at)
    given = {"is_idle": False, "confirmed_at_ms": NOW_MS, "room": 9, "free": 9, **more}
    return ListState(name=name, now_ms=NOW_MS, **given)  # type: ignore[arg-type]


def test_what_is_not_written_fails_and_the_rest_warns() -> None:
    """Each with its list; those that are well are one line."""
    lists = [
        state("a"),
        state("b", confirmed_at_ms=1),
        state("c", is_cut=True),
        state("d"),
    ]

    lines = examine("targets", lists, {"cloud": 60_000})

    assert [(line.state, line.what.split()[1]) for line in lines] == [
        ("fail", "b"),
        ("warn", "c"),
        ("ok", "lists"),
    ]
    assert all(line.remedy for line in lines if line.state != "ok")


def test_without_lists_nothing_is_said() -> None:
    """Most targets have none."""
    assert examine("targets", [], {"cloud": 60_000}) == []
