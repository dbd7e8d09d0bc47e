"""What a webhook is verified with: secrets and public keys, one or two in a file."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.webhook_keys import PublicKey, is_signed_by, parse_key, read_keys, read_secrets
from broker.webhook_signing import parse_secret, signature

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RAW = PRIVATE.public_key().public_bytes_raw()
PUBLIC = "whpk_" + base64.b64encode(RAW).decode()
SECRET = "whsec_" + "M" * 43 + "="
ID, AT, BODY = "msg_1", "1614265330", b"{}"
BY_KEY = "v1a," + base64.b64encode(PRIVATE.sign(b"msg_1.1614265330.{}")).decode()
BY_SECRET = signature(parse_secret(SECRET), ID, AT, BODY)


def test_each_kind_of_key_takes_its_own_kind_of_signature() -> None:
    """A signature by secret is none by key, and the other way round."""
    key, secret = parse_key(PUBLIC), parse_key(SECRET)

    assert is_signed_by([key], ID, AT, BODY, BY_KEY)
    assert is_signed_by([secret], ID, AT, BODY, BY_SECRET)
    assert is_signed_by([secret, key], ID, AT, BODY, f"v1,AAAA {BY_KEY}")
    assert not is_signed_by([key], ID, AT, BODY, BY_SECRET)
    assert not is_signed_by([key], ID, AT, BODY, BY_KEY.replace("v1a,", "v1,"))
    assert not is_signed_by([secret], ID, AT, BODY, BY_KEY)
    assert not is_signed_by([], ID, AT, BODY, f"{BY_SECRET} {BY_KEY}")


@pytest.mark.parametrize(
    ("id_", "at", "body"), [("msg_2", AT, BODY), (ID, "1614265331", BODY), (ID, AT, b"{ }")]
)
def test_whatever_is_changed_the_key_has_not_signed(id_: str, at: str, body: bytes) -> None:
    """Id, time and body."""
    assert not is_signed_by([parse_key(PUBLIC)], id_, at, body, BY_KEY)


@pytest.mark.parametrize("header", ["", "v1a,", "v1a,é", "v1a,AAAA", BY_KEY + "=", BY_KEY.upper()])
def test_what_is_no_signature_is_none_of_the_keys(header: str) -> None:
    """And raises nothing."""
    assert not is_signed_by([parse_key(PUBLIC)], ID, AT, BODY, header)


def test_the_key_looks_at_as_many_signatures_as_a_secret_does() -> None:
    """Each costs a verification."""
    key = parse_key(PUBLIC)

    assert is_signed_by([key], ID, AT, BODY, "v1a,x " * 15 + BY_KEY)
    assert not is_signed_by([key], ID, AT, BODY, "v1a,x " * 16 + BY_KEY)


@pytest.mark.parametrize("text", ["", "whpk_", "whpk_AAAA", "whpk_é", PUBLIC[:-2], "ed25519:x"])
def test_what_is_no_key_is_refused_without_being_shown(text: str) -> None:
    """Of either kind."""
    with pytest.raises(ValueError, match="is not wh") as refused:
        parse_key(text)

    assert "AAAA" not in str(refused.value)


def test_a_file_has_one_key_or_two(tmp_path: Path) -> None:
    """None, three, or something else is no such file; what signs is secrets alone."""
    file = tmp_path / "keys"

    file.write_text(f"{SECRET}\n{PUBLIC}\n")
    secret, key = read_keys(file)
    with pytest.raises(ValueError, match="is not whsec_"):
        read_secrets(file)

    assert (isinstance(key, PublicKey), str(secret)) == (True, str(parse_secret(SECRET)))
    for text in ("", f"{SECRET}\n" * 3):
        file.write_text(text)
        with pytest.raises(ValueError, match="one key"):
            read_keys(file)
