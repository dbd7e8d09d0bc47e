"""A credential as whoever brings it into a tool's form sees it: its words, and when it ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.secret import Secret

USERNAME: Final = "x-access-token"
"""Who a bare token belongs to, where a tool wants a name besides: most servers do not look at it,
and those that do have this one or want ``--username``."""

_TOKENS: Final = ("access_token", "token")
"""What kinds call the one word that is a bearer token."""


class UnfitError(ValueError):
    """The credential, or what a tool has said, is not fit for the tool's form.

    The text says why and what to do; it has nothing of the credential's words.
    """


@dataclass(frozen=True, slots=True)
class Given:
    """One credential: of which kind, its words by name, and when it ends."""

    kind: str
    words: Mapping[str, Secret]
    expires_at_ms: int

    def word(self, name: str) -> Secret:
        """Return one word.

        Raises:
            UnfitError: it has none of this name.
        """
        try:
            return self.words[name]
        except KeyError:
            raise UnfitError(f"it has no word {name!r}; it has {self._names()}") from None

    def token(self, name: str = "") -> Secret:
        """Return the word that is a token: the named one, or else the one that must be meant.

        Raises:
            UnfitError: there is none, or several might be meant.
        """
        if name:
            return self.word(name)
        found = [each for each in _TOKENS if each in self.words]
        found = found or (list(self.words) if len(self.words) == 1 else [])
        if len(found) != 1:
            raise UnfitError(f"which word is the token? Name it with --word: {self._names()}")
        return self.words[found[0]]

    def login(self, *, username: str = "", word: str = "") -> tuple[str, Secret]:
        """Return a name and a password: its own ones, or else a name for its token.

        Raises:
            UnfitError: there is no password and no token, or several might be meant.
        """
        if not word and {"username", "password"} <= set(self.words):
            return username or self.words["username"].reveal(), self.words["password"]
        return username or USERNAME, self.token(word)

    def _names(self) -> str:
        return ", ".join(sorted(self.words)) or "none"


def live(given: Given, now_ms: int) -> Given:
    """Return it if it has not ended: what has is no answer to anybody.

    Raises:
        UnfitError: it has.
    """
    if given.expires_at_ms <= now_ms:
        raise UnfitError("it has expired, or the clock of this machine is ahead")
    return given
