"""What the broker shows of credentials."""

from datetime import timedelta

from broker.client.results import Credential
from tests.fakes.delivered import LIFE, NOW, issued


def shown(credential: str, ended_by: str = "") -> Credential:
    """Show one that lives, or was ended."""
    first = issued()
    return Credential(
        id=credential,
        task=first.task,
        kind=first.kind,
        capability=first.capability,
        audience=first.audience,
        scope=first.scope,
        issued_at=NOW,
        expires_at=NOW + timedelta(seconds=LIFE),
        max_expires_at=NOW + timedelta(seconds=LIFE),
        generation=1,
        renewable=False,
        state="ended" if ended_by else "active",
        alive=not ended_by,
        ended_at=NOW if ended_by else None,
        ended_by=ended_by,
        decision={},
    )
