"""The proxy cuts the stream into messages exactly."""

import pytest

from tests.fakes.redis_proxy import command_name, message_length


@pytest.mark.parametrize(
    "message",
    [
        b"+OK\r\n",
        b"-ERR no\r\n",
        b":7\r\n",
        b"$-1\r\n",
        b"$0\r\n\r\n",
        b"$4\r\na\r\nb\r\n",
        b"*-1\r\n",
        b"*0\r\n",
        b"*2\r\n*1\r\n:1\r\n$1\r\nx\r\n",
    ],
)
def test_a_message_is_measured_once_it_is_whole(message: bytes) -> None:
    """At every cut before its end it is incomplete; what follows it does not count."""
    assert [message_length(message[:cut]) for cut in range(len(message))] == [0] * len(message)
    assert message_length(message) == len(message)
    assert message_length(message + b"+NEXT\r\n") == len(message)


def test_a_command_is_named() -> None:
    """Whatever its case."""
    assert command_name(b"*2\r\n$7\r\nevalsha\r\n$1\r\nx\r\n") == "EVALSHA"
