"""The baseline: findings that somebody has seen and accepted, by fingerprints that tell nothing.

A fingerprint is a keyed hash (HMAC in PBKDF2) of kind, path and secret, under a salt that was drawn
when the file was made. Whoever has the file can try guesses, slowly: a short password is not safe
in it, which is one reason more to rotate it.
"""

import hashlib
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from broker.errors import ConfigurationError
from broker.scanning.exchanging import write_whole
from broker.scanning.finding import Finding
from broker.terminal import shown

_ROUNDS: Final = 20_000
"""About five milliseconds for each guess, and for each finding of a scan."""

_SALT_BYTES: Final = 32
_LARGEST: Final = 32 * 1024 * 1024

Fingerprint = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]


class Accepted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One accepted finding. All but the fingerprint is for people, and decides nothing."""

    fingerprint: Fingerprint
    kind: str
    path: str
    reason: str = ""


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    version: Literal[1] = 1
    salt: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    accepted: tuple[Accepted, ...] = ()

    @classmethod
    def fresh(cls) -> "Baseline":
        """Return an empty one, with a salt of its own."""
        return cls(salt=secrets.token_hex(_SALT_BYTES))

    def fingerprint(self, finding: Finding) -> str:
        """Return a finding's fingerprint in this file."""
        salt = bytes.fromhex(self.salt)
        return hashlib.pbkdf2_hmac("sha256", finding.identity(), salt, _ROUNDS, 16).hex()

    def others(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return the findings that nobody has accepted."""
        known = {each.fingerprint for each in self.accepted}
        return [each for each in findings if self.fingerprint(each) not in known]

    def holding(self, findings: Iterable[Finding], *, is_whole: bool = True) -> "Baseline":
        """Return one that accepts just these; the reasons that somebody wrote are kept.

        After a scan that could not read everything, what was accepted before stays, too: it may
        stand in what was not read.
        """
        reasons = {each.fingerprint: each.reason for each in self.accepted}
        found = {self.fingerprint(each): each for each in findings}
        kept = () if is_whole else (a for a in self.accepted if a.fingerprint not in found)
        accepted = (
            Accepted(
                fingerprint=fingerprint,
                kind=each.kind,
                path=shown(each.path),
                reason=reasons.get(fingerprint, ""),
            )
            for fingerprint, each in found.items()
        )
        ordered = sorted(
            (*kept, *accepted), key=lambda each: (each.path, each.kind, each.fingerprint)
        )
        return msgspec.structs.replace(self, accepted=tuple(ordered))


def _order(accepted: Accepted) -> tuple[str, str, str]:
    return accepted.path, accepted.kind, accepted.fingerprint


def read_baseline(file: Path) -> Baseline:
    """Read a baseline.

    Raises:
        ConfigurationError: it cannot be read, or is no baseline: it accepts nothing by mistake.
    """
    try:
        with file.open("rb") as opened:
            raw = opened.read(_LARGEST + 1)
        return msgspec.json.decode(raw[:_LARGEST], type=Baseline)
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{file}: is no baseline of `broker scan`: {error}") from error


def write_baseline(file: Path, baseline: Baseline) -> None:
    """Write a baseline, whole or not at all, as a file whose changes a review can read.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        write_whole(file, msgspec.json.format(msgspec.json.encode(baseline), indent=2) + b"\n")
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be written: {error.strerror}") from error
