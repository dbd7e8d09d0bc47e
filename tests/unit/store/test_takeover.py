"""What comes on a connection that was taken over, byte by byte."""

from typing import Any

import pytest
from redis.exceptions import BusyLoadingError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from broker.store.takeover import Takeover
from tests.fakes.redis_connection import FakeConnection


def taken_over(connection: FakeConnection) -> tuple[Takeover, list[Any]]:
    """Take a connection over; return what is handed out as well."""
    replies: list[Any] = []
    taken = Takeover(connection, replies.append)  # type: ignore[arg-type]  # a double
    taken.begin()
    return taken, replies


async def test_answers_are_handed_out_as_they_are_whole() -> None:
    """However the network has cut them."""
    connection = FakeConnection()
    taken, replies = taken_over(connection)

    for part in (b":1", b"\r\n+two\r\n$5\r\nth", b"ree\r\n"):
        connection.says(part)

    assert replies == [1, "two", "three"]
    assert not taken.ended.done()


async def test_what_had_come_before_is_not_lost() -> None:
    """redis-py reads as much as there is, and asks for one answer."""
    connection = FakeConnection()
    connection.has_read(b":1\r\n:")
    _, replies = taken_over(connection)

    connection.says(b"2\r\n")

    assert replies == [1, 2]


@pytest.mark.parametrize(
    ("said", "kind"), [(b"-ERR", ResponseError), (b"-LOADING", BusyLoadingError)]
)
async def test_a_complaint_is_an_answer(said: bytes, kind: type[Exception]) -> None:
    """Also that the server still loads its data: it is there, and the next one may do."""
    connection = FakeConnection()
    taken, replies = taken_over(connection)

    connection.says(said + b" what\r\n:2\r\n")

    assert [type(reply) for reply in replies] == [kind, int]
    assert not taken.ended.done()


@pytest.mark.parametrize("said", [b"-BYE now\r\n", b"?no such type\r\n"])
async def test_what_no_answer_can_follow_ends_it(said: bytes) -> None:
    """Nothing is sent from then on: the server might still run it."""
    connection = FakeConnection()
    taken, replies = taken_over(connection)

    connection.says(said)
    taken.write(b"more")

    assert replies == []
    assert taken.ended.done()
    assert connection.written == b""


async def test_a_connection_that_is_lost_is_over_for_its_first_cause() -> None:
    """Whatever else goes wrong then."""
    connection = FakeConnection()
    taken, _ = taken_over(connection)

    taken.end(RedisConnectionError("silent"))
    connection.breaks()

    assert str(taken.ended.result()) == "silent"


async def test_one_that_the_server_had_closed_already_is_over_at_once() -> None:
    """Else its first caller would wait for the deadline."""
    connection = FakeConnection()
    connection.has_read(b"")
    connection._reader.feed_eof()  # noqa: SLF001 - as the socket does

    taken, _ = taken_over(connection)

    assert taken.ended.done()
