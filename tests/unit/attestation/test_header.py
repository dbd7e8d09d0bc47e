import pytest

from broker.attestation.header import ABSENT, check_header
from broker.attestation.reasons import Reason
from broker.errors import AttestationError

GOOD = {"alg": "ES256", "kid": "k1", "typ": "JWT"}


def reason_of(header: dict[str, object], types: tuple[str, ...] = ("jwt",)) -> str:
    """Return the word with which a header is refused."""
    with pytest.raises(AttestationError) as caught:
        check_header(header, algorithms=("ES256", "RS256"), types=types)
    return caught.value.reason


def test_a_good_header_passes() -> None:
    """The algorithm and the key's name come out."""
    header = check_header(GOOD, algorithms=("ES256",), types=("jwt",))
    assert (header.algorithm, header.key_id) == ("ES256", "k1")


ALGORITHMS = [
    *["none", "None", "nOnE", "", "es256", "ES256 ", "HS256", "ES384", "PS256"],
    *[None, 0, True, ["ES256"], {"ES256": 1}],
]


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_b1_b3_only_a_declared_algorithm_passes(alg: object) -> None:
    """``none`` in any spelling, HMAC, other types and undeclared algorithms are refused."""
    assert reason_of({**GOOD, "alg": alg}) == Reason.ALGORITHM


def test_b3_a_missing_algorithm_is_refused() -> None:
    """There is no default."""
    assert reason_of({"kid": "k1", "typ": "JWT"}) == Reason.ALGORITHM


KEY_IDS = [
    *["", None, 1, True, ["k1"], {"k1": 1}, "k 1", "k1\n", "k\x001", "k\u0131", "a" * 257],
    *["k;1", "k'1", "$(id)", "k1*", "../../etc/passwd\x00", "http://x?y", "k1#", "k|1"],
    pytest.param("k" * 1_000_000, id="a megabyte"),
]


@pytest.mark.parametrize("kid", KEY_IDS)
def test_b4_a_malformed_kid_is_refused(kid: object) -> None:
    """Lists, controls, quotes, shell and overlong names never reach the key set."""
    assert reason_of({**GOOD, "kid": kid}) == Reason.KEY_ID


@pytest.mark.parametrize(
    "kid", ["k1", "a" * 256, "AbC._:+=/-09", "../../x", "https://issuer/keys/1"]
)
def test_b4_a_well_formed_kid_is_a_mere_name(kid: str) -> None:
    """What looks like a path or a URL is a dictionary key like any other."""
    assert check_header({**GOOD, "kid": kid}, algorithms=("ES256",), types=("jwt",)).key_id == kid


def test_b4_a_missing_kid_is_refused() -> None:
    """No key is tried that the token does not name."""
    assert reason_of({"alg": "ES256", "typ": "JWT"}) == Reason.KEY_ID


@pytest.mark.parametrize(
    ("typ", "types"),
    [
        ("JWT", ("jwt",)),
        ("jwt", ("jwt",)),
        ("application/JWT", ("jwt",)),
        ("JOSE", ("jwt", "jose")),
        ("at+JWT", ("at+jwt",)),
        ("application/at+jwt", ("at+jwt",)),
    ],
)
def test_declared_types_pass_as_media_types_compare(typ: str, types: tuple[str, ...]) -> None:
    """Case and the prefix ``application/`` do not matter (RFC 7515 §4.1.9)."""
    assert check_header({**GOOD, "typ": typ}, algorithms=("ES256",), types=types)


TYPES = [
    *["at+jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "dpop+jwt", "JOSE"],
    *["", None, 1, ["JWT"], "JWT ", "application/application/jwt"],
    *["absent", "ABSENT", "application/absent"],
]


@pytest.mark.parametrize("typ", TYPES)
def test_b14_undeclared_types_are_refused(typ: object) -> None:
    """Our own access tokens and every other class of token are no workload tokens."""
    assert reason_of({**GOOD, "typ": typ}, types=("jwt", ABSENT)) == Reason.TYPE


def test_a_missing_type_passes_only_where_it_is_declared() -> None:
    """Absence is a type of its own."""
    header: dict[str, object] = {"alg": "ES256", "kid": "k1"}
    assert reason_of(header) == Reason.TYPE
    assert check_header(header, algorithms=("ES256",), types=(ABSENT,))
