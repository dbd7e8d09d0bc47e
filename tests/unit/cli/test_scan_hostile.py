"""Whatever is done to make `broker scan` say a secret, it does not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from broker.cli import exits
from broker.cli.main import main
from broker.scanning.engine import KingfisherEngine
from tests.fakes import pretend_secrets as pretend
from tests.fakes.git_repository import GitRepository

TOKEN: Final = pretend.github_token("hostile")
OTHER: Final = pretend.gitlab_token("hostile")
WORD: Final = pretend.password("hostile")
OPAQUE: Final = pretend.drawn("hostile", 28)
SECRETS: Final = (TOKEN, OTHER, WORD, OPAQUE)

FORMS: Final = ((), ("--json",), ("--sarif",), ("--history", "--json"), ("--history",))
"""Every form in which findings are printed."""

Said = Callable[..., tuple[int, str]]


@pytest.fixture
def said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Said:
    """Run the command in a folder; hold that nothing of a secret is in what it prints or writes."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.delenv("BROKER_CONFIG", raising=False)

    def run(*words: str) -> tuple[int, str]:
        code = main(["scan", *words])
        out, err = capsys.readouterr()
        assert not leaked(out + err)
        return code, out + err

    return run


def leaked(text: str) -> list[str]:
    """Return pieces of secrets that a text holds: any eight characters after the public prefix."""
    pieces = [secret[at : at + 8] for secret in SECRETS for at in range(6, len(secret) - 8)]
    return [piece for piece in pieces if piece in text]


def everything(said: Said, project: Path) -> list[tuple[int, str]]:
    """Run every form, a baseline and a fix; look through what was written, too."""
    ran = [said(*form) for form in FORMS]
    said("--baseline", "../baseline.json", "--update-baseline", "--history")
    said("--fix", "../fix", "--agent", "some-bot")
    written = [file for file in project.parent.rglob("*") if file.is_file()]
    ours = [file for file in written if project not in file.parents]
    assert len(ours) > 3
    assert not leaked("".join(file.read_text() for file in ours))
    return ran


PLANTS: Final[dict[str, Callable[[Path], object]]] = {
    "file-name": lambda at: (at / f"{TOKEN}.txt").write_text("x\n"),
    "folder-name": lambda at: _write(at / TOKEN / ".env", f"A_PASSWORD={WORD}\n"),
    "name-of-a-secret-elsewhere": lambda at: _write(
        at / f"{OPAQUE}.md", f"x\n{(at / '.env').write_text(f'API_TOKEN={OPAQUE}') and ''}"
    ),
    "url-user": lambda at: _write(
        at / ".env",
        f"A=https://{OPAQUE}:x-oauth-basic@code.internal/x\nB=https://{OPAQUE}:{WORD}@h.x/\n",
    ),
    "url-host": lambda at: _write(at / ".env", f"A=postgres://me:pas@{OPAQUE}@db.internal/x\n"),
    "url-path": lambda at: _write(at / ".env", f"A=postgres://me:{WORD}@db.internal/{OTHER}\n"),
    "variable": lambda at: _write(at / ".env", f"{TOKEN}_token={WORD}\n"),
    "yaml-key": lambda at: _write(
        at / "a.yaml", f'"{TOKEN}": "{WORD}"\n\x1b[2J{OTHER}_token: {WORD}\n'
    ),
    "overlap": lambda at: _write(
        at / ".env", f"A=mysql://me:{OPAQUE}.token={WORD}@db.internal/x\n"
    ),
    "two-in-one": lambda at: _write(at / ".mcp.json", f'{{"env":{{"A_TOKEN":"{TOKEN}:{OTHER}"}}}}'),
    "netrc-host": lambda at: _write(
        at / ".netrc", f"machine {TOKEN} login {OTHER} password {WORD}\n"
    ),
    "pgpass-database": lambda at: _write(at / ".pgpass", f"db.internal:5432:{OTHER}:me:{WORD}\n"),
}


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize("plant", PLANTS)
def test_no_place_makes_a_secret_printed(plant: str, said: Said) -> None:
    """It is found there, all the same."""
    PLANTS[plant](Path.cwd())

    ran = everything(said, Path.cwd())

    assert {code for code, _ in ran} == {exits.REFUSED}
    assert all("\x1b" not in text for _, text in ran)


def test_a_secret_in_an_authors_name_or_a_message_is_found_and_not_printed(said: Said) -> None:
    """Commits are pushed, and cloned, with both."""
    made = GitRepository(Path.cwd())
    made.run("config", "user.name", TOKEN)
    made.write(".env", f"A_PASSWORD={WORD}\n")
    made.run("add", "--all")
    made.run("commit", "--quiet", "--author", f"{TOKEN} <x@y>", "--message", f"use\n\n{OTHER} now")
    made.write("CODEOWNERS", f"* {TOKEN}\n")
    made.commit("two")

    ran = everything(said, Path.cwd())

    found = json.loads(ran[3][1])["findings"]
    assert {(each["kind"], each["surface"], each["line"]) for each in found if each["commit"]} == {
        ("github-token", "message", 0),
        ("gitlab-token", "message", 3),
    }
    assert {each["owner"] for each in found if each["path"] == ".env"} == {"…"}


def test_a_name_in_history_is_found(said: Said) -> None:
    """Renaming a file takes its name from nobody who has cloned."""
    made = GitRepository(Path.cwd())
    made.write(f"{TOKEN}.txt", "x\n")
    brought = made.commit("one")
    made.run("mv", f"{TOKEN}.txt", "x.txt")
    made.commit("two")

    code, text = said("--history", "--json")

    (found,) = json.loads(text)["findings"]
    assert (code, found["path"], found["commit"]) == (exits.REFUSED, "….txt", brought)


def test_what_the_library_says_of_a_text_is_not_printed(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of a parser quotes what it could not parse; and what nobody can check is hidden."""

    def broken(_: KingfisherEngine, text: bytes, path: str) -> None:
        raise ValueError(path, text.decode())

    Path(f"{TOKEN}.env").write_text(f"A_PASSWORD={WORD}\n")
    monkeypatch.setattr(KingfisherEngine, "matches", broken)

    code, text = said()

    assert code == exits.PARTLY_READ
    assert "not read: …" in text


@pytest.mark.parametrize(
    "address",
    [f"https://me:{WORD}@vault.internal:8200", f"http://{TOKEN}@vault.internal", f"vault?{TOKEN}"],
    ids=["password", "user", "query"],
)
def test_an_address_with_a_login_is_refused_and_not_repeated(
    address: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was typed stays in one history, not in two."""
    monkeypatch.setenv("VAULT_TOKEN", OPAQUE)

    assert said("--vault", address)[0] == exits.CONFIGURATION


def test_a_short_secret_is_not_taken_out_of_every_word(said: Said) -> None:
    """A report with holes where `shop` was would say what the password is."""
    Path("shop").mkdir()
    Path("shop/.env").write_text(f"A=mysql://root:{'shop'}@db.internal/shop\n")

    code, text = said()

    assert (code, "shop/.env:1" in text) == (exits.REFUSED, True)
