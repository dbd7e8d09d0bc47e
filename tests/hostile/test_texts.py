"""Part B of the dangers, on sizes, encodings and JSON: a full attest with real keys."""

from collections.abc import Callable

import pytest

from broker import base64url
from broker.attestation.compact import MAX_TOKEN_BYTES
from broker.attestation.reasons import Reason
from broker.errors import AttestationError
from tests.fakes.attestation import AUDIENCE, ISSUER, Bench, honest_claims
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import EC_256, encode, sign_raw

HEADER = encode({"alg": "ES256", "kid": "k1", "typ": "JWT"})


def signed(claims: bytes, header: bytes = HEADER) -> str:
    """Sign any bytes with the trusted key: only the reading can refuse them."""
    return sign_raw(header, claims, EC_256, "ES256")


def claims_text(clock: FakeClock, **changes: object) -> bytes:
    """Write honest claims."""
    return encode(honest_claims(clock, **changes))


REPEATED = {
    "sub first": lambda text: b'{"sub":"admin",' + text[1:],
    "sub last": lambda text: text[:-1] + b',"sub":"admin"}',
    "escaped": lambda text: text[:-1] + b',"s\\u0075b":"admin"}',
    "exp": lambda text: text[:-1] + b',"exp":9999999999}',
    "iss": lambda text: text[:-1] + b',"iss":"' + ISSUER.encode() + b'"}',
    "aud": lambda text: text[:-1] + b',"aud":"' + AUDIENCE.encode() + b'"}',
    "deep": lambda text: text[:-1] + b',"d":{"a":1,"a":1}}',
    "empty": lambda text: text[:-1] + b',"":1,"":1}',
}


@pytest.mark.parametrize("repeat", REPEATED.values(), ids=REPEATED.keys())
async def test_b17_a_name_that_repeats_is_refused(repeat: Callable[[bytes], bytes]) -> None:
    """B17, M1: a gateway takes the first, a library the last (JW-2)."""
    bench = Bench()
    token = signed(repeat(claims_text(bench.clock)))
    assert await bench.reason_of(token) == Reason.MALFORMED


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"ES256","alg":"ES256","kid":"k1"}',
        b'{"alg":"none","kid":"k1","alg":"ES256"}',
        b'{"alg":"ES256","kid":"k1","\\u0061lg":"none"}',
        b'{"alg":"ES256","kid":"x","kid":"k1"}',
    ],
)
async def test_b17_a_header_that_repeats_is_refused(header: bytes) -> None:
    """B17, M1: also with the name written in escapes."""
    bench = Bench()
    assert await bench.reason_of(signed(claims_text(bench.clock), header)) == Reason.MALFORMED


@pytest.mark.parametrize(
    "value",
    [
        *["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 400, "1" * 5000, "01", "+1"],
        *["1.", ".5", "0x1", "'a'", "undefined", "True"],
        *['"\\ud800"', '"\\udc00\\ud800"', '"\x01"', '"\\x41"'],
    ],
)
async def test_b17_what_parsers_read_differently_is_refused(value: str) -> None:
    """B17, M1, M2: constants, numbers beyond 64 bits, half characters, loose JSON."""
    bench = Bench()
    text = claims_text(bench.clock)[:-1] + f',"x":{value}}}'.encode("utf-8", "surrogatepass")
    assert await bench.reason_of(signed(text)) == Reason.MALFORMED


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "utf-16": lambda text: text.decode().encode("utf-16"),
    "utf-16-le": lambda text: text.decode().encode("utf-16-le"),
    "utf-32": lambda text: text.decode().encode("utf-32"),
    "latin-1": lambda text: text[:-1] + b',"x":"\xe9"}',
    "overlong": lambda text: text[:-1] + b',"x":"\xc0\xad"}',
    "surrogate bytes": lambda text: text[:-1] + b',"x":"\xed\xa0\x80"}',
    "nul behind": lambda text: text + b"\0",
    "second document": lambda text: text + b"{}",
    "comma": lambda text: text[:-1] + b",}",
    "comment": lambda text: text[:-1] + b"/**/}",
    "list": lambda text: b"[" + text + b"]",
    "string": lambda text: b'"' + text.replace(b'"', b'\\"') + b'"',
    "nothing": lambda _: b" ",
    "null": lambda _: b"null",
}


@pytest.mark.parametrize("change", ENCODINGS.values(), ids=ENCODINGS.keys())
async def test_b17_claims_are_one_object_in_utf_8(change: Callable[[bytes], bytes]) -> None:
    """B17, M1: RFC 7519 §7.2; other encodings were read by a library."""
    bench = Bench()
    assert await bench.reason_of(signed(change(claims_text(bench.clock)))) == Reason.MALFORMED
    assert await bench.reason_of(signed(claims_text(bench.clock), change(HEADER))) == (
        Reason.MALFORMED
    )


