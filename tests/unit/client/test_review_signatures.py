"""Only what the broker has signed of an answer, as an answer, is taken for its signature."""

import copy
from typing import Any, Final

import pytest
from msgspec.structs import replace

from broker.answer_signing import AnswerSigning
from broker.client.errors import TokenUntrustedError
from broker.client.jose import split
from broker.client.keys import parse_key_set
from broker.client.review_signatures import ReviewSignatures
from broker.errors import UnavailableError
from broker.reviews.answers import Answer
from broker.reviews.checking import Checked, check_export
from broker.signing.key import SigningKey, new_private_key
from broker.signing.keyring import Keyring
from tests.fakes.clock import FakeClock
from tests.fakes.exports import sealed

ISSUER: Final = "https://broker.example"


class Source:
    """A broker's keys, of which one is active, or none."""

    def __init__(self, alg: str, *, is_active: bool = True) -> None:
        self.key = SigningKey("k1", new_private_key(alg))
        state = "active" if is_active else "retiring"
        line = {"kid": "k1", "state": state, "alg": alg, "jwk": dict(self.key.jwk)}
        self.keyring = Keyring([self.key], [line])

    def read(self, signature: str, issuer: str = ISSUER) -> Any:
        """Read a signature as whoever has the public keys."""
        return ReviewSignatures(issuer, parse_key_set({"keys": [self.key.jwk]})).read(signature)


@pytest.fixture(params=["EdDSA", "ES256"])
def source(request: pytest.FixtureRequest) -> Source:
    """Keys of either kind."""
    return Source(request.param)


def exported(source: Source) -> dict[str, Any]:
    """Export a review whose one answer is signed."""
    whole = sealed()
    answer = whole["agents"][0]["answer"]
    said = {name: value for name, value in answer.items() if name not in ("at", "signature")}
    said["ceiling"] = tuple(said["ceiling"])
    answer["signature"] = AnswerSigning(ISSUER, source, FakeClock()).sign(Answer(**said))
    return whole


def checked(source: Source, whole: dict[str, Any]) -> Checked:
    """Check an export by the broker's keys."""
    return check_export(whole, [], source.read)


def test_what_the_broker_has_signed_is_good(source: Source) -> None:
    """It names who answered, about which packet."""
    whole = exported(source)

    found = checked(source, whole)
    claims = source.read(whole["agents"][0]["answer"]["signature"])

    assert (found.is_good, found.signed) == (True, 1), found.faults
    assert (claims["by"], claims["packet"]) == ("person:dana", whole["review"]["packet"])


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("verdict", "revoke"),
        ("reason", "another"),
        ("by", "person:eve"),
        ("issuer", "https://evil.example"),
        ("subject", "eve"),
        ("evidence", "00" * 32),
        ("ceiling", ["orders-api orders:read"]),
        ("review_by", "2099-01-01"),
        ("signature", ""),
        ("signature", "a.b.c"),
    ],
)
def test_whatever_is_changed_in_an_answer_shows(source: Source, member: str, value: Any) -> None:
    """Each thing that it says."""
    whole = exported(source)
    whole["agents"][0]["answer"][member] = value

    found = checked(source, whole)

    assert (found.is_good, found.signed) == (False, 0)


def test_the_signature_of_another_answer_is_none(source: Source) -> None:
    """Of the same review, by the same reviewer, about another agent."""
    whole = exported(source)
    other = copy.deepcopy(whole["agents"][0]["answer"])
    said = {name: other[name] for name in other if name not in ("at", "signature")}
    answer = replace(Answer(**said), agent="report-bot")
    signature = AnswerSigning(ISSUER, source, FakeClock()).sign(answer)
    whole["agents"][0]["answer"]["signature"] = signature

    assert checked(source, whole).signed == 0


def test_another_key_issuer_or_type_is_none(source: Source) -> None:
    """A token of the broker's own is no signature, and a signature is no token."""
    signature = exported(source)["agents"][0]["answer"]["signature"]
    claims = dict(source.read(signature))
    of_tokens = (source.key.sign(claims).reveal(), source.key.sign_login(claims).reveal())

    for text in (*of_tokens, signature[:-4] + "AAAA", signature + "x"):
        with pytest.raises(ValueError, match=r"type|key|base64|segments"):
            source.read(text)
    with pytest.raises(ValueError, match=r"its key is not among these|not of its key"):
        Source("EdDSA").read(signature)
    with pytest.raises(ValueError, match="another issuer"):
        source.read(signature, "https://other.example")
    with pytest.raises(TokenUntrustedError):
        split(signature)
    assert {"sub", "exp", "scope", "client_id", "jti"}.isdisjoint(claims)


def test_without_an_active_key_an_answer_is_not_signed_and_waits_for_none() -> None:
    """What takes access away needs no key."""
    source = Source("EdDSA", is_active=False)
    with pytest.raises(UnavailableError):
        source.keyring.active()

    whole = exported(source)

    assert whole["agents"][0]["answer"]["signature"] == ""
    assert check_export(whole, []).is_good
    assert checked(source, whole).faults == (
        "the signature of the answer about invoice-bot: there is none",
    )
