"""Credentials as the broker delivers them, generation by generation."""

from datetime import UTC, datetime, timedelta
from typing import Final

from broker.client.results import IssuedCredential
from broker.secret import Secret
from tests.fakes import answers
from tests.fakes import token_mint as mint

NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
LIFE: Final = 100


def issued(
    generation: int = 1,
    *,
    life: int = LIFE,
    is_last: bool = False,
    token_type: str = "Bearer",  # noqa: S107  a word of RFC 6749
) -> IssuedCredential:
    """Return one generation of a credential."""
    expires = NOW + timedelta(seconds=life)
    return IssuedCredential(
        id=mint.LEASE,
        task=answers.TASK,
        kind="jwt",
        capability="orders-api",
        audience="orders",
        access_token=Secret(f"token-{generation}"),
        token_type=token_type,
        scope="orders:read",
        expires_in=life,
        issued_at=NOW,
        expires_at=expires,
        max_expires_at=expires if is_last else expires + timedelta(hours=1),
        generation=generation,
        renewable=True,
    )
