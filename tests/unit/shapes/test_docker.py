import json

import pytest

from broker.secret import Secret
from broker.shapes import docker
from broker.shapes.given import Given, UnfitError


@pytest.mark.parametrize(
    ("said", "host"),
    [
        (b"registry.example", "registry.example"),
        (b"registry.example:5000\n", "registry.example:5000"),
        (b"https://registry.example/v1/\n", "registry.example"),
        (b"HTTPS://Registry.Example:443", "registry.example"),
        (b"http://localhost:5000", "localhost:5000"),
    ],
)
def test_a_registry_is_its_host(said: bytes, host: str) -> None:
    """Docker names it now by its host, now by a URL."""
    assert docker.registry(said) == host


@pytest.mark.parametrize(
    "said",
    [b"a b", b"ftp://x/y z", b"\xff", b"https://user@registry.example", b"x" * 70_000, b"a\nb"],
    ids=lambda said: repr(said[:40]),
)
def test_anything_else_is_none(said: bytes) -> None:
    """It is refused, not repaired."""
    with pytest.raises(UnfitError):
        docker.registry(said)


@pytest.mark.parametrize("said", [b"", b"\n", b"  "])
def test_no_registry_is_dockers_own_error(said: bytes) -> None:
    """Word for word, as docker-credential-helpers says it."""
    with pytest.raises(UnfitError, match=r"^no credentials server URL$"):
        docker.registry(said)


def test_a_login_names_the_registry_as_docker_did() -> None:
    """It compares what comes back."""
    given = Given("jwt", {"access_token": Secret("t")}, 0)

    told = json.loads(docker.answer(given, b"https://registry.example/v1/\n", username="u"))

    assert told == {
        "ServerURL": "https://registry.example/v1/",
        "Username": "u",
        "Secret": "t",
    }
