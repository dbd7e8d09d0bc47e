import pytest

from broker.shapes.given import UnfitError
from broker.shapes.hosts import is_loopback, normal


@pytest.mark.parametrize(
    ("host", "scheme", "written"),
    [
        ("git.example", "https", "git.example"),
        ("GIT.Example:443", "https", "git.example"),
        ("git.example:80", "https", "git.example:80"),
        ("git.example:80", "http", "git.example"),
        ("git.example:8443", "https", "git.example:8443"),
        ("[::1]:5000", "https", "[::1]:5000"),
    ],
)
def test_a_host_is_written_in_one_way(host: str, scheme: str, written: str) -> None:
    """So that two names of one server are equal, and of two servers never."""
    assert normal(host, scheme) == written


@pytest.mark.parametrize(
    "host",
    [
        *("", "*", "*.example", "git.example/", "user@git.example", "git.example:", "a b"),
        *("git.example:0", "git.example:65536", "git.example\n", "git.example.", "git.exämple"),
    ],
)
def test_a_pattern_or_a_trick_is_no_host(host: str) -> None:
    """Whatever would be compared otherwise than it looks."""
    with pytest.raises(UnfitError):
        normal(host)


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("localhost", True),
        ("LOCALHOST:80", True),
        ("127.0.0.1:8080", True),
        ("127.9.9.9", True),
        ("[::1]:80", True),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - only named
        ("2130706433", False),
        ("user@localhost", False),
        ("", False),
    ],
)
def test_this_machine_is_known_by_its_very_name(host: str, is_it: bool) -> None:  # noqa: FBT001
    """Not by one that begins like it."""
    assert is_loopback(host) is is_it
