"""Where the credentials that an agent asks for are put: somewhere it can use, and not repeat."""

import json
import os
from pathlib import Path
from typing import Final, Protocol

from broker.client.errors import ClientError
from broker.client.results import IssuedCredential
from broker.tools.words import Place

_HEADERS: Final = "Pass it to the resource server as a header file: curl -H @{file}"
_WORDS: Final = "Read its members ({names}) where you connect; do not print them."


class Places(Protocol):
    """Puts credentials somewhere."""

    def put(self, issued: IssuedCredential) -> Place:
        """Put one there; what was there of the same credential is replaced.

        Raises:
            PlaceError: that cannot be.
        """
        ...

    def of(self, credential: str) -> Place | None:
        """Return where one is; None where it never was."""
        ...

    def clear(self, credential: str) -> None:
        """Take one away; nothing happens where there is none."""
        ...


class PlaceError(ClientError):
    """A credential was given, and cannot be put where the agent could use it."""

    remedy = "Give it up; tell whoever runs this server."


class FilePlaces:
    """Files in one folder that this user alone may read, one for each credential."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which is there and private."""
        self._folder = folder
        self._places: dict[str, Place] = {}

    def put(self, issued: IssuedCredential) -> Place:
        """Write it: a token as a header line, words of a target as JSON."""
        if issued.is_bound_to_dpop:
            raise PlaceError("it is bound to a key, which no file can carry")
        if issued.target and not issued.secret:  # prolonged in its place: its words are the same
            return self._places[issued.id]
        if issued.target:
            place = self._written(issued.id, "json", _WORDS, _words(issued))
        else:
            place = self._written(issued.id, "headers", _HEADERS, _header(issued))
        self._places[issued.id] = place
        return place

    def of(self, credential: str) -> Place | None:
        """Return where one was put."""
        return self._places.get(credential)

    def clear(self, credential: str) -> None:
        """Remove its file."""
        if (place := self._places.pop(credential, None)) is not None:
            Path(place.where).unlink(missing_ok=True)

    def _written(self, credential: str, ending: str, use: str, text: str) -> Place:
        file = self._folder / f"{credential}.{ending}"
        passing = file.with_suffix(".new")
        try:
            with os.fdopen(os.open(passing, _CREATE, 0o600), "w", encoding="utf-8") as output:
                output.write(text)
            passing.replace(file)
        except OSError as error:
            passing.unlink(missing_ok=True)
            raise PlaceError(f"{file} cannot be written: {error.strerror}") from error
        return Place("file", str(file), use.format(file=file, names="see the file"))


_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def _header(issued: IssuedCredential) -> str:
    return f"Authorization: {issued.token_type} {issued.access_token.reveal()}\n"


def _words(issued: IssuedCredential) -> str:
    return json.dumps({name: word.reveal() for name, word in issued.secret.items()}) + "\n"
