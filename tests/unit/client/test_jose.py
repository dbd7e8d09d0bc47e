import pytest

from broker.client.errors import TokenMalformedError, TokenUntrustedError
from broker.client.jose import MAX_TOKEN_CHARS, decode_segment, split
from tests.fakes import token_mint as mint

HEADER = {"alg": "EdDSA", "kid": mint.ED_KID, "typ": "at+jwt"}
GOOD = mint.token()
HEAD, BODY, SIGNATURE = GOOD.split(".")


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "at+JWT", "application/at+jwt"])
def test_a_token_comes_apart_into_what_was_signed(typ: str) -> None:
    """Header, claims, signing input and signature are what the broker put in."""
    text = mint.sign(mint.encode(mint.claims()), header={**HEADER, "typ": typ})

    parts = split(text)

    assert (parts.header.alg, parts.header.kid) == ("EdDSA", mint.ED_KID)
    assert parts.claims == mint.claims()
    assert parts.signing_input == text.rpartition(".")[0].encode()
    assert parts.signature == mint.signature(parts.signing_input)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        "a",
        f"{HEAD}.{BODY}",
        f"{HEAD}.{BODY}.",
        f"{HEAD}..{SIGNATURE}",
        f".{BODY}.{SIGNATURE}",
        f"{GOOD}.",
        f"{GOOD}.{SIGNATURE}",
        f"{GOOD}=",
        f"{GOOD}==",
        f"{HEAD}=.{BODY}.{SIGNATURE}",
        f" {GOOD}",
        f"{GOOD}\n",
        f"{GOOD}\0",
        GOOD.replace(".", "\u2024", 1),
        f"{HEAD}.{BODY}.{SIGNATURE[:-1]}+",
        f"{HEAD}.{BODY}.{SIGNATURE[:-1]}/",
        f"{HEAD}.{BODY}.{SIGNATURE}A" + "é",
        f"{HEAD}.{BODY}.A",
        f"{HEAD}.{BODY}.AB",
        '{"protected":"e30","payload":"e30","signature":"AA"}',
        f"{HEAD}.{BODY}.{'A' * MAX_TOKEN_CHARS}",
    ],
)
def test_what_is_not_three_canonical_segments_is_refused(text: str) -> None:
    """Padding, whitespace, other alphabets, other serialisations and excess do not come apart."""
    with pytest.raises(TokenMalformedError):
        split(text)


@pytest.mark.parametrize("length", [MAX_TOKEN_CHARS - 1, MAX_TOKEN_CHARS, MAX_TOKEN_CHARS + 1])
def test_the_longest_token_has_exactly_the_bound(length: int) -> None:
    """One character more than the bound is refused before it is decoded."""
    text = "." * length

    with pytest.raises(TokenMalformedError) as caught:
        split(text)

    assert ("too long" in str(caught.value)) == (length > MAX_TOKEN_CHARS)


@pytest.mark.parametrize(
    "changes",
    [
        {"crit": []},
        {"crit": ["exp"]},
        {"b64": False},
        {"jku": "https://evil.example/keys"},
        {"x5u": "file:///etc/passwd"},
        {"x5c": ["AA"]},
        {"jwk": {"kty": "OKP"}},
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"x": 1},
        {"alg": None},
        {"alg": 0},
        {"alg": ["EdDSA"]},
        {"kid": None},
        {"kid": 1},
        {"kid": []},
        {"kid": {}},
        {"kid": ""},
        {"kid": "../../etc/passwd\0"},
        {"kid": "a b"},
        {"kid": "'; DROP TABLE keys; --"},
        {"kid": "a" * 257},
        {"kid": "ключ"},
        {"typ": None},
        {"typ": 1},
    ],
)
def test_a_header_holds_three_texts_and_nothing_else(changes: dict[str, object]) -> None:
    """Keys, URLs and extensions in a header are refused instead of looked at."""
    with pytest.raises(TokenMalformedError):
        split(mint.sign(mint.encode(mint.claims()), header={**HEADER, **changes}))


@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
def test_no_header_member_may_be_missing(name: str) -> None:
    """A token without one of the three was not made by the broker."""
    header = {key: value for key, value in HEADER.items() if key != name}

    with pytest.raises(TokenMalformedError):
        split(mint.sign(mint.encode(mint.claims()), header=header))


@pytest.mark.parametrize(
    "typ", ["", "JWT", "jwt", "at", "at+jwt ", "x/at+jwt", "logout+jwt", "secevent+jwt", "wit+jwt"]
)
def test_another_type_of_token_is_refused(typ: str) -> None:
    """A token of another class, though signed by the broker, is no access token."""
    with pytest.raises(TokenUntrustedError):
        split(mint.sign(mint.encode(mint.claims()), header={**HEADER, "typ": typ}))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"1",
        b"{",
        b"{}{}",
        b'{"sub":"a","sub":"b"}',
        b'{"exp":NaN}',
        b'{"exp":Infinity}',
        b'{"exp":1e999}',
        b'{"exp":' + b"9" * 5000 + b"}",
        b'{"sub":"\\ud800"}',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        '{"sub":"a"}'.encode("utf-16"),
        b"[" * 3000 + b"]" * 3000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
    ],
)
def test_claims_are_one_strict_json_object(payload: bytes) -> None:
    """Text that two parsers could read differently, or that breaks one, is refused."""
    with pytest.raises(TokenMalformedError):
        split(mint.sign(payload))


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"none","alg":"EdDSA","kid":"ed-1","typ":"at+jwt"}',
        b'{"alg":"EdDSA","kid":"ed-1","kid":"ed-1","typ":"at+jwt"}',
        b"[]",
        b"",
    ],
)
def test_a_header_is_one_strict_json_object(header: bytes) -> None:
    """A header member that occurs twice is refused, whichever copy is good."""
    with pytest.raises(TokenMalformedError):
        split(mint.sign_raw(header, mint.encode(mint.claims())))


@pytest.mark.parametrize("data", [b"\0", b"\xff\xff", b"abc", b"abcd", bytes(range(256))])
def test_each_byte_string_has_one_spelling(data: bytes) -> None:
    """Canonical base64url decodes; the same bytes with stray low bits or padding do not."""
    text = mint.segment(data)

    assert decode_segment(text) == data
    if len(data) % 3:
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        stray = text[:-1] + alphabet[alphabet.index(text[-1]) + 1]
        with pytest.raises(TokenMalformedError):
            decode_segment(stray)
