"""SPIFFE IDs by the rules of SPIFFE-ID §2 (B24, SP-9)."""

import string
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.attestation.spiffe.spiffe_id import SpiffeIdError, parse_spiffe_id

LONGEST_DOMAIN = "d" * 255
LONGEST = "spiffe://td/" + "s" * (2048 - len("spiffe://td/"))

VALID = [
    "spiffe://trustdomain",
    "spiffe://trust-domain.example_1",
    "spiffe://1.2.3.4/service",
    "spiffe://trustdomain/path",
    "spiffe://trustdomain/path1/path2",
    "spiffe://trustdomain/pATH1/pATH2",
    "spiffe://trustdomain/9eebccd2-12bf-40a6-b262-65fe0487d453",
    "spiffe://trustdomain/...",
    "spiffe://trustdomain/..x/.y/z..",
    "spiffe://trustdomain/-_.",
    f"spiffe://{LONGEST_DOMAIN}/x",
    LONGEST,
]

REFUSED = [
    "",
    "spiffe",
    "spiffe:",
    "spiffe:/",
    "spiffe://",
    "spiffe:///path",
    "spiffe:td/x",
    "SPIFFE://trustdomain/x",
    "Spiffe://trustdomain/x",
    "https://trustdomain/path",
    " spiffe://trustdomain/path",
    "spiffe://trustdomain/path ",
    "spiffe://trustdomain/path\n",
    "spiffe://TrustDomain/x",
    "spiffe://TD/x",
    "spiffe://td:443/x",
    "spiffe://td:/x",
    "spiffe://user@td/x",
    "spiffe://user:password@td/x",
    "spiffe://td%2dx/x",
    "spiffe://[::1]/x",
    "spiffe://td\x00/x",
    "spiffe://t\u0430/x",
    "spiffe://t d/x",
    "spiffe://td\\x",
    "spiffe://td/",
    "spiffe://td//x",
    "spiffe://td/x/",
    "spiffe://td/x//y",
    "spiffe://td/.",
    "spiffe://td/..",
    "spiffe://td/./x",
    "spiffe://td/x/../y",
    "spiffe://td/x/..",
    "spiffe://td/%2e%2e/x",
    "spiffe://td/%41",
    "spiffe://td/x?y",
    "spiffe://td?y",
    "spiffe://td/x#y",
    "spiffe://td#y",
    "spiffe://td/x:y",
    "spiffe://td/x;y",
    "spiffe://td/x\x00",
    "spiffe://td/\u0430",
    "spiffe://td/\U0001f408",
    "spiffe://td/a\u0308",
    f"spiffe://{LONGEST_DOMAIN}d/x",
    LONGEST + "s",
]


@pytest.mark.parametrize("text", VALID)
def test_an_id_of_the_grammar_is_taken_and_spelled_as_it_came(text: str) -> None:
    """What the specification allows is read, and written back letter by letter."""
    assert str(parse_spiffe_id(text)) == text


@pytest.mark.parametrize("text", REFUSED)
def test_whatever_the_grammar_does_not_have_is_refused(text: str) -> None:
    """Nothing is folded, unescaped, trimmed or normalised."""
    with pytest.raises(SpiffeIdError):
        parse_spiffe_id(text)


def test_every_character_outside_the_alphabet_is_refused_in_each_place() -> None:
    """The alphabets are those of the specification, for all of Latin-1 and some beyond."""
    domain = set(string.ascii_lowercase + string.digits + "._-")
    segment = domain | set(string.ascii_uppercase)

    for character in map(chr, [*range(256), 0x130, 0x660, 0x200D, 0xFF0E]):
        assert _is_read(f"spiffe://a{character}b/x") == (character in domain | {"/"})
        assert _is_read(f"spiffe://td/a{character}b") == (character in segment | {"/"})


def test_case_of_a_path_tells_two_ids_apart() -> None:
    """Paths are case-sensitive (SPIFFE-ID §2.2)."""
    assert parse_spiffe_id("spiffe://td/Agent") != parse_spiffe_id("spiffe://td/agent")


def test_a_fault_is_described_without_the_text() -> None:
    """What an attacker wrote does not reach a log by way of the error."""
    with pytest.raises(SpiffeIdError) as caught:
        parse_spiffe_id("spiffe://td/canary canary")

    assert "canary" not in str(caught.value)


@given(st.text(max_size=80).map("spiffe://".__add__) | st.text(max_size=80))
def test_any_text_is_read_exactly_or_refused(text: str) -> None:
    """No text raises anything else, and what is taken means the same to a URL parser."""
    try:
        parsed = parse_spiffe_id(text)
    except SpiffeIdError:
        return

    parts = urlsplit(text)
    assert str(parsed) == text
    assert (parts.scheme, parts.netloc) == ("spiffe", parsed.trust_domain)
    assert parts.path == "".join(f"/{segment}" for segment in parsed.segments)


_ALPHABET = string.ascii_letters + string.digits + "._-"
_SEGMENTS = st.lists(
    st.text(_ALPHABET, min_size=1, max_size=20).filter(lambda word: word not in {".", ".."}),
    max_size=6,
)


@given(st.text("abcxyz019._-", min_size=1, max_size=40), _SEGMENTS)
def test_whatever_the_grammar_makes_is_read(domain: str, segments: list[str]) -> None:
    """An ID that is put together by the rules comes apart into the same pieces."""
    parsed = parse_spiffe_id("/".join([f"spiffe://{domain}", *segments]))

    assert (parsed.trust_domain, parsed.segments) == (domain, tuple(segments))


def _is_read(text: str) -> bool:
    try:
        parse_spiffe_id(text)
    except SpiffeIdError:
        return False
    return True
