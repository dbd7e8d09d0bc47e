"""What the kernel says of processes."""

import os
import socket
import time

import pytest

from tests.bench.usage import cpu_seconds, listens, waited_seconds

US = os.getpid()


def test_the_time_that_a_process_computes_is_counted() -> None:
    """To a hundredth of a second, which is how finely the kernel tells."""
    counted, real = cpu_seconds([US]), time.process_time()
    while time.process_time() < real + 0.1:
        pass

    assert cpu_seconds([US]) - counted == pytest.approx(0.1, abs=0.03)


def test_several_processes_are_counted_together() -> None:
    """A server is all of its workers."""
    assert cpu_seconds([US, US]) >= 2 * cpu_seconds([US]) * 0.9
    assert cpu_seconds([]) == 0


def test_a_process_that_has_ended_is_an_error() -> None:
    """Its time would be missing."""
    with pytest.raises(FileNotFoundError):
        cpu_seconds([2**22 + 1])


def test_waiting_for_a_cpu_only_grows() -> None:
    """It is a clock of its own."""
    before = waited_seconds(US)

    assert waited_seconds(US) >= before >= 0


def test_only_whoever_listens_itself_is_listening() -> None:
    """Of several that share a port each is asked; a mere socket on the port is not enough."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        assert listens(US, port)
        assert not listens(os.getppid(), port)
        with socket.create_connection(("127.0.0.1", port)):
            assert not listens(US, port + 1)
    assert not listens(US, port)
    assert not listens(2**22 + 1, port)
