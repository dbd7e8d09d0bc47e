"""How Vault and OpenBao targets are declared. Needs no driver.

A mount says how what it gives dies (:class:`Manner`): the broker believes it, and says no more in
its receipts.
"""

import ipaddress
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from backends.contract import Flaw, Revocable, SelfExpiry, Traits

Name = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")]
MountPath = Annotated[
    str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127})*\Z")
]
"""Where something is mounted, such as ``database`` or ``team/pki``."""


class Manner(StrEnum):
    """How what an engine gives dies."""

    LEASE = "lease"
    """With its lease: Vault undoes it at its own target when the lease is revoked or over."""
    CRL = "crl"
    """A certificate: revoked and published; whoever checks refuses it from then on."""
    AGE = "age"
    """Nobody takes it back; it states itself until when it is good."""
    NEVER = "never"
    """A standing secret: it lives on, whoever has read it."""


TRAITS: Final = Traits(
    revocable=Revocable.AT_ONCE,
    self_expiry=SelfExpiry.NEW_SESSIONS_ONLY,  # what a lease's end undoes is its engine's matter
    renewable=True,
    shortest_ttl_ms=2_000,
    can_probe=False,
)

TRAITS_OF: Final = {
    Manner.LEASE: TRAITS,
    Manner.CRL: msgspec.structs.replace(
        TRAITS, revocable=Revocable.EVENTUALLY, self_expiry=SelfExpiry.FULL, renewable=False
    ),
    Manner.AGE: msgspec.structs.replace(
        TRAITS,
        revocable=Revocable.NEVER,
        self_expiry=SelfExpiry.FULL,
        renewable=False,
        can_look_up=False,
    ),
    Manner.NEVER: msgspec.structs.replace(
        TRAITS,
        revocable=Revocable.NEVER,
        self_expiry=SelfExpiry.NONE,
        renewable=False,
        can_look_up=False,
    ),
}

Engine = Literal["database", "rabbitmq", "pki", "ssh", "kv", "other"]

_MANNERS: Final[dict[str, tuple[Manner, ...]]] = {
    "database": (Manner.LEASE,),
    "rabbitmq": (Manner.LEASE,),
    "pki": (Manner.CRL, Manner.AGE),
    "ssh": (Manner.AGE, Manner.LEASE),
    "kv": (Manner.NEVER,),
    "other": (Manner.LEASE,),
}
"""What each engine can truly promise."""


class Mount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One secrets engine."""

    mount: MountPath
    engine: Engine
    death: Manner

    def faults(self) -> Iterator[Flaw]:
        """Find promises that the engine cannot keep."""
        possible = _MANNERS[self.engine]
        if self.death not in possible:
            words = " or ".join(possible)
            yield Flaw(("death",), f"{self.engine} does not die so", f"write {words}")


class JwtLogin(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="method",
    tag="jwt",
):
    """By a JWT: one that the broker signs itself, or its own workload token from a file."""

    role: Name
    mount: MountPath = "jwt"
    audience: str = ""
    """For whom the broker's own token is. Default: the target's address."""
    token_file: Path | None = None
    """Its own workload token, read anew for every login."""

    def faults(self) -> Iterator[Flaw]:
        """Find what is well-typed and still wrong."""
        if self.audience and self.token_file is not None:
            yield Flaw(("audience",), "is for the broker's own tokens", "remove it or token_file")


class AppRoleLogin(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="method",
    tag="approle",
):
    """By AppRole; the secret id comes from a file, read anew for every login."""

    role_id: str
    secret_id_file: Path
    mount: MountPath = "approle"


class KubernetesLogin(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="method",
    tag="kubernetes",
):
    """By a service account's token, read anew for every login."""

    role: Name
    mount: MountPath = "kubernetes"
    token_file: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


Login = JwtLogin | AppRoleLogin | KubernetesLogin


class VaultOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Vault or OpenBao, or one namespace of it."""

    address: str
    login: Login
    token_role: Name
    """The role below ``auth/token/roles`` that credentials' tokens are made by."""
    mounts: tuple[Mount, ...]
    namespace: str = ""
    ca_file: Path | None = None
    """The authority to trust for its certificate. Default: the public ones (``certifi``)."""
    max_ttl_seconds: Annotated[int, Meta(ge=60, le=2_592_000)] = 86_400
    """The longest that any credential's token may live, renewals included. Default a day."""

    def faults(self) -> Iterator[Flaw]:
        """Find what is well-typed and still wrong."""
        yield from _address_flaws(self.address)
        if self.ca_file is not None and self.address.startswith("http:"):
            yield Flaw(("ca_file",), "is for TLS", "write an https address, or remove it")
        if not _NAMESPACE.fullmatch(self.namespace):
            yield Flaw(("namespace",), "no path of a namespace", "write it as a/b, or leave it out")
        if not self.mounts:
            yield Flaw(("mounts",), "empty", "name the engines that capabilities may use")
        seen: set[str] = set()
        for index, each in enumerate(self.mounts):
            if each.mount in seen:
                yield Flaw(("mounts", index, "mount"), "is there already", "remove one of them")
            seen.add(each.mount)

    def find(self, mount: str) -> Mount | None:
        """Return a declared mount."""
        return next((each for each in self.mounts if each.mount == mount), None)


_NAMESPACE: Final = re.compile(r"\A([A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*)?\Z")


def _address_flaws(address: str) -> Iterator[Flaw]:
    try:
        parts = urlsplit(address)
        is_plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
        is_address = bool(parts.hostname) and parts.port != 0 and is_plain
    except ValueError:
        yield Flaw(("address",), "no address", "write it as https://vault.example:8200")
        return
    if parts.scheme not in {"https", "http"} or not is_address:
        yield Flaw(("address",), "no address", "write it as https://vault.example:8200")
    elif parts.scheme == "http" and not _is_near(parts.hostname or ""):
        yield Flaw(("address",), "secrets would travel in the clear", "write https")


def _is_near(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
