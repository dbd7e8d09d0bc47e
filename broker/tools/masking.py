"""What a tool says is read by a model and kept by tracers: a credential in it is masked.

By accident only: a tool that wants to tell what it holds can spell it in a way that nobody knows.
"""

from collections.abc import Iterable
from typing import Any, Final

from broker.client.results import IssuedCredential
from broker.client.secret_forms import words
from broker.spelling import SHORTEST, spellings

MASK: Final = "***"

_OPEN: Final = frozenset(
    {
        *("host", "port", "database", "username", "sslmode"),
        *("region", "expiration", "access_key_id"),
    }
)
"""Words of a credential that say where it is good and under which name: no secrets."""


def secrets_of(*issued: IssuedCredential) -> tuple[str, ...]:
    """Return every spelling of what must not be said of some credentials, the longest first."""
    found = {
        spelling
        for each in issued
        for name, word in words(each).items()
        if name not in _OPEN and len(word) >= SHORTEST
        for spelling in spellings(word)
    }
    return tuple(sorted(found, key=len, reverse=True))


def masked(said: Any, secrets: Iterable[str]) -> Any:  # noqa: ANN401 - whatever a tool says
    """Return the same with each secret masked; what holds none is returned as it is."""
    if isinstance(said, str):
        return _without(said, secrets)
    if type(said) is dict:
        return {masked(key, secrets): masked(value, secrets) for key, value in said.items()}
    if type(said) in {list, tuple}:
        return type(said)(masked(each, secrets) for each in said)
    return said  # a framework's own objects are not taken to pieces


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
