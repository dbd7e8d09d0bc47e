"""The next token of a credential; or, where it cannot be renewed, the next credential.

- A renewal is by the same key (RFC 9449 §5), which a rotated certificate has not: the credential
  that is bound to the one before cannot be renewed any more, and lives out its time.
- A credential at a target that was ended for the sake of others (``collateral``) is followed by
  another one; one that was ended on purpose is not.
- A credential at a target whose kind renews nothing, that has come to its maximum, or that its
  target does not prolong however often it is asked, is followed by another one, and given back a
  little later: whoever uses it can go over.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from msgspec.structs import replace

from broker.client.api_errors import (
    ApiError,
    BindingRequiredError,
    CredentialEndedError,
    CredentialNotRenewableError,
    IssuanceFailedError,
)
from broker.client.credential_calls import NO_TOOL, CredentialCalls
from broker.client.errors import ClientError
from broker.client.results import Credential, IssuedCredential

_LOG: Final = logging.getLogger(__name__)

HAND_OVER_SECONDS: Final = 5.0
"""How long a credential at a target lives on beside the one that follows it."""

_COLLATERAL: Final = "collateral"
"""Why a credential ended that nobody meant: its target refuses all that it gave until then."""

_TRIES: Final = 3
"""How often a target is asked to renew before it is asked for another credential."""

Retire = Callable[[IssuedCredential], None]
"""Has a credential given back that another one has followed."""


class Renewing:
    """Asks for younger tokens of one grant (:class:`broker.client.held.RenewCall`)."""

    def __init__(
        self,
        credentials: CredentialCalls,
        first: IssuedCredential,
        *,
        scopes: tuple[str, ...],
        ttl_seconds: int | None,
        retire: Retire,
        tool: Mapping[str, str] = NO_TOOL,
    ) -> None:
        self._credentials = credentials
        self._current = first
        self._scopes = scopes
        self._ttl_seconds = ttl_seconds
        self._tool = tool
        self._retire = retire
        self._failures = 0

    async def __call__(self, *, idempotency_key: str) -> IssuedCredential:
        """Return a younger token: of the same credential if that can be."""
        former = self._current
        if former.target and not former.renewable:
            return await self._followed(former, idempotency_key)
        try:
            self._current = await self._credentials.renew(
                former.id, ttl_seconds=self._ttl_seconds, idempotency_key=idempotency_key
            )
        except BindingRequiredError:
            if not former.certificate_thumbprint:
                raise
            self._current = await self._issued(idempotency_key)
        except CredentialEndedError:
            if not former.target or not was_collateral(await self._credentials.show(former.id)):
                raise
            self._current = await self._issued(idempotency_key)
        except (CredentialNotRenewableError, IssuanceFailedError) as refusal:
            if not former.target or self._may_be_renewed_yet(refusal):
                raise
            return await self._followed(former, idempotency_key)
        self._failures = 0
        return self._current

    def _may_be_renewed_yet(self, refusal: ApiError) -> bool:
        """Tell whether it is worth asking its target again, rather than for another credential."""
        self._failures += 1
        return isinstance(refusal, IssuanceFailedError) and self._failures < _TRIES

    async def _followed(self, former: IssuedCredential, idempotency_key: str) -> IssuedCredential:
        self._current = await self._issued(idempotency_key)
        self._failures = 0
        self._retire(former)
        return self._current

    async def _issued(self, idempotency_key: str) -> IssuedCredential:
        return await self._credentials.issue(
            self._current.task,
            self._current.capability,
            scopes=self._scopes,
            ttl_seconds=self._ttl_seconds,
            tool=self._tool,
            idempotency_key=idempotency_key,
        )


def was_collateral(credential: Credential) -> bool:
    """Tell whether it has ended, and nobody meant it."""
    return not credential.alive and credential.ended_by == _COLLATERAL


def with_words(former: IssuedCredential, younger: IssuedCredential) -> IssuedCredential:
    """Keep the words of a credential that was prolonged without others."""
    if younger.secret or younger.id != former.id:
        return younger
    return replace(younger, secret=former.secret)


async def give_back_later(
    credentials: CredentialCalls,
    former: IssuedCredential,
    seconds: float,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Give a credential back after a pause; it dies of age or with its task where that fails."""
    await sleep(min(seconds, former.expires_in))
    try:
        await credentials.give_back(former.id)
    except ClientError as error:
        _LOG.info("the credential %s was not given back: %s", former.id, type(error).__name__)
