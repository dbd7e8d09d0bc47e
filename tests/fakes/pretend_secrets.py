"""Values that look like secrets and open nothing, made at run time.

None of them stands in this repository as text, so that looking through it finds nothing.
"""

import hashlib
import string
from collections.abc import Iterator

LETTERS = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + "234567"
HEXADECIMAL = "0123456789abcdef"


def stream(seed: str) -> Iterator[int]:
    """Yield bytes that are the same for the same seed, in every process."""
    number = 0
    while True:
        yield from hashlib.sha256(f"{seed}/{number}".encode()).digest()
        number += 1


def drawn(seed: str, length: int, alphabet: str = LETTERS) -> str:
    """Return so many characters of an alphabet."""
    source = stream(seed)
    return "".join(alphabet[next(source) % len(alphabet)] for _ in range(length))


def aws_key_id(seed: str) -> str:
    """Return what looks like the id of an AWS access key."""
    return "AK" + "IA" + drawn(seed, 16, UPPER)


def aws_secret(seed: str) -> str:
    """Return what looks like the secret half of one."""
    return drawn(seed, 40, LETTERS + "/+")


def github_token(seed: str) -> str:
    """Return what looks like a classic personal access token."""
    return "gh" + "p_" + drawn(seed, 36)


def gitlab_token(seed: str) -> str:
    """Return what looks like a personal access token."""
    return "glp" + "at-" + drawn(seed, 20)


def slack_token(seed: str) -> str:
    """Return what looks like a bot's token."""
    digits = string.digits
    parts = (drawn(seed + "a", 12, digits), drawn(seed + "b", 12, digits), drawn(seed, 24))
    return "-".join(("xo" + "xb", *parts))


def openai_key(seed: str) -> str:
    """Return what looks like a project's key."""
    return "sk-" + "proj-" + drawn(seed, 74) + "T3Blb" + "kFJ" + drawn(seed + "b", 74)


def anthropic_key(seed: str) -> str:
    """Return what looks like an API key."""
    return "sk-" + "ant-api03-" + drawn(seed, 93) + "AA"


def stripe_key(seed: str) -> str:
    """Return what looks like a live secret key."""
    return "sk_" + "live_" + drawn(seed, 24)


def vault_token(seed: str) -> str:
    """Return what looks like a service token."""
    return "hv" + "s." + drawn(seed, 95)


def npm_token(seed: str) -> str:
    """Return what looks like a granular token."""
    return "np" + "m_" + drawn(seed, 36)


def password(seed: str) -> str:
    """Return what a careful person would choose."""
    return drawn(seed, 14, LETTERS + "#%!+") + "7q"


def private_key(seed: str) -> str:
    """Return what looks like an RSA key in PEM."""
    body = "\n".join(drawn(f"{seed}{n}", 64, LETTERS + "+/") for n in range(12))
    kind = "RSA PRIVATE " + "KEY"
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"


def database_url(seed: str, scheme: str = "postgres", host: str = "db.internal") -> str:
    """Return the address of a database, with a login."""
    return f"{scheme}://app:{drawn(seed, 16)}@{host}:5432/orders"
