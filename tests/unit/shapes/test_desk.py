"""A program within a run, before a desk that is slow, away, or none at all."""

import pytest

from broker.shapes import desk as the_desk
from broker.shapes.desk import DeskAwayError, DeskRefusedError
from tests.fakes.desk import TOKEN, FakeDesk, delivered, silent_desk


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> FakeDesk:
    """A desk that does not run yet."""
    monkeypatch.setenv("BROKER_RUN_TOKEN", TOKEN)
    return FakeDesk()


def ask(desk: FakeDesk, monkeypatch: pytest.MonkeyPatch, within_seconds: float = 10) -> str:
    """Ask it for the orders; return what kind it gave."""
    monkeypatch.setenv("BROKER_RUN_URL", desk.url)
    return the_desk.ask("orders", within_seconds).kind


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{",
        b"[]",
        b'{"kind": "jwt"}',
        b"\xff",
        {**delivered(), "values": []},
        {**delivered(), "values": {"access_token": 7}},
        {**delivered(), "expires_at": "soon"},
        {**delivered(), "expires_at": "2026-11-24T05:05:00"},
        {**delivered(), "kind": None},
        b"x" * 300_000,
    ],
    ids=range(11),
)
def test_what_speaks_no_desks_language_is_none(
    desk: FakeDesk, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    """Nothing of what it said is shown, or kept in the error: it may be the secret."""
    with desk:
        desk.answers["orders"] = (200, answer)
        with pytest.raises(DeskAwayError) as told:
            ask(desk, monkeypatch)

    assert "canary" not in str(told.value)
    assert "canary" not in repr(told.value.__cause__) + repr(told.value.__context__)


def test_nobody_there_is_no_access_now(desk: FakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run has ended, and its helpers outlive it for a moment."""
    with desk:
        pass

    with pytest.raises(DeskAwayError, match="does not answer"):
        ask(desk, monkeypatch)


def test_a_desk_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tool waits for the helper."""
    monkeypatch.setenv("BROKER_RUN_TOKEN", TOKEN)
    with silent_desk() as url:
        monkeypatch.setenv("BROKER_RUN_URL", url)
        with pytest.raises(DeskAwayError, match="does not answer"):
            the_desk.ask("orders", 0.2)


@pytest.mark.parametrize("from_the_beginning", [True, False])
def test_a_desk_that_drips_is_not_waited_for(
    desk: FakeDesk, monkeypatch: pytest.MonkeyPatch, *, from_the_beginning: bool
) -> None:
    """Each byte comes in time, and all of them never: of its headers, and of what follows."""
    with desk:
        desk.gives("orders", access_token="t" * 100_000)
        desk.bytes_per_second, desk.is_slow_to_begin = 20, from_the_beginning
        with pytest.raises(DeskAwayError, match="does not answer"):
            ask(desk, monkeypatch, 0.5)


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("", "t"),
        ("http://127.0.0.1:1", ""),
        ("https://127.0.0.1:1", "t"),
        ("http://desk.example:1", "t"),
        ("http://127.0.0.1.evil.example:1", "t"),
        ("http://user@127.0.0.1:1", "t"),
        ("http://127.0.0.1:1/elsewhere", "t"),
        ("http://127.0.0.1:1", "a\r\nX: y"),
    ],
)
def test_the_runs_token_goes_to_this_machine_alone(
    monkeypatch: pytest.MonkeyPatch, url: str, token: str
) -> None:
    """Whatever the environment says."""
    monkeypatch.setenv("BROKER_RUN_URL", url)
    monkeypatch.setenv("BROKER_RUN_TOKEN", token)

    with pytest.raises(DeskRefusedError):
        the_desk.ask("orders")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "a\r\nb", "ä", "x" * 200])
def test_a_need_is_a_plain_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It becomes a part of a path."""
    monkeypatch.setenv("BROKER_RUN_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("BROKER_RUN_TOKEN", TOKEN)

    with pytest.raises(DeskRefusedError, match="name of a need"):
        the_desk.ask(name)
