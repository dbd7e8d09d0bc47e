"""Which workload identities may show an agent's name."""

import hmac
from collections.abc import Iterable

from broker.governance.records import IdentityRecord

ANY_REST = "*"
"""At the end of a subject: whatever follows."""


def is_allowed(stated: Iterable[IdentityRecord], issuer: str, subject: str) -> bool:
    """Tell whether one of the stated identities is the one that was shown.

    Every stated identity is compared, whichever fits: how long it takes tells nobody which of them
    came near.
    """
    found = False
    for identity in stated:
        by_issuer = _same(identity.issuer, issuer)
        found |= _fits(identity.subject, subject) & by_issuer
    return found


def _fits(stated: str, subject: str) -> bool:
    if stated.endswith(ANY_REST):
        stem = stated.removesuffix(ANY_REST)
        return _same(stem, subject[: len(stem)])
    return _same(stated, subject)


def _same(one: str, other: str) -> bool:
    # A lone surrogate keeps bytes of its own: replaced by "?", it could pass for one.
    return hmac.compare_digest(one.encode(), other.encode(errors="surrogatepass"))
