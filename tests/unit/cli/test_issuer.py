"""`broker issuer check` on a real token: what it prints, and how it ends."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.cli import exits
from broker.cli.main import main
from broker.clock import SystemClock
from broker.dev.configure import shipped
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import Signer
from tests.fakes.platforms import AUDIENCE, POD_UID, claims_of

ISSUER = "https://k8s.example"


class Desk:
    """A configuration with one cluster, and tokens of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.signer = folder, Signer()
        self.token_file = folder / "token"
        (folder / "keys.json").write_bytes(self.signer.jwks())
        settings = yaml.safe_load((shipped() / "broker.yaml").read_text())
        (folder / "broker.yaml").write_text(yaml.safe_dump(settings))
        self.declare(keys={"file": "keys.json"})

    def declare(self, **changes: object) -> None:
        """Write the stanza, with some members changed."""
        stanza = {
            "name": "cluster",
            "preset": "kubernetes",
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "claims": {"verified": {"/kubernetes.io/namespace": "payments"}},
            **changes,
        }
        (self.folder / "issuers.yaml").write_text(yaml.safe_dump({"issuers": [stanza]}))

    def token(self, **claims: object) -> str:
        """Sign a token that is valid now, and put it in the file."""
        clock = FakeClock(SystemClock().now_ms())
        token = self.signer.sign(claims_of("kubernetes", ISSUER, clock, **claims))
        self.token_file.write_text(token + "\n")
        return token

    def check(self, *arguments: str, issuer: str = "cluster") -> int:
        """Run the command."""
        return main(["issuer", "check", issuer, "--config", str(self.folder), *arguments])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A folder of one's own."""
    return Desk(tmp_path)


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Read the JSON answer."""
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_an_accepted_token_is_told_with_its_bearer(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the issuer's name or its URL; never the token, nor its signature."""
    token = desk.token()

    for name in ("cluster", ISSUER):
        assert desk.check("--token-file", str(desk.token_file), issuer=name) == exits.OK

        said = capsys.readouterr().out
        assert f"accepted: agent invoice-bot, instance {POD_UID}" in said
        assert "1 usable: k1" in said
        assert not any(part in said for part in token.split("."))


def test_a_refused_token_is_told_with_the_claim(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was expected and what was there, and which checks were not reached."""
    token = desk.token(aud=["https://kubernetes.default.svc"])

    assert desk.check("--token-file", str(desk.token_file)) == exits.REFUSED

    said = capsys.readouterr().out
    assert "refused (audience)" in said
    assert '"https://kubernetes.default.svc"' in said
    assert f'expected  "{AUDIENCE}"' in said
    assert "FAILED  audience" in said
    assert not any(part in said for part in token.split("."))


def test_the_answer_speaks_json(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs."""
    desk.token(**{"kubernetes.io": {"namespace": "payments"}})

    assert desk.check("--token-file", str(desk.token_file), "--json") == exits.REFUSED

    answer = told(capsys)
    assert answer["accepted"] is False
    assert answer["failure"]["reason"] == "no-instance"
    assert answer["failure"]["claim"] == "/kubernetes.io/pod/uid"
    assert answer["keys"] == {"fetched": True, "why": "", "key_ids": ["k1"], "skipped": []}


def test_a_token_is_read_from_standard_input(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it need not lie anywhere."""
    stdin = io.TextIOWrapper(io.BytesIO(desk.token().encode()))
    monkeypatch.setattr(sys, "stdin", stdin)

    assert desk.check("--token-file", "-", "--json") == exits.OK
    assert told(capsys)["bearer"]["name"] == "invoice-bot"


def test_without_a_token_the_keys_are_tried(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether they can be fetched, and which of them are left out."""
    members = [*desk.signer.members, {"kty": "oct", "kid": "bad", "k": "AA"}]
    (desk.folder / "keys.json").write_text(json.dumps({"keys": members}))

    assert desk.check("--json") == exits.OK

    answer = told(capsys)
    assert answer["keys"]["skipped"] == [{"kid": "bad", "why": "private or symmetric"}]
    assert "accepted" not in answer


def test_keys_that_cannot_be_had_have_a_code_of_their_own(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """The token may be good: nobody can say."""
    desk.declare(keys={"file": "gone.json"})
    desk.token()

    for arguments in ([], ["--token-file", str(desk.token_file)]):
        assert desk.check(*arguments) == exits.UNAVAILABLE
        assert "gone.json: No such file" in capsys.readouterr().out


def test_what_a_token_says_cannot_move_the_cursor(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Values are shown harmlessly; F13."""
    desk.token(aud="\x1b[2J\n\u202e")

    assert desk.check("--token-file", str(desk.token_file)) == exits.REFUSED

    said = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in said)
    assert "\u202e" not in said


@pytest.mark.parametrize(
    ("arguments", "issuer", "sentence"),
    [
        ([], "nobody", "known are cluster"),
        (["--token-file", "/nowhere/token"], "cluster", "/nowhere/token"),
    ],
)
def test_a_wrong_command_line_is_a_sentence(
    desk: Desk,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    issuer: str,
    sentence: str,
) -> None:
    """Which names what there is."""
    assert desk.check(*arguments, issuer=issuer) == exits.USAGE
    assert sentence in capsys.readouterr().err


def test_a_faulty_declaration_is_told_with_its_place(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """As by every other command."""
    desk.declare(audience="https://kubernetes.default.svc")

    assert desk.check() == exits.CONFIGURATION
    assert "issuers[0].audience" in capsys.readouterr().err


def test_a_doubtful_instance_is_a_warning(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told where the declaration is tried, too."""
    desk.declare(keys={"file": "keys.json"}, map={"instance": {"claim": "sub"}})

    assert desk.check() == exits.OK
    assert "warning: nothing tells two copies apart" in capsys.readouterr().out