@pytest.mark.parametrize(("depth", "accepted"), [(14, True), (15, True), (16, False), (17, False)])
async def test_b17_nesting_is_bounded_in_threes(depth: int, *, accepted: bool) -> None:
    """B17, M2: sixteen levels, the outermost object being one."""
    bench = Bench()
    nested = b"[" * depth + b"]" * depth
    token = signed(claims_text(bench.clock)[:-1] + b',"d":' + nested + b"}")
    if accepted:
        assert await bench.attestation.attest(token)
    else:
        assert await bench.reason_of(token) == Reason.MALFORMED


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
async def test_b17_a_token_full_of_brackets_is_refused(opening: bytes) -> None:
    """B17, M2: older parsers fell over it; it costs nothing here."""
    bench = Bench()
    text = claims_text(bench.clock)[:-1] + b',"d":' + opening * (8_000 // len(opening))
    assert await bench.reason_of(signed(text)) == Reason.MALFORMED


@pytest.mark.parametrize("excess", [-1, 0, 1])
async def test_b19_sizes_are_bounded_in_threes(excess: int) -> None:
    """B19, M5: sixteen kilobytes are read, one byte more is not looked at."""
    bench = Bench()
    token = padded(bench, MAX_TOKEN_BYTES + excess)
    assert len(token) == MAX_TOKEN_BYTES + excess
    if excess <= 0:
        assert await bench.attestation.attest(token)
    else:
        assert await bench.reason_of(token) == Reason.TOO_LARGE


def padded(bench: Bench, size: int) -> str:
    """Sign a token of exactly this many characters, with padding in the header and the claims."""
    for extra in range(4):
        header = HEADER[:-1] + b',"pad":"' + b"x" * extra + b'"}'
        base = len(signed(claims_text(bench.clock, jti=""), header))
        for pad in range((size - base) * 3 // 4 - 4, (size - base) * 3 // 4 + 4):
            token = signed(claims_text(bench.clock, jti="x" * pad), header)
            if len(token) == size:
                return token
    raise AssertionError(f"no token of {size} characters")


async def test_b19_megabytes_are_not_read() -> None:
    """B19: whatever they hold, they are refused by their length."""
    bench = Bench()
    for token in ("a" * 10_000_000, "." * 10_000_000, bench.token() * 10_000):
        assert await bench.reason_of(token) == Reason.TOO_LARGE


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token.replace(".", "=.", 1),
        lambda token: token.replace(".", "%2E"),
        lambda token: token.replace("e", "\u0435", 1),
        lambda token: token + "\u200b",
        lambda token: "\ufeff" + token,
        lambda token: token[:20] + "\n" + token[20:],
        lambda token: token[:20] + " " + token[20:],
        lambda token: token[:20] + "\0" + token[20:],
        lambda token: token[:20] + "\udc80" + token[20:],
    ],
)
async def test_b17_segments_are_base64url_and_nothing_else(change: Callable[[str], str]) -> None:
    """B17, B20: libraries drop what they do not know; here it is refused."""
    bench = Bench()
    assert await bench.reason_of(change(bench.token())) == Reason.MALFORMED


@pytest.mark.parametrize("plain", ["+", "/"])
async def test_b17_the_other_base64_alphabet_is_refused(plain: str) -> None:
    """RFC 7515 §2: base64url has - and _, not + and /."""
    bench = Bench()
    url = {"+": "-", "/": "_"}[plain]
    for number in range(200):
        token = signed(claims_text(bench.clock, jti=f"{number}\u00ff\u00be"))
        if url in token:
            assert await bench.reason_of(token.replace(url, plain)) == Reason.MALFORMED
            return
    raise AssertionError("no token with that character")


@pytest.mark.parametrize(
    "name",
    [
        *["a\u200bb", "a\u202eb", "\u0000", "a\nb", "a b", "../x", "-x", "", "a" * 129, "*"],
        *["b\u0456ll", "e\u0301", "{}", "a\x1b[2J"],
    ],
)
async def test_f17_names_are_plain_at_the_door(name: str) -> None:
    """F17, F13, A17: a name that could hide, move a cursor or look like another is nobody's."""
    bench = Bench()
    for claim in ("sub", "tenant", "instance"):
        token = signed(claims_text(bench.clock, **{claim: name}))
        assert await bench.reason_of(token) == Reason.CLAIM_MALFORMED


async def test_b28_a_refusal_never_repeats_what_was_sent() -> None:
    """B28, F12: neither the token nor its signature is in the error."""
    bench = Bench()
    token = bench.token(aud="https://other.example")
    with pytest.raises(AttestationError) as caught:
        await bench.attestation.attest(token)
    said = f"{caught.value!r} {caught.value}"
    assert all(part not in said for part in token.split("."))
    assert base64url.decode(token.split(".")[1]).decode() not in said
