"""Other spellings of a signed token, which anybody can make of one without its key (M3, B20)."""

from typing import Final

from broker import base64url

P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def mirrored(token: str) -> str:
    """Replace (r, s) of an ES256 signature by (r, n - s): as good a signature of the same."""
    signed, _, signature = token.rpartition(".")
    raw = base64url.decode(signature)
    other = P256_ORDER - int.from_bytes(raw[32:])
    return f"{signed}.{base64url.encode(raw[:32] + other.to_bytes(32))}"


def padded(token: str) -> str:
    """Add the padding that some readers take and RFC 7515 leaves out."""
    return token + "=="


def loose(token: str) -> str:
    """Set a bit of the last character that no byte of the signature holds."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
