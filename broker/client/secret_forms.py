"""The forms in which programs want a credential: an environment, or what AWS's tools run.

What is returned is in the clear: hand it to the program, and to nobody else.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from broker.client.results import IssuedCredential
from broker.secret import Secret
from broker.shapes import aws
from broker.shapes.given import Given

AWS: Final = aws.KIND

_NAMES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = MappingProxyType(
    {
        AWS: {
            "access_key_id": ("AWS_ACCESS_KEY_ID",),
            "secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
            "session_token": ("AWS_SESSION_TOKEN",),
            "expiration": ("AWS_CREDENTIAL_EXPIRATION",),
            "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
        },
        "postgres": {
            "host": ("PGHOST",),
            "port": ("PGPORT",),
            "database": ("PGDATABASE",),
            "username": ("PGUSER",),
            "password": ("PGPASSWORD",),
            "sslmode": ("PGSSLMODE",),
        },
    }
)
"""What the usual programs read (AWS SDKs Reference Guide; PostgreSQL, libpq)."""


def words(issued: IssuedCredential) -> dict[str, str]:
    """Return what it consists of, by name; a token of the broker's is ``access_token``."""
    if not issued.secret:
        return {"access_token": issued.access_token.reveal()}
    return {name: word.reveal() for name, word in issued.secret.items()}


def environment(issued: IssuedCredential) -> dict[str, str]:
    """Return the variables by which the kind's usual programs take it; else ``JIT_<NAME>``."""
    return {
        variable: word
        for name, word in words(issued).items()
        for variable in variables(issued.kind, name) or (f"JIT_{name.upper()}",)
    }


def variables(kind: str, word: str) -> tuple[str, ...]:
    """Return the variables by which a kind's usual programs take one word; none if there are none.

    The word is named as :func:`words` does.
    """
    names: Mapping[str, tuple[str, ...]] = _NAMES.get(kind, {})
    return names.get(word, ())


def given(issued: IssuedCredential) -> Given:
    """Return a credential as the forms of :mod:`broker.shapes` take it."""
    found = {name: Secret(word) for name, word in words(issued).items()}
    return Given(issued.kind, found, int(issued.expires_at.timestamp() * 1000))


def credential_process(issued: IssuedCredential) -> str:
    """Write what AWS's tools take from a ``credential_process`` (its Version 1).

    Raises:
        ValueError: it is no session of AWS.
    """
    return aws.document(given(issued))
