"""Killing at Vault, and being sure of it.

Revoking a token only makes Vault *begin* to undo what was read with it: it answers at once, tries
for some minutes, and then gives up and calls the lease irrevocable. So a credential counts as gone
only when Vault knows its leases no more.

- Where the leases are known, each is revoked, and Vault answers when it is undone.
- Where they are not (whoever minted died before the ledger had heard of them), those below the
  same path are looked at: those that are overdue are ended, whose ever they are, and as long as
  one of them is there it may be ours.

Nothing is gone because a standby does not know it: it sends on what is written, and answers the
rest from data that come a little later.

A certificate is gone when the CRL that its engine publishes, read back, names it.
"""

from collections.abc import Sequence
from typing import Final

from cryptography.x509 import load_pem_x509_crl

from backends.contract import Death, Sighting
from backends.errors import BackendError, Trouble
from backends.vault_channel import Channel, RefusedError
from backends.vault_login import Login
from backends.vault_options import Manner
from backends.vault_tokens import Locator, Tokens, Trail

_MOST_LOOKED_AT: Final = 2_000


class Deaths:
    """Kills and looks."""

    def __init__(self, login: Login, tokens: Tokens) -> None:
        self._login = login
        self._tokens = tokens

    def kill(self, channel: Channel, locator: Locator, trail: Trail | None) -> Death:
        """Kill one, as far as its manner lets us; without a trail, as far as one can know."""
        seen = self._tokens.look(channel, locator.accessor)
        if not seen.is_there:
            channel.require_active()
        # Leases that are known come first: Vault would be at them too once their token is gone.
        known = trail if trail is not None else Trail()
        alive = [each for each in known.leases if not self._end_lease(channel, each)]
        for accessor in filter(None, (locator.accessor if seen.is_there else "", known.wrapping)):
            self._tokens.end(channel, accessor)
        if locator.manner is Manner.LEASE:
            has_read = seen.is_prolonged or not seen.is_there
            alive += self._end_overdue(channel, locator) if trail is None and has_read else []
            return self._achieved(channel, locator, alive, was_there=seen.is_there)
        return self._end_certificates(channel, known.serials)

    def _end_certificates(self, channel: Channel, serials: Sequence[tuple[str, str]]) -> Death:
        """Revoke certificates; they are gone when the list that is published names each."""
        for mount, serial in serials:
            self._login.ask(channel, "post", f"{mount}/revoke", {"serial_number": serial})
        listed = {mount: self._listed(channel, mount) for mount in {each[0] for each in serials}}
        is_gone = serials and all(_number(serial) in listed[mount] for mount, serial in serials)
        return Death.GONE if is_gone else Death.ACCEPTED

    def _listed(self, channel: Channel, mount: str) -> frozenset[int]:
        """Return the serial numbers in a mount's CRL; none where it cannot be read."""
        try:
            found = self._login.ask(channel, "get", f"{mount}/cert/crl").data.get("certificate")
        except RefusedError:
            return frozenset()
        try:
            crl = load_pem_x509_crl(str(found).encode())
        except ValueError:
            return frozenset()
        return frozenset(each.serial_number for each in crl)

    def _achieved(
        self, channel: Channel, locator: Locator, alive: list[str], *, was_there: bool
    ) -> Death:
        if alive:
            self._require_effort(channel, alive)
            return Death.ACCEPTED
        if self._tokens.look(channel, locator.accessor).is_there or channel.is_standby:
            return Death.ACCEPTED
        return Death.GONE if was_there else Death.ABSENT

    def _end_overdue(self, channel: Channel, locator: Locator) -> list[str]:
        """End leases that may be ours and are overdue, whose ever they are; return what is left."""
        overdue = [each for path in locator.paths for each in self._overdue(channel, path)]
        return [each for each in overdue if not self._end_lease(channel, each)]

    def _end_lease(self, channel: Channel, lease: str) -> bool:
        try:
            body = {"lease_id": lease, "sync": True}
            self._login.ask(channel, "post", "sys/leases/revoke", body)
        except RefusedError as error:
            if error.is_denied:
                raise
        return self._left_s(channel, lease) is None

    def _left_s(self, channel: Channel, lease: str) -> int | None:
        """Return how long a lease goes on, or None when there is none."""
        try:
            body = {"lease_id": lease}
            data = self._login.ask(channel, "post", "sys/leases/lookup", body).data
        except RefusedError as error:
            if error.is_absent:
                return None
            raise
        left = data.get("ttl")
        return left if isinstance(left, int) else 0

    def _overdue(self, channel: Channel, path: str) -> list[str]:
        try:
            found = self._login.ask(channel, "list", f"sys/leases/lookup/{path}").data
        except RefusedError as error:
            if error.is_absent:
                return []
            raise
        keys = found.get("keys")
        leases = [f"{path}/{key}" for key in keys] if isinstance(keys, list) else []
        if len(leases) > _MOST_LOOKED_AT:
            raise BackendError(Trouble.BUSY, f"{path}: too many leases to look at each")
        left = {lease: self._left_s(channel, lease) for lease in leases}
        return [lease for lease, seconds in left.items() if seconds is not None and seconds <= 0]

    def _require_effort(self, channel: Channel, leases: list[str]) -> None:
        """Go on only while Vault has not given up.

        Raises:
            BackendError: it has.
        """
        try:
            path = "sys/leases?type=irrevocable&limit=none"
            found = self._login.ask(channel, "get", path).data.get("leases")
        except RefusedError:
            return  # nobody says so
        given_up = {_id(each) for each in found} if isinstance(found, list) else set()
        if given_up & set(leases):
            raise BackendError(Trouble.ABANDONED, "it calls the lease irrevocable")

    def look(self, channel: Channel, locator: Locator, known: Trail | None) -> Sighting:
        """Say what is there."""
        trail = known if known is not None else Trail()
        if locator.manner in {Manner.AGE, Manner.NEVER}:
            raise BackendError(Trouble.REFUSED, "what cannot be taken back leaves no trace here")
        seen = self._tokens.look(channel, locator.accessor)
        if locator.manner is Manner.CRL:
            return self._look_at_certificates(channel, trail, is_alive=seen.is_prolonged)
        left = [self._left_s(channel, each) for each in trail.leases]
        if seen.is_prolonged or any(each is not None for each in left):
            return Sighting.ALIVE
        channel.require_active()
        return Sighting.ABSENT

    def _look_at_certificates(self, channel: Channel, trail: Trail, *, is_alive: bool) -> Sighting:
        for mount, serial in trail.serials:
            data = self._login.ask(channel, "get", f"{mount}/cert/{serial}").data
            if not data.get("revocation_time"):
                return Sighting.ALIVE
        if trail.serials:
            return Sighting.DISABLED
        if not is_alive:
            channel.require_active()
        return Sighting.ALIVE if is_alive else Sighting.ABSENT


def _number(serial: str) -> int:
    """Read a serial number as Vault writes it; what is none is in no list."""
    try:
        return int(serial.replace(":", "").replace("-", ""), 16)
    except ValueError:
        return -1


def _id(lease: object) -> str:
    return str(lease.get("lease_id") or "") if isinstance(lease, dict) else ""
