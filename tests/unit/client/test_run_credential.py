"""A program below `broker run` has its credentials from the run's desk, and keeps none."""

from collections.abc import Iterator

import pytest

from broker.client.run_credential import (
    AsyncRunCredential,
    RunAwayError,
    RunCredential,
    RunCredentialError,
)
from tests.fakes.desk import FakeDesk

URL = "https://orders.example"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDesk]:
    """A run's desk, which the environment names."""
    with FakeDesk() as desk:
        for name, value in desk.environment.items():
            monkeypatch.setenv(name, value)
        yield desk


async def test_each_request_gets_what_is_current(desk: FakeDesk) -> None:
    """With an event loop and without; nothing is remembered."""
    credential, asynchronous = RunCredential("orders"), AsyncRunCredential("orders")
    found = []
    for token in ("one", "two"):
        desk.gives("orders", token=token)
        found += [credential.headers("GET", URL), await asynchronous.headers("GET", URL)]

    assert found == [{"Authorization": f"Bearer {each}"} for each in ("one", "one", "two", "two")]


async def test_after_a_refusal_the_run_may_have_another_one(desk: FakeDesk) -> None:
    """It knows by itself; if it has not, the request is not repeated."""
    credential, asynchronous = RunCredential("orders"), AsyncRunCredential("orders")
    desk.gives("orders", token="one")

    assert not credential.refused("Bearer one")
    assert not await asynchronous.refused("Bearer one")
    desk.gives("orders", token="two")
    assert credential.refused("Bearer one")
    assert await asynchronous.refused("Bearer one")
    assert not credential.heed(URL, {}) | asynchronous.heed(URL, {})


async def test_its_words_are_the_current_ones(desk: FakeDesk) -> None:
    """Of a credential at a target; the named one is its token."""
    desk.gives("orders", "toy", username="u", password="p")

    words = await AsyncRunCredential("orders").secret()

    assert {name: word.reveal() for name, word in words.items()} == {
        "username": "u",
        "password": "p",
    }
    assert RunCredential("orders", word="password").headers("", "") == {"Authorization": "Bearer p"}
    with pytest.raises(RunCredentialError, match="username"):
        RunCredential("orders").headers("GET", URL)


@pytest.mark.parametrize(
    ("status", "kind"), [(404, RunCredentialError), (403, RunCredentialError), (503, RunAwayError)]
)
def test_what_is_gone_is_not_handed_out(
    desk: FakeDesk, status: int, kind: type[RunCredentialError]
) -> None:
    """And the error says why."""
    desk.answers["orders"] = (status, {"detail": "because of that"})

    with pytest.raises(kind, match="because of that") as told:
        RunCredential("orders").secret()

    assert type(told.value) is kind


def test_what_has_expired_is_not_handed_out(desk: FakeDesk) -> None:
    """Whatever the desk says."""
    desk.gives("orders", lives_s=0)

    with pytest.raises(RunCredentialError, match="expired"):
        RunCredential("orders").secret()
