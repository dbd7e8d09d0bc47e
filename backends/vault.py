"""HashiCorp Vault and OpenBao: a token of its own for every credential, and what is read with it.

``locate`` makes the token, which lives for 60 s unless ``mint`` prolongs it; its accessor is the
credential's name. So a crash leaves a token whose secret nobody has, for a minute. Killing it kills
all that was read with it, as far as its engine can: see :class:`~backends.vault_options.Manner`.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

import msgspec

from backends.contract import (
    Deadline,
    Death,
    Flaw,
    Minted,
    Place,
    Sighting,
    Surroundings,
    Traits,
    Wish,
)
from backends.errors import BackendError, NotMintedError, Trouble
from backends.inventory import Listing
from backends.vault_channel import Channel, RefusedError, nothing_made
from backends.vault_deaths import Deaths
from backends.vault_inventory import Accessors
from backends.vault_login import Login
from backends.vault_options import TRAITS, TRAITS_OF, Manner, VaultOptions
from backends.vault_secrets import Found, Secrets, UndeclaredError, trail_of
from backends.vault_template import VaultTemplate, order_of
from backends.vault_template import fit_flaws as fit_flaws_of
from backends.vault_template import template_flaws as flaws_of
from backends.vault_tokens import Locator, Memory, Ready, Tokens
from backends.wall_clock import now_ms

_SLACK_S: Final = 2
"""How much less than it was asked for Vault may give: it counts whole seconds."""


class VaultKind:
    """Vault as a kind of credential."""

    name = "vault"
    traits = TRAITS
    options: type[msgspec.Struct] = VaultOptions
    template: type[msgspec.Struct] = VaultTemplate

    def template_flaws(self, template: msgspec.Struct, scopes: frozenset[str]) -> Iterator[Flaw]:
        """Find what a template lacks for the scopes of its capability."""
        if isinstance(template, VaultTemplate):
            yield from flaws_of(template, scopes)

    def fit_flaws(self, options: msgspec.Struct, template: msgspec.Struct) -> Iterator[Flaw]:
        """Find what the target does not have, or does not permit."""
        if isinstance(options, VaultOptions) and isinstance(template, VaultTemplate):
            yield from fit_flaws_of(options, template)

    def traits_of(self, options: msgspec.Struct, template: msgspec.Struct) -> Traits:
        """Say how a template's credentials die: its mounts' manner."""
        if isinstance(options, VaultOptions) and isinstance(template, VaultTemplate):
            for secret in template.scopes.values():
                mount = options.find(secret.mount)
                return TRAITS_OF[mount.death] if mount is not None else TRAITS
        return TRAITS

    def open(self, options: msgspec.Struct, surroundings: Surroundings) -> "Vault":
        """Make the backend of one Vault. Connects to nothing."""
        if not isinstance(options, VaultOptions):
            raise TypeError("options of another kind")
        return Vault(options, surroundings)


class Vault:
    """One Vault, or one namespace of it."""

    traits: Traits = TRAITS

    def __init__(
        self,
        options: VaultOptions,
        surroundings: Surroundings,
        clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._options = options
        self._clock_ms = clock_ms
        self._login = Login(options, surroundings, self._channel)
        self._tokens = Tokens(
            self._login, options.token_role, options.max_ttl_seconds, surroundings.epoch
        )
        self._secrets = Secrets(self._login, options)
        self._deaths = Deaths(self._login, self._tokens)
        self._accessors = Accessors(self._login, options.token_role)
        self._memory = Memory()

    def _channel(self, deadline: Deadline) -> Channel:
        return Channel(self._options, deadline)

    def traits_at(self, place: Place) -> Traits:
        """Say how one credential dies."""
        try:
            return TRAITS_OF[Locator.parse(place.locator).manner]
        except BackendError:
            return TRAITS

    def locate(self, wish: Wish, deadline: Deadline) -> Place:
        """Make the token that the credential will be read with; its accessor is the name."""
        order = order_of(wish, self._options)
        with self._channel(deadline) as channel:
            identity = channel.identity()
            ready = self._memory.ready(wish.lease)
            if ready is None:
                ready = self._tokens.make(channel, wish, order)
                self._memory.keep(wish.lease, ready)
        return Place(locator=ready.locator.to_text(), identity=identity)

    def mint(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        """Prolong the token, then read with it."""
        locator = Locator.parse(place.locator)
        with self._channel(deadline) as channel:
            ready = self._take(channel, wish, place, locator)
            ttl_s = (expires_at_ms - self._clock_ms()) // 1000
            if ttl_s < 1:
                raise NotMintedError(Trouble.LATE, "no time is left for it")
            if locator.manner in {Manner.LEASE, Manner.CRL}:
                self._prolong(channel, locator, ttl_s)
            found = self._read(channel, ready, ttl_s, expires_at_ms)
            self._lengthen(channel, found, ttl_s)
            if locator.manner in {Manner.AGE, Manner.NEVER}:
                with suppress(BackendError):  # it dies within its minute
                    self._tokens.end(channel, locator.accessor)
            words, wrapping = self._secrets.delivered(channel, ready.order, found)
        trail = trail_of(ready.order, found, wrapping)
        self._memory.follow(locator.accessor, trail)
        return Minted(words, msgspec.json.encode(trail).decode())

    def _take(self, channel: Channel, wish: Wish, place: Place, locator: Locator) -> Ready:
        """Take the token that waits; where none does, find out what that means.

        Raises:
            NotMintedError: nothing was read with it, and nobody has it to read with any more.
            BackendError: something may have been.
        """
        ready = self._memory.take(wish.lease, locator.accessor)
        if ready is None and self._memory.is_minted(locator.accessor):
            raise BackendError(Trouble.REFUSED, "there is one already")
        try:
            channel.deadline.require()
            channel.require_identity(place.identity)
        except BackendError as error:
            if ready is not None:
                self._memory.put_back(wish.lease, ready)
                raise nothing_made(error) from None
            raise
        if ready is None and self._tokens.look(channel, locator.accessor).is_prolonged:
            raise BackendError(Trouble.REFUSED, "there is one already")
        if ready is None:
            channel.require_active()
            raise NotMintedError(Trouble.LATE, "nobody has its token: begin again")
        return ready

    def _prolong(self, channel: Channel, locator: Locator, ttl_s: int) -> None:
        channel.deadline.require()
        try:
            self._tokens.prolong(channel, locator.accessor, ttl_s)
        except RefusedError as error:
            raise nothing_made(error) from None  # it dies within its minute

    def _read(
        self, channel: Channel, ready: Ready, ttl_s: int, expires_at_ms: int
    ) -> dict[str, Found]:
        once: dict[str, Found] = {}
        found: dict[str, Found] = {}
        for scope, request in ready.order.requests.items():
            key = msgspec.json.encode(request, order="sorted").decode()
            try:
                if key not in once:
                    once[key] = self._secrets.read(channel, ready, request, ttl_s, expires_at_ms)
            except RefusedError as error:
                self._give_up(channel, ready, error, is_first=not once)
            except UndeclaredError:
                self._memory.follow(ready.locator.accessor, trail_of(ready.order, found))
                raise  # it is known what there is: no more than was read before
            found[scope] = once[key]
        return found

    def _give_up(
        self, channel: Channel, ready: Ready, error: RefusedError, *, is_first: bool
    ) -> None:
        """Vault does not give it: end the token; where that is all there was, nothing is left.

        Raises:
            NotMintedError: nothing is left.
            BackendError: something may be.
        """
        if is_first and error.is_sure:
            self._tokens.end(channel, ready.locator.accessor)
            raise nothing_made(error) from None
        raise error

    def _lengthen(self, channel: Channel, found: dict[str, Found], ttl_s: int) -> None:
        """Let leases go on as long as the token, where their role gives them less at first.

        What cannot be prolonged dies before its time, as its engine's role says.
        """
        for lease, lasts_s in {each.lease: each.lasts_s for each in found.values()}.items():
            if lease and lasts_s < ttl_s - _SLACK_S:
                with suppress(RefusedError):
                    self._renew_lease(channel, lease, ttl_s)

    def _renew_lease(self, channel: Channel, lease: str, ttl_s: int) -> int:
        channel.deadline.require()
        body = {"lease_id": lease, "increment": ttl_s}
        answer = self._login.ask(channel, "post", "sys/leases/renew", body)
        lasts = answer.document.get("lease_duration")
        return lasts if isinstance(lasts, int) else 0

    def renew(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:  # noqa: ARG002 - the contract's
        """Prolong the token and its leases; what was delivered goes on."""
        locator = Locator.parse(place.locator)
        if locator.manner is not Manner.LEASE:
            raise NotMintedError(Trouble.REFUSED, "nothing prolongs it")
        ttl_s = (expires_at_ms - self._clock_ms()) // 1000
        if ttl_s < 1:
            raise NotMintedError(Trouble.LATE, "no time is left for it")
        with self._channel(deadline) as channel:
            channel.require_identity(place.identity)
            trail = self._memory.trail(place, locator.accessor)
            if trail is None or not trail.leases:
                raise NotMintedError(Trouble.UNKNOWN, "nobody knows its leases")
            self._prolong(channel, locator, ttl_s)
            given = [self._renew_lease(channel, lease, ttl_s) for lease in trail.leases]
        if min(given) < ttl_s - _SLACK_S:
            raise BackendError(Trouble.REFUSED, "its engine's role lets it live no longer")
        return Minted({})

    def revoke(self, place: Place, deadline: Deadline) -> Death:
        """Kill the token and what was read with it, as far as that dies."""
        locator = Locator.parse(place.locator)
        with self._channel(deadline) as channel:
            channel.require_identity(place.identity)
            trail = self._memory.trail(place, locator.accessor)
            return self._deaths.kill(channel, locator, trail)

    def look_up(self, place: Place, deadline: Deadline) -> Sighting:
        """Say what is there."""
        locator = Locator.parse(place.locator)
        with self._channel(deadline) as channel:
            channel.require_identity(place.identity)
            return self._deaths.look(channel, locator, self._memory.trail(place, locator.accessor))

    @property
    def unrecorded_ms(self) -> int:
        """Only a mint prolongs, and the ledger knows of it before."""
        return 0

    def inventory(self, after: str, deadline: Deadline) -> Listing:
        """List the tokens of our role that a mint has prolonged."""
        with self._channel(deadline) as channel:
            return self._accessors.page(channel, after)

    def probe(self, place: Place, deadline: Deadline) -> bool:  # noqa: ARG002 - the contract's
        """Refuse: without its secret nobody can try."""
        raise BackendError(Trouble.REFUSED, "nobody can try without its secret")

    def close(self) -> None:
        """Renew nothing any more."""
        self._login.close()


kind: Final = VaultKind()
"""What ``pyproject.toml`` offers as an entry point."""
