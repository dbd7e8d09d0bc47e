"""What is at Vault of ours: tokens that bear a ledger's mark in their metadata.

The metadata is given with the token, in one step, and nobody can change it afterwards. Vault lists
the accessors of all tokens, whose ever: each is looked up, so many at a time.
"""

from collections.abc import Mapping
from typing import Any, Final

from backends.contract import Sighting
from backends.errors import BackendError, Trouble
from backends.inventory import Found, Listing
from backends.vault_channel import Channel, RefusedError
from backends.vault_login import Login
from backends.vault_tokens import Locator

_LOOKED_UP: Final = 200
"""Tokens that one page looks at, ours or not."""


def listing(login: Login, channel: Channel, after: str) -> Listing:
    """List a page, in the order of accessors.

    Raises:
        BackendError: nobody knows; the policy may lack ``auth/token/accessors``.
    """
    identity = channel.identity()
    named = login.ask(channel, "list", "auth/token/accessors").data.get("keys")
    if not isinstance(named, list):
        raise BackendError(Trouble.GARBLED, "auth/token/accessors: names none")
    left = sorted(str(each) for each in named if str(each) > after)
    page = left[:_LOOKED_UP]
    found = [_found(accessor, _token(login, channel, accessor)) for accessor in page]
    more = page[-1] if len(left) > len(page) else ""
    return Listing(identity, tuple(each for each in found if each is not None), more)


def _token(login: Login, channel: Channel, accessor: str) -> Mapping[str, Any]:
    try:
        body = {"accessor": accessor}
        return login.ask(channel, "post", "auth/token/lookup-accessor", body).data
    except RefusedError as error:
        if error.is_absent:
            return {}  # it died meanwhile
        raise


def _found(accessor: str, data: Mapping[str, Any]) -> Found | None:
    """Return what a token is to a ledger, or None when it is nobody's."""
    meta = data.get("meta")
    if not isinstance(meta, dict) or "jit_lease" not in meta:
        return None
    made_s = data.get("creation_time")
    return Found(
        locator=Locator.named(accessor, str(meta.get("jit_place") or "")),
        lease=str(meta["jit_lease"]),
        epoch=str(meta.get("jit_epoch") or ""),
        sighting=Sighting.ALIVE if "last_renewal" in data else Sighting.DISABLED,
        made_at_ms=made_s * 1000 if isinstance(made_s, int) else None,
    )
