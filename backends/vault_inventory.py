"""Which tokens at Vault are a ledger's: what is written beside a token when it is made says so.

Vault lists accessors and nothing else, all at once, so each has to be looked up; a page ends when
half its time is over. Listed are tokens of our role that a mint has prolonged: one that waits for
its mint dies within its minute, and what dies otherwise than with its token leaves none.
"""

from collections.abc import Mapping
from typing import Any

from backends.errors import BackendError, Trouble
from backends.inventory import LISTED, Found, Listing
from backends.vault_channel import Channel, RefusedError
from backends.vault_login import Login
from backends.vault_tokens import EPOCH, LEASE, PLACE, Locator


class Accessors:
    """Lists them, as the broker."""

    def __init__(self, login: Login, role: str) -> None:
        self._login = login
        self._path = f"auth/token/create/{role}"

    def page(self, channel: Channel, after: str) -> Listing:
        """List a page: as much as half of the time allows.

        Raises:
            BackendError: it cannot be read, or the broker may not.
        """
        identity, most_s = channel.identity(), channel.deadline.left_s / 2
        channel.require_active()
        found: list[Found] = []
        for accessor in self._later(channel, after):
            if len(found) == LISTED or channel.deadline.left_s < most_s:
                return Listing(identity, tuple(found), after)
            seen = self._look(channel, accessor)
            found += [seen] if seen is not None else []
            after = accessor
        return Listing(identity, tuple(found))

    def _later(self, channel: Channel, after: str) -> list[str]:
        try:
            keys = self._login.ask(channel, "list", "auth/token/accessors").data.get("keys")
        except RefusedError as error:
            if error.is_absent:
                return []
            raise
        if not isinstance(keys, list):
            raise BackendError(Trouble.GARBLED, "auth/token/accessors: no list")
        return sorted(key for key in map(str, keys) if key > after)

    def _look(self, channel: Channel, accessor: str) -> Found | None:
        body = {"accessor": accessor}
        try:
            data = self._login.ask(channel, "post", "auth/token/lookup-accessor", body).data
        except RefusedError as error:
            if error.is_absent:
                return None
            raise
        if data.get("path") != self._path or "last_renewal" not in data:
            return None
        return _found(accessor, data)


def _found(accessor: str, data: Mapping[str, Any]) -> Found:
    beside = data.get("meta")
    said = {k: str(v) for k, v in beside.items()} if isinstance(beside, dict) else {}
    made = data.get("creation_time")
    return Found(
        locator=_locator(accessor, said.get(PLACE, "")),
        lease=said.get(LEASE, ""),
        epoch=said.get(EPOCH, ""),
        made_at_ms=made * 1000 if isinstance(made, int) else None,
    )


def _locator(accessor: str, place: str) -> str:
    """Put the name together again, as ``locate`` wrote it; the accessor alone where that fails."""
    manner, _, paths = place.partition(" ")
    text = " ".join(filter(None, (manner, accessor, paths)))
    try:
        return Locator.parse(text).to_text()
    except BackendError:
        return accessor
