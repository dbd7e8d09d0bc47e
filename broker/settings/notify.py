"""The ``notify`` section: who is told of what happens, and how."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from broker.settings.fault import Fault
from broker.settings.ranges import Port

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_EVENT: Final = re.compile(r"[a-z-]{1,32}\.(\*|[a-z-]{1,32})", re.ASCII)
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._+=-]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII)

FOR_PEOPLE: Final = ("approval.*", "breakglass.*", "behaviour.*", "review.*")
"""What people are told of, if a receiver does not say."""


class Webhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server that takes signed messages (Standard Webhooks)."""

    name: str
    """What it is called here: in metrics, in the log, in `broker notify`."""
    url: str
    """An https URL, or http on loopback. Redirects are not followed."""
    secret_file: Path
    """``whsec_`` and base 64; a second line has the former secret, while it is being changed."""
    ca_file: Path | None = None
    """The only authority to trust for its certificate; else those of the system."""
    events: tuple[str, ...] = FOR_PEOPLE
    """What it is told of: ``approval.requested``, ``approval.*``. Default: what is for people."""
    tenants: tuple[str, ...] = ()
    """Of which tenants. Default: of all, and of what belongs to none."""
    alarm: bool = True
    """Whether its answer counts as "the alarm has arrived". Default true."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        yield from _common_faults(self.name, self.events)
        if (message := _url_fault(self.url)) is not None:
            yield Fault(("url",), message, "write https://host/path (http on loopback only)")


class MailTo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People who are told by mail."""

    name: str
    """What they are called here."""
    to: Annotated[tuple[str, ...], Meta(min_length=1, max_length=50)]
    """Their addresses."""
    events: tuple[str, ...] = FOR_PEOPLE
    """What they are told of. Default: what is for people."""
    tenants: tuple[str, ...] = ()
    """Of which tenants. Default: of all, and of what belongs to none."""
    alarm: bool = False
    """Whether a mail that the server took counts as "the alarm has arrived". Default false: it has
    taken it, and nobody has read it."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        yield from _common_faults(self.name, self.events)
        for index, address in enumerate(self.to):
            if _ADDRESS.fullmatch(address) is None:
                yield Fault(("to", index), "is no mail address", "write name@host")


class Smtp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server that takes mail from us."""

    host: str
    """Its name, as its certificate has it."""
    port: Port = 587
    """Default 587."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How it is reached; none on loopback only. Default starttls."""
    ca_file: Path | None = None
    """The only authority to trust for its certificate; else those of the system."""
    username: str = ""
    """The account, if it asks for one; needs ``password_file``."""
    password_file: Path | None = None
    """Its first line is the password; read anew for every mail."""
    sender: str
    """The address that mails come from."""
    mails: tuple[MailTo, ...]
    """Who gets which."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        if re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", self.host) is None:
            yield Fault(("host",), "is no name of a host", "write the server's name")
        if self.security == "none" and self.host not in _LOOPBACK:
            yield Fault(("security",), "anybody on the way could read it", "write starttls or tls")
        if bool(self.username) != (self.password_file is not None):
            missing = "password_file" if self.username else "username"
            yield Fault((missing,), "is missing", "username and password_file belong together")
        if _ADDRESS.fullmatch(self.sender) is None:
            yield Fault(("sender",), "is no mail address", "write name@host")


class Notify(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told, and how hard it is tried."""

    webhooks: tuple[Webhook, ...] = ()
    """Servers. Default none."""
    smtp: Smtp | None = None
    """Mail. Default none."""
    deadline_ms: Annotated[int, Meta(ge=100, le=60_000)] = 5_000
    """How long one delivery may take. Default 5000."""
    attempts: Annotated[int, Meta(ge=1, le=100)] = 16
    """How often one message is tried before it is given up. Default 16."""
    longest_wait_seconds: Annotated[int, Meta(ge=1, le=3_600)] = 300
    """Between two attempts; the first waits are of a second. Default 300."""
    queue: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    """Messages that wait for one receiver; beyond it the oldest is given up. Default 1000."""

    def faults(self) -> Iterator[Fault]:
        """Find names that two receivers have."""
        seen: set[str] = set()
        for path, name in self._names():
            if name in seen:
                yield Fault(path, "two receivers have this name", "give each one of its own")
            seen.add(name)

    def _names(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for index, webhook in enumerate(self.webhooks):
            yield ("webhooks", index, "name"), webhook.name
        for index, mail in enumerate(self.smtp.mails if self.smtp else ()):
            yield ("smtp", "mails", index, "name"), mail.name


def _common_faults(name: str, events: tuple[str, ...]) -> Iterator[Fault]:
    if _NAME.fullmatch(name) is None:
        yield Fault(("name",), "is no name", "write 1 to 32 of a-z 0-9 - ")
    for index, event in enumerate(events):
        if _EVENT.fullmatch(event) is None:
            yield Fault(
                ("events", index), "is no event", "write as approval.requested or approval.*"
            )


def _url_fault(url: str) -> str | None:
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        return "is no URL"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no URL"
    if parts.username is not None or "#" in url:
        return "has a user or a fragment"
    if not host or parts.scheme not in {"https", "http"}:
        return "is no https URL"
    return None if parts.scheme == "https" or host in _LOOPBACK else "is http beyond loopback"
