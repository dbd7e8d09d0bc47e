"""Base64url in its one canonical spelling: no padding, no other characters, no stray bits.

The library functions drop unknown characters and ignore the last bits, so that one signature has
many spellings (M3); here a value has exactly one.
"""

import base64


def encode(data: bytes) -> str:
    """Spell bytes, without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Read bytes back.

    Raises:
        ValueError: the text is not the spelling that :func:`encode` gives.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        data = b""
    if encode(data) != text:
        # Without the text: it may be part of a credential.
        raise ValueError("not canonical base64url")
    return data
