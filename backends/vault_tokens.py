"""A credential's own token at Vault: everything that is read with it dies with it.

It is made for 60 s, so that it is gone by itself if nobody goes on; its accessor is its name. It is
an orphan, so that it does not die with the broker's token; a service token, because batch tokens
cannot be taken back; without the default policy; and with a maximum that no renewal passes.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from backends.contract import UNMINTED_MS, Place, Wish
from backends.errors import BackendError, NotMintedError, Trouble
from backends.vault_channel import Channel, RefusedError
from backends.vault_login import Login, monotonic_ms
from backends.vault_options import Manner
from backends.vault_template import Order

UNMINTED_S: Final = UNMINTED_MS // 1000
_MOST: Final = 4_096
EPOCH: Final = "jit_epoch"
LEASE: Final = "jit_lease"
PLACE: Final = "jit_place"
"""What is written beside a token: whose it is, and its place but for the accessor."""

_ACCESSOR: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Trail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known only once it is minted: leases by id, certificates by mount and serial."""

    leases: tuple[str, ...] = ()
    serials: tuple[tuple[str, str], ...] = ()
    wrapping: str = ""
    """The accessor of the wrapping token that was delivered."""


@dataclass(frozen=True, slots=True)
class Locator:
    """What a locator says: how it dies, the accessor, and the paths that its leases bear."""

    manner: Manner
    accessor: str
    paths: tuple[str, ...]

    def to_text(self) -> str:
        """Write it down."""
        return " ".join((self.manner, self.accessor, *self.paths))

    @classmethod
    def parse(cls, text: str) -> "Locator":
        """Read it.

        Raises:
            BackendError: it is none of ours.
        """
        manner, _, rest = text.partition(" ")
        accessor, *paths = rest.split(" ")
        if manner not in set(Manner) or not _ACCESSOR.fullmatch(accessor):
            raise BackendError(Trouble.UNKNOWN, "not a place of this kind")
        return cls(Manner(manner), accessor, tuple(paths))


@dataclass(frozen=True, slots=True)
class Ready:
    """A token that waits for its mint."""

    locator: Locator
    order: Order
    token: str = field(repr=False)
    ends_ms: int


class Memory:
    """Tokens between ``locate`` and ``mint``, by lease, and trails of what was minted here.

    Bounded: what is older than a token lives without a mint is forgotten, and so are the oldest.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: OrderedDict[str, Ready] = OrderedDict()
        self._minted: OrderedDict[str, Trail | None] = OrderedDict()

    def keep(self, lease: str, ready: Ready) -> None:
        """Keep a token until its mint."""
        with self._lock:
            for old in [k for k, v in self._ready.items() if v.ends_ms <= monotonic_ms()]:
                del self._ready[old]
            self._ready[lease] = ready
            _bound(self._ready)

    def ready(self, lease: str) -> Ready | None:
        """Return the token that waits for a lease's mint, if it lives."""
        with self._lock:
            found = self._ready.get(lease)
        return found if found is not None and found.ends_ms > monotonic_ms() else None

    def take(self, lease: str, accessor: str) -> Ready | None:
        """Hand the token to the one mint; whoever comes second gets nothing."""
        with self._lock:
            found = self._ready.get(lease)
            if found is None or found.locator.accessor != accessor:
                return None
            del self._ready[lease]
            self._minted[accessor] = None
            _bound(self._minted)
        return found if found.ends_ms > monotonic_ms() else None

    def put_back(self, lease: str, ready: Ready) -> None:
        """Take back a token that nothing was done with."""
        with self._lock:
            self._ready[lease] = ready
            self._minted.pop(ready.locator.accessor, None)

    def follow(self, accessor: str, trail: Trail) -> None:
        """Remember what a mint came to, also where the ledger never hears of it."""
        with self._lock:
            self._minted[accessor] = trail

    def is_minted(self, accessor: str) -> bool:
        """Tell whether a mint was begun here."""
        with self._lock:
            return accessor in self._minted

    def trail(self, place: Place, accessor: str) -> Trail | None:
        """Return what is known of a credential, by the ledger or here; None: nobody knows."""
        if place.trail:
            try:
                return msgspec.json.decode(place.trail, type=Trail)
            except msgspec.MsgspecError:
                raise BackendError(Trouble.UNKNOWN, "not a trail of this kind") from None
        with self._lock:
            return self._minted.get(accessor)


