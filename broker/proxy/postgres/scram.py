"""SCRAM-SHA-256 (RFC 5802, RFC 7677), from both sides, without any input or output.

Passwords are printable ASCII here, so that SASLprep changes nothing. Names are PostgreSQL's affair:
it takes them from the start of the session, and what SCRAM says of them counts for nothing.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

MECHANISM: Final = "SCRAM-SHA-256"
BOUND_MECHANISM: Final = "SCRAM-SHA-256-PLUS"
"""With the server's certificate in what is proven."""

FEWEST_ITERATIONS: Final = 4_096
"""RFC 7677 §4. A server that asks for fewer would make guessing cheap."""
MOST_ITERATIONS: Final = 1_000_000
"""About half a second; more is an attack on this process."""

_MOST_BYTES: Final = 4_096
_PRINTABLE: Final = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
"""What a nonce may consist of: all printable characters but the comma."""
_CLIENT_FIRST: Final = re.compile(r"([ny],,)(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]{8,256}))", re.ASCII)
_CLIENT_FINAL: Final = re.compile(r"(c=([^,]+),r=([^,]+)),p=([^,]+)", re.ASCII)
_SERVER_FIRST: Final = re.compile(r"r=([^,]+),s=([^,]+),i=([1-9][0-9]{0,9})", re.ASCII)
_SERVER_FINAL: Final = re.compile(r"v=([^,]+)", re.ASCII)


class ScramError(Exception):
    """The other side breaks the rules, or does not know the password. The text is ours."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a server keeps of a password."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def of(cls, password: str, salt: bytes, iterations: int = FEWEST_ITERATIONS) -> "Verifier":
        """Make it."""
        salted = _salted(password, salt, iterations)
        stored = hashlib.sha256(_mac(salted, b"Client Key")).digest()
        return cls(salt, iterations, stored, _mac(salted, b"Server Key"))


class Server:
    """The side that is shown that somebody knows the password. Good for one try."""

    def __init__(self, verifier: Verifier, nonce: str) -> None:
        """Begin.

        Args:
            verifier: what is kept of the password.
            nonce: random, printable, without a comma.
        """
        self._verifier = verifier
        self._own_nonce = nonce
        self._begin = self._nonce = self._transcript = ""

    def challenge(self, first: bytes) -> bytes:
        """Answer the client's first message.

        Raises:
            ScramError: it is none that is understood: it wants channel binding or another name.
        """
        found = _CLIENT_FIRST.fullmatch(_ascii(first))
        if found is None:
            raise ScramError("the client's first message is not understood")
        self._begin, bare, theirs = found.groups()
        self._nonce = theirs + self._own_nonce
        salt = _encoded(self._verifier.salt)
        answer = f"r={self._nonce},s={salt},i={self._verifier.iterations}"
        self._transcript = f"{bare},{answer}"
        return answer.encode()

    def verify(self, final: bytes) -> bytes:
        """Check the client's proof, and return what proves that we know the password, too.

        Raises:
            ScramError: it does not know the password.
        """
        found = _CLIENT_FINAL.fullmatch(_ascii(final))
        if found is None:
            raise ScramError("the client's last message is not understood")
        unproven, begin, nonce, proof = found.groups()
        transcript = f"{self._transcript},{unproven}".encode()
        signature = _mac(self._verifier.stored_key, transcript)
        stored = hashlib.sha256(_mixed(_decoded(proof), signature)).digest()
        is_known = hmac.compare_digest(stored, self._verifier.stored_key)
        is_same = hmac.compare_digest(_decoded(begin), self._begin.encode())
        if not (is_known & is_same & hmac.compare_digest(nonce, self._nonce)):
            raise ScramError("the client does not know the password")
        return b"v=" + _encoded(_mac(self._verifier.server_key, transcript)).encode()


class Client:
    """The side that shows that it knows the password. Good for one try."""

    def __init__(self, password: str, nonce: str, begin: str, binding: bytes = b"") -> None:
        """Begin.

        Args:
            password: printable ASCII.
            nonce: random, printable, without a comma.
            begin: the header that says how the channel is bound (RFC 5802 §7).
            binding: what the channel is known by, where it is bound.
        """
        self._password = password
        self._nonce = nonce
        self._begin = begin
        self._binding = binding
        self._signature = b""

    def first(self) -> bytes:
        """Return the first message."""
        return f"{self._begin}{self._bare}".encode()

    @property
    def _bare(self) -> str:
        return f"n=,r={self._nonce}"

    def prove(self, challenge: bytes) -> bytes:
        """Answer the server's challenge. It may take half a second of computing.

        Raises:
            ScramError: the challenge is not understood, not for us, or too cheap or too dear.
        """
        text = _ascii(challenge)
        found = _SERVER_FIRST.fullmatch(text)
        if found is None or _PRINTABLE.fullmatch(found[1]) is None:
            raise ScramError("the server's challenge is not understood")
        nonce, salt, iterations = found[1], _decoded(found[2]), int(found[3])
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise ScramError("the server's challenge is to somebody else")
        if not FEWEST_ITERATIONS <= iterations <= MOST_ITERATIONS:
            raise ScramError("the server asks for too few or too many rounds")
        bound = _encoded(self._begin.encode() + self._binding)
        unproven = f"c={bound},r={nonce}"
        return self._proof(unproven, f"{self._bare},{text},{unproven}", salt, iterations)

    def _proof(self, unproven: str, transcript: str, salt: bytes, iterations: int) -> bytes:
        salted = _salted(self._password, salt, iterations)
        client_key = _mac(salted, b"Client Key")
        signature = _mac(hashlib.sha256(client_key).digest(), transcript.encode())
        self._signature = _mac(_mac(salted, b"Server Key"), transcript.encode())
        return f"{unproven},p={_encoded(_mixed(client_key, signature))}".encode()

    def verify(self, final: bytes) -> None:
        """Check that the server knows the password, too.

        Raises:
            ScramError: it does not.
        """
        found = _SERVER_FINAL.fullmatch(_ascii(final))
        shown = _decoded(found[1]) if found else b""
        if not self._signature or not hmac.compare_digest(shown, self._signature):
            raise ScramError("the server does not know the password")


def _salted(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _mixed(one: bytes, other: bytes) -> bytes:
    if len(one) != len(other):
        raise ScramError("a proof has another length")
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _ascii(data: bytes) -> str:
    if len(data) > _MOST_BYTES or not data.isascii():
        raise ScramError("a message is too long, or not ASCII")
    return data.decode("ascii")


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ScramError("a value is not in base 64") from None
