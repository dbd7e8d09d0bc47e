"""The forms that names and texts in the bundle have, as types."""

from typing import Annotated, Final

from msgspec import Meta

from broker.model.fact import CEILING_PATTERN
from broker.model.principal import ALL_TENANTS

Name = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z",
        description="1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit",
    ),
]
"""Without ``:`` and ``@``: they have a meaning in the ledger's keys and cuts."""

TenantOrAll = Annotated[
    str,
    Meta(
        pattern=rf"\A(?:\{ALL_TENANTS}|[A-Za-z0-9][A-Za-z0-9._-]{{0,63}})\Z",
        description=f"a tenant's name, or {ALL_TENANTS} in quotes for every one",
    ),
]
"""A tenant's name, or ``*`` for every one."""

Text = Annotated[
    str,
    Meta(
        pattern=r"\A[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+\Z",
        max_length=200,
        description="one line of at most 200 characters that can all be seen",
    ),
]
"""One line for people, without what shows as nothing or turns the writing direction."""

Scope = Annotated[
    str,
    Meta(
        pattern=r"\A[\x21\x23-\x5b\x5d-\x7e]{1,128}\Z",
        description="1 to 128 ASCII characters without space, quote and backslash",
    ),
]
"""RFC 6749 §3.3, scope-token."""

CeilingLine = Annotated[
    str,
    Meta(
        pattern=rf"\A{CEILING_PATTERN}\Z",
        description="CAPABILITY SCOPE: one capability and one scope of it",
    ),
]
"""One line of what an agent may be granted at most."""

Audience = Annotated[
    str,
    Meta(
        pattern=r"\A(?!\*\Z)[\x21\x23-\x5b\x5d-\x7e]{1,256}\Z",
        description="1 to 256 ASCII characters without space, quote and backslash; not * alone",
    ),
]
"""Without spaces, which part audiences in the outbox; ``*`` alone means all of them there."""

Subject = Annotated[
    str,
    Meta(
        pattern=r"\A(?!\Z)[\x21-\x29\x2b-\x7e]{0,512}\*?\Z",
        description="up to 512 ASCII characters without space, * only at the end for any rest",
    ),
]
"""The ``sub`` that evidence may show."""

IssuerName = Annotated[
    str,
    Meta(
        pattern=r"\A[\x21-\x7e]{1,256}\Z",
        description="1 to 256 ASCII characters without space: the `iss` of the evidence",
    ),
]
"""The ``iss`` that evidence may show."""

IsoDate = Annotated[
    str,
    Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", description="a date as 2026-12-31"),
]
"""A day, UTC, to its end."""

About = Annotated[
    str,
    Meta(
        pattern=r"\A(?:dataset|tool|resource):[A-Za-z0-9][A-Za-z0-9._/#+@-]{0,127}\Z",
        description="dataset:NAME, tool:NAME or resource:NAME",
    ),
]
"""The thing that a capability gives access to, in the tenant of the task that asks for it."""

Quota = Annotated[int, Meta(ge=1, le=1_000_000_000)]
"""Live credentials at one time."""

TtlSeconds = Annotated[int, Meta(ge=1, le=31_622_400)]
"""From one second to a year of 366 days."""

OFFLINE_MAX_TTL_SECONDS: Final = 300
"""How long a token may live that nothing can revoke. Default 300."""
