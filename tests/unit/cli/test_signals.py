"""`broker signal send`: a Security Event Token is signed and sent."""

from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from broker.cli import exits
from broker.cli.main import main
from tests.fakes import answers
from tests.fakes.scripted_broker import ScriptedBroker

WORDS = ["--kid", "s1", "--issuer", "https://soc.example", "--audience", "https://broker.example"]


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
        (rsa.generate_private_key(65537, 2048), "RS256"),
    ],
    ids=["ES256", "ES384", "EdDSA", "RS256"],
)
def test_a_signal_is_signed_by_the_key_as_its_kind_does(
    broker: ScriptedBroker,
    tmp_path: Path,
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey,
    algorithm: str,
) -> None:
    """It says whom it is about, for whom it is, and how severe it is."""
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    broker.answers["POST /v1/signals"] = (202, {"finding": answers.FINDING})

    words = ["agent:invoice-bot", "--key", str(file), "--tenant", "acme", "--severity", "high"]
    assert main(["signal", "send", *words, *WORDS]) == exits.OK

    token = broker.asked[0].body["signal"]
    claims = jwt.decode(
        token, key.public_key(), algorithms=[algorithm], audience="https://broker.example"
    )
    assert jwt.get_unverified_header(token) == {
        "alg": algorithm,
        "kid": "s1",
        "typ": "secevent+jwt",
    }
    assert claims["sub_id"] == {"format": "opaque", "id": "agent:invoice-bot"}
    assert list(claims["events"].values()) == [{"severity": "high", "tenant": "acme"}]


def test_what_is_no_key_signs_nothing(broker: ScriptedBroker, tmp_path: Path) -> None:
    """And nothing is sent."""
    file = tmp_path / "key.pem"
    file.write_text("no key")

    assert main(["signal", "send", "agent:a", "--key", str(file), *WORDS]) == exits.REFUSED
    assert broker.asked == []