def _bound(kept: "OrderedDict[str, Any]") -> None:
    while len(kept) > _MOST:
        kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """What looking a token up came to. Only a mint prolongs."""

    is_there: bool
    is_prolonged: bool


class Tokens:
    """Makes, prolongs, finds and ends credentials' tokens, as the broker."""

    def __init__(
        self, login: Login, role: str, max_ttl_seconds: int, epoch: Callable[[], str]
    ) -> None:
        self._login = login
        self._role = role
        self._max_ttl_seconds = max_ttl_seconds
        self._epoch = epoch

    def make(self, channel: Channel, wish: Wish, order: Order) -> Ready:
        """Make one, to live for 60 s.

        Raises:
            NotMintedError: Vault said no, or its role makes tokens that we do not give.
            BackendError: there may be one, which dies by itself.
        """
        body: dict[str, object] = {
            "type": "service",
            "policies": list(order.policies),
            "no_default_policy": True,
            "ttl": f"{UNMINTED_S}s",
            "explicit_max_ttl": f"{self._max_ttl_seconds}s",
            "renewable": True,
            "display_name": wish.lease,
            "meta": self._meta(wish, order),
        }
        begun_ms = monotonic_ms()
        path = f"auth/token/create/{self._role}"
        auth = self._login.ask(channel, "post", path, body).section("auth")
        accessor = str(auth.get("accessor") or "")
        flaw = _flaw(auth, order)
        if flaw:
            if _ACCESSOR.fullmatch(accessor):
                self.end(channel, accessor)
            raise NotMintedError(Trouble.REFUSED, f"token role {self._role}: {flaw}")
        return Ready(
            Locator(order.manner, accessor, _paths(order)),
            order,
            str(auth["client_token"]),
            begun_ms + UNMINTED_MS,
        )

    def _meta(self, wish: Wish, order: Order) -> dict[str, str]:
        """Say whose it is, for Vault's audit log, and for whoever compares Vault with a ledger."""
        return {
            EPOCH: self._epoch(),
            LEASE: wish.lease,
            PLACE: " ".join((order.manner, *_paths(order))),
            "jit_task": wish.task,
            "jit_agent": wish.agent,
            "jit_tenant": wish.tenant,
        }

    def prolong(self, channel: Channel, accessor: str, ttl_s: int) -> int:
        """Let it live for so many seconds from now; return how many it will."""
        body = {"accessor": accessor, "increment": f"{ttl_s}s"}
        auth = self._login.ask(channel, "post", "auth/token/renew-accessor", body).section("auth")
        found = auth.get("lease_duration")
        return found if isinstance(found, int) else 0

    def look(self, channel: Channel, accessor: str) -> Seen:
        """Look it up."""
        try:
            data = self._login.ask(
                channel, "post", "auth/token/lookup-accessor", {"accessor": accessor}
            ).data
        except RefusedError as error:
            if error.is_absent:
                return Seen(is_there=False, is_prolonged=False)
            raise
        return Seen(is_there=True, is_prolonged="last_renewal" in data)

    def end(self, channel: Channel, accessor: str) -> None:
        """Revoke it. Vault then kills what was read with it, in its own time."""
        try:
            body = {"accessor": accessor}
            self._login.ask(channel, "post", "auth/token/revoke-accessor", body)
        except RefusedError as error:
            if not error.is_absent:
                raise


def _paths(order: Order) -> tuple[str, ...]:
    return tuple(request.path for request in order.distinct)


def _flaw(auth: Mapping[str, Any], order: Order) -> str:
    """Return what is wrong with a token that a role has made, or nothing."""
    policies, lasts = auth.get("policies"), auth.get("lease_duration")
    given = set(map(str, policies)) if isinstance(policies, list) else set()
    is_named = _ACCESSOR.fullmatch(str(auth.get("accessor") or "")) and auth.get("client_token")
    wrong = {
        "it must make service tokens": not is_named or auth.get("token_type") != "service",
        "it must make orphans (orphan=true)": auth.get("orphan") is not True,
        "its tokens must be renewable": auth.get("renewable") is not True,
        "it does not give the policies that were asked for": not set(order.policies) <= given,
        "it adds policies (token_no_default_policy=true)": bool(given - set(order.policies)),
        "it must have no period": not isinstance(lasts, int) or not 0 < lasts <= UNMINTED_S,
    }
    return next((flaw for flaw, is_so in wrong.items() if is_so), "")
