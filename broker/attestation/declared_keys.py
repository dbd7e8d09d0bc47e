"""Where an issuer's keys come from, and how old they may be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from broker.attestation.key_url import url_fault
from broker.settings.fault import Fault

_WELL_KNOWN = "/.well-known/openid-configuration"


class KeysDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source of keys: a ``url``, a ``file``, or ``discovery``.

    ``discovery`` is ``true``, which asks the issuer where its keys are (OpenID Connect Discovery
    1.0 §4), or the whole URL of its metadata when that lies elsewhere (RFC 8414 §3). ``ca_file``
    holds the only authorities that may vouch for the server; ``token_file`` a bearer token that is
    read anew for each look and sent to the declared server alone, as Kubernetes asks for one.

    A key that the source no longer has is refused after ``refresh_seconds``; while the source does
    not answer the last good set serves for ``max_stale_seconds``, then nothing does. Tokens that
    name an unknown key cause at most one look per ``cooldown_seconds``.
    """

    url: str = ""
    file: Path | None = None
    discovery: bool | str = False
    ca_file: Path | None = None
    token_file: Path | None = None
    refresh_seconds: int = 300
    max_stale_seconds: int = 3600
    cooldown_seconds: int = 10
    timeout_seconds: int = 3

    @property
    def names_source(self) -> bool:
        """Tell whether it says where the keys are."""
        return bool(self.url or self.file or self.discovery)

    def metadata_url(self, issuer: str) -> str:
        """Return where the issuer's metadata lies; empty when they are not asked for.

        The issuer's own text, without a slash at its end (OpenID Connect Discovery 1.0 §4).
        """
        if isinstance(self.discovery, str):
            return self.discovery
        return issuer.removesuffix("/") + _WELL_KNOWN if self.discovery else ""

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong."""
        named = [bool(self.url), bool(self.file), bool(self.discovery)]
        if sum(named) != 1:
            yield Fault(
                (),
                "names none or several of url, file and discovery",
                "give exactly one of them",
            )
        yield from _url_faults("url", self.url)
        if isinstance(self.discovery, str):
            yield from _url_faults("discovery", self.discovery)
        if self.file and (self.ca_file or self.token_file):
            yield Fault(("file",), "needs no ca_file and no token_file", "leave them out")
        yield from duration_faults(self)


class Durations(Protocol):
    """How a source of keys is looked at."""

    @property
    def refresh_seconds(self) -> int:
        """How soon it is looked at again."""
        ...

    @property
    def max_stale_seconds(self) -> int:
        """How long the last good answer serves."""
        ...

    @property
    def cooldown_seconds(self) -> int:
        """The pause between two looks."""
        ...

    @property
    def timeout_seconds(self) -> int:
        """How long one look may take."""
        ...


def duration_faults(declared: Durations) -> Iterator[Fault]:
    """Yield which durations are out of bounds."""
    refresh, cooldown = declared.refresh_seconds, declared.cooldown_seconds
    bounds = {
        # Twice the cool-down, or a look that is due could fall into it.
        "refresh_seconds": (refresh, 2 * cooldown, 86_400),
        "max_stale_seconds": (declared.max_stale_seconds, refresh, 7 * 86_400),
        "cooldown_seconds": (cooldown, 1, 300),
        "timeout_seconds": (declared.timeout_seconds, 1, 30),
    }
    for name, (value, least, most) in bounds.items():
        if not least <= value <= most:
            yield Fault((name,), f"{value} is out of bounds", f"give {least} to {most}")


def _url_faults(field: str, url: str) -> Iterator[Fault]:
    if url and (fault := url_fault(url)) is not None:
        yield Fault((field,), *fault)
