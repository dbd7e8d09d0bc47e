"""HTTP: a file with the header (``curl -H @FILE``), and one with the token alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.running.shapes.shape import Fitting, Place, variable_of, word_of
from broker.running.source import HeldValues
from broker.secret import Secret


@dataclass(frozen=True, slots=True)
class Header:
    """``<NEED>_HEADER_FILE`` and ``<NEED>_TOKEN_FILE``; the header's file may be given a name."""

    file: str = ""
    is_proxied: bool = False

    def fit(self, held: HeldValues, place: Place) -> Fitting:
        """Return where the files are."""
        header, token = self._names(held)
        need = variable_of(held.name)
        return Fitting(
            {
                f"{need}_HEADER_FILE": str(place.folder / header),
                f"{need}_TOKEN_FILE": str(place.folder / token),
            }
        )

    def files(self, held: HeldValues) -> Mapping[str, Secret]:
        """Return the header, and the token."""
        header, token = self._names(held)
        text = word_of(held, "access_token", "token")
        return {header: Secret(f"Authorization: Bearer {text}\n"), token: Secret(text)}

    def _names(self, held: HeldValues) -> tuple[str, str]:
        return self.file or f"{held.name}.header", f"{held.name}.token"
