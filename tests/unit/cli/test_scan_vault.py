"""A Vault is reached over TLS that is believed, with a token of a file, or nothing is sent."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final

import pytest

from broker.cli import exits
from broker.cli.main import main
from tests.fakes import pretend_secrets as pretend
from tests.fakes.certificates import Authority
from tests.fakes.tool_servers import ToolServer, reply, serving

TOKEN: Final = pretend.vault_token("cli")
ANSWERS: Final = {
    "sys/internal/ui/mounts": {"secret": {"kv/": {"type": "kv", "options": {"version": "1"}}}},
    "kv/": {"keys": ["shop/api", "huge/"]},
}
"""What a small Vault says; of another folder it says that nothing is there."""

Said = Callable[..., tuple[int, str]]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Who has certified the server."""
    return Authority(tmp_path, "vault")


@pytest.fixture
def vault(authority: Authority) -> Iterator[tuple[ToolServer, list[dict[str, str]]]]:
    """A server that answers as Vault does, and what it was shown."""
    seen: list[dict[str, str]] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.append(dict(request.headers))
        found = ANSWERS.get(request.path.removeprefix("/v1/"))
        body = json.dumps({"data": found}).encode() if found else b"{}"
        reply(request, 200 if found else 404, body)

    with serving(answer, authority.server_context()) as server:
        yield server, seen


@pytest.fixture
def said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Said:
    """Run the command; nobody's token is in what it prints."""
    monkeypatch.chdir(tmp_path)
    for name in ("VAULT_TOKEN", "VAULT_NAMESPACE", "VAULT_CACERT", "BROKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "token").write_text(f"{TOKEN}\n# a second line\n")

    def run(*words: str) -> tuple[int, str]:
        code = main(["scan", *words])
        out, err = capsys.readouterr()
        assert TOKEN[:12] not in out + err
        return code, out + err

    return run


def test_the_authority_of_a_file_is_believed_and_no_other(
    vault: tuple[ToolServer, list[dict[str, str]]], authority: Authority, said: Said
) -> None:
    """With it the token is sent, and the namespace; without it nothing is."""
    server, seen = vault
    words = ("--vault", f"https://{server.place}", "--vault-token-file", "token")

    unknown, text = said(*words)
    assert (unknown, seen) == (exits.PARTLY_READ, [])
    assert "Vault does not answer: ClientConnectorCertificateError" in text

    code, text = said(*words, "--vault-ca-file", str(authority.ca_file), "--vault-namespace", "a/b")

    assert (code, "vault:kv/shop/api" in text) == (exits.REFUSED, True)
    assert {each["X-Vault-Token"] for each in seen} == {TOKEN}
    assert {each["X-Vault-Namespace"] for each in seen} == {"a/b"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "give --vault-token-file"),
        (b"\xff\xfe", "as a token"),
        (b"two words\n", "is no token"),
    ],
    ids=["empty", "binary", "words"],
)
def test_a_file_that_holds_no_token_is_refused(
    content: bytes, why: str, said: Said, tmp_path: Path
) -> None:
    """Before anything is asked; what is in it is not repeated."""
    (tmp_path / "odd").write_bytes(content)

    code, text = said("--vault", "https://vault.internal", "--vault-token-file", "odd")

    assert (code, why in text) == (exits.USAGE, True)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--vault-ca-file", "token"), "holds no certificate"),
        (("--vault-namespace", "../x y"), "write it as a/b"),
    ],
    ids=["authority", "namespace"],
)
def test_what_cannot_be_is_said_before_anything_is_sent(
    words: tuple[str, ...], why: str, said: Said
) -> None:
    """It is an error of the configuration."""
    code, text = said("--vault", "https://vault.internal", "--vault-token-file", "token", *words)

    assert (code, why in text) == (exits.CONFIGURATION, True)
