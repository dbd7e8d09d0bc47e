"""In which form a credential's secret leaves, and a file that is asked before the broker is."""

import json
import os
import shlex
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from broker.cli.private_file import write_private_text
from broker.client.results import IssuedCredential
from broker.client.secret_forms import credential_process, environment, words
from broker.clock import Clock
from broker.secret import Secret

FORMS: Final = ("env", "json", "credential_process")

LEFT_MS: Final = 30_000
"""How long a kept credential must live on to be given once more."""


def written(issued: IssuedCredential, form: str) -> Secret:
    """Write a secret down.

    Raises:
        ValueError: this kind has no such form.
    """
    if form == "env":
        lines = (f"export {n}={shlex.quote(word)}\n" for n, word in environment(issued).items())
        return Secret("".join(lines))
    if form == "credential_process":
        return Secret(credential_process(issued) + "\n")
    return Secret(json.dumps(words(issued), indent=2) + "\n")


class _Kept(msgspec.Struct, frozen=True):
    """What a file holds: for what it was asked, and until when it lives."""

    asked: Sequence[str]
    expires_at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """One file with one credential in one form, for its owner alone.

    AWS's tools run their ``credential_process`` again and again in a session's last quarter of an
    hour, which for a short lease is all of it.
    """

    file: Path
    asked: Sequence[str]
    clock: Clock

    def find(self) -> Secret | None:
        """Return the text if it answers the same question, and lives on for a while."""
        try:
            handle = os.open(self.file, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(handle, encoding="ascii") as source:
                if stat.S_IMODE(os.fstat(handle).st_mode) & 0o077:
                    return None  # others may have written it
                found = msgspec.json.decode(source.read(), type=_Kept)
        except (OSError, ValueError):
            return None
        left_ms = found.expires_at.timestamp() * 1000 - self.clock.now_ms()
        is_same = list(found.asked) == list(self.asked)
        return Secret(found.text) if is_same and left_ms >= LEFT_MS else None

    def reserve(self) -> None:
        """Make sure that it can be written.

        Raises:
            CommandFailedError: it cannot.
        """
        write_private_text(self.file, "")

    def keep(self, issued: IssuedCredential, text: Secret) -> None:
        """Write it.

        Raises:
            CommandFailedError: it cannot be written.
        """
        document: Mapping[str, object] = {
            "asked": list(self.asked),
            "expires_at": issued.expires_at.astimezone(UTC).isoformat(),
            "text": text.reveal(),
        }
        write_private_text(self.file, json.dumps(document))
