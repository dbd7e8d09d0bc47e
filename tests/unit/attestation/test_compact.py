import json

import pytest

from broker import base64url
from broker.attestation.compact import MAX_TOKEN_BYTES, parse_compact
from broker.attestation.reasons import Reason
from broker.errors import AttestationError
from tests.fakes.issuer import encode

HEADER = encode({"alg": "ES256", "kid": "k1"})
CLAIMS = encode({"iss": "x"})


def compact(header: bytes = HEADER, claims: bytes = CLAIMS, signature: bytes = b"sig") -> str:
    """Write three parts as a token."""
    return ".".join(base64url.encode(part) for part in (header, claims, signature))


def reason_of(token: str) -> str:
    """Return the word with which a token is refused."""
    with pytest.raises(AttestationError) as caught:
        parse_compact(token)
    return caught.value.reason


def test_a_token_is_taken_apart() -> None:
    """Header, claims, signature and the signed bytes come out."""
    token = compact()

    parsed = parse_compact(token)

    assert parsed.unverified_header == {"alg": "ES256", "kid": "k1"}
    assert parsed.unverified_claims == {"iss": "x"}
    assert parsed.signature == b"sig"
    assert parsed.signing_input.decode() == token.rpartition(".")[0]


SHAPES = {
    "empty": "",
    "one segment": "e30",
    "two segments": "e30.e30",
    "no signature": "e30.e30.",
    "no claims": "e30..e30",
    "no header": ".e30.e30",
    "four dots": "e30.e30.e30.e30.e30",
    "trailing dot": compact() + ".",
    "leading space": " " + compact(),
    "trailing newline": compact() + "\n",
    "padding": compact() + "==",
    "standard alphabet": "e30.e30.+/+/",
    "not ASCII": "e30.e30.ä",
    "digits of another script": "e30.e30.\u0661\u0661\u0661\u0661",
    "surrogate": "e30.e30.\ud800",
    "NUL": "e30.e30.\x00",
    "impossible length": "e30.e30.AAAAA",
    "flattened JSON": json.dumps({"payload": "e30", "protected": "e30", "signature": "e30"}),
    "bearer prefix": "Bearer " + compact(),
}


@pytest.mark.parametrize("token", SHAPES.values(), ids=SHAPES.keys())
def test_b3_b18_only_three_full_segments_are_a_token(token: str) -> None:
    """Missing, empty and extra segments, other alphabets and other serialisations are malformed."""
    assert reason_of(token) == Reason.MALFORMED


OBJECTS = {
    "not JSON": b"{",
    "empty": b" ",
    "array": b"[]",
    "string": b'"x"',
    "null": b"null",
    "duplicate name": b'{"alg":"ES256","alg":"none"}',
    "duplicate by escape": b'{"alg":"ES256","\\u0061lg":"none"}',
    "NaN": b'{"exp":NaN}',
    "infinite": b'{"exp":1e999}',
    "huge integer": b'{"exp":' + b"9" * 50 + b"}",
    "byte order mark": b'\xef\xbb\xbf{"alg":"ES256"}',
    "UTF-16": json.dumps({"alg": "ES256"}).encode("utf-16"),
    "lone surrogate": b'{"sub":"\\ud800"}',
    "deep": b'{"a":' * 17 + b"1" + b"}" * 17,
    "trailing text": b"{}{}",
    "nested token": compact().encode(),
}


@pytest.mark.parametrize("data", OBJECTS.values(), ids=OBJECTS.keys())
def test_b17_header_and_claims_are_strict_json_objects(data: bytes) -> None:
    """What two parsers could read differently is malformed, in either place (M1, M2)."""
    assert reason_of(compact(header=data)) == Reason.MALFORMED
    assert reason_of(compact(claims=data)) == Reason.MALFORMED


FORBIDDEN: dict[str, object] = {
    "crit empty": {"crit": []},
    "crit exp": {"crit": ["exp"], "exp": 1},
    "crit b64": {"crit": ["b64"], "b64": False},
    "b64": {"b64": True},
    "jku": {"jku": "https://evil.example/jwks"},
    "x5u file": {"x5u": "file:///etc/passwd"},
    "x5c": {"x5c": ["MIIB"]},
    "jwk": {"jwk": {"kty": "EC"}},
    "jwk null": {"jwk": None},
    "zip": {"zip": "DEF"},
    "JWE": {"enc": "A256GCM"},
}


@pytest.mark.parametrize("members", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_b5_b18_headers_that_name_keys_or_processing_are_refused(
    members: dict[str, object],
) -> None:
    """They are refused for being there, whatever they hold; nothing they name is looked at."""
    header = encode({"alg": "ES256", "kid": "k1", **members})
    assert reason_of(compact(header=header)) == Reason.FORBIDDEN_HEADER


@pytest.mark.parametrize("excess", [-1, 0])
def test_b19_tokens_up_to_the_bound_are_read(excess: int) -> None:
    """Just under and at 16 KiB a token is read."""
    filler = "A" * (MAX_TOKEN_BYTES + excess - len(compact(signature=b"")))
    token = f"{compact(signature=b'')}{filler}"
    assert len(token) == MAX_TOKEN_BYTES + excess
    assert parse_compact(token).signature


@pytest.mark.parametrize("size", [MAX_TOKEN_BYTES + 1, 8_000_000])
def test_b19_longer_tokens_are_refused_unread(size: int) -> None:
    """One byte more, and eight megabytes (M5), are refused before anything is decoded."""
    assert reason_of("A" * size) == Reason.TOO_LARGE


def test_i13_a_refusal_holds_nothing_of_the_token() -> None:
    """No message and no cause of it shows what was sent."""
    with pytest.raises(AttestationError) as caught:
        parse_compact(compact(claims=b'{"canary7":1,"canary7":2}'))
    error: BaseException | None = caught.value
    while error is not None:
        assert "canary7" not in repr(error)
        error = error.__cause__ or error.__context__


def test_i13_an_unverified_token_does_not_print_itself() -> None:
    """Its representation shows neither claims nor signature."""
    assert "iss" not in repr(parse_compact(compact()))
