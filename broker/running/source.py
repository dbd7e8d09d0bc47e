"""What a need holds now, and who knows it: the seam on which shapes, desk and proxy stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from msgspec import UNSET

from broker.client.results import IssuedCredential
from broker.client.secret_forms import words
from broker.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldValues:
    """The credential of one need as it is now."""

    name: str
    """The need's, within the run."""

    capability: str
    kind: str
    credential_id: str
    expires_at: datetime
    values: Mapping[str, Secret]
    """Its words by name; a token of the broker's is ``access_token``."""
    reach: object = UNSET
    """What its lease says that it is for, as it came; unset where it does not say."""

    @classmethod
    def of(cls, name: str, issued: IssuedCredential) -> "HeldValues":
        """Take it out of the broker's answer."""
        return cls(
            name=name,
            capability=issued.capability,
            kind=issued.kind,
            credential_id=issued.id,
            expires_at=issued.expires_at,
            values={word: Secret(text) for word, text in words(issued).items()},
            reach=issued.reach,
        )


class CredentialSource(Protocol):
    """Knows the needs of one run."""

    async def current(self, need: str) -> HeldValues:
        """Return what the need holds now: alive, as far as anybody here can know.

        Ask anew for each use: it is renewed in between. Safe to call at once, and to cancel.

        Raises:
            UnknownNeedError: the run has none of this name.
            NoCredentialNowError: nothing of it is alive now.
        """
        ...
