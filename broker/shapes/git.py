"""What git says to a credential helper, and takes from it (gitcredentials(7), git-credential(1)).

Lines of ``name=value`` up to an empty line or the end. What a repository's URL can smuggle into
them is refused: a line break or a NUL within a value would be a line of somebody else's.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from broker.shapes import hosts, instants
from broker.shapes.given import Given, UnfitError

MOST_BYTES: Final = 65_536
"""More than git ever says: one line is shorter than that, and there are a dozen."""

AUTHTYPE: Final = "authtype"
"""The capability of a git that can send another header than Basic (2.46 and newer)."""

QUIT: Final = "quit=1\n"
"""Has git give up instead of asking other helpers, or whoever sits at the terminal."""

_LISTED: Final = re.compile(r"(?P<name>[a-z]+)\[\]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Question:
    """What git wants to log in to, and what it can take."""

    protocol: str
    host: str
    username: str
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Manner:
    """How the answer shall look: as whom, by which word, and in which header."""

    username: str = ""
    word: str = ""
    is_bearer: bool = False


def question(said: bytes) -> Question:
    """Read what git has said; what it says besides is passed over, as its contract demands.

    Raises:
        UnfitError: it is too long, broken, or says one thing twice.
    """
    single: dict[str, str] = {}
    listed: dict[str, list[str]] = {}
    for name, value in _lines(said):
        match = _LISTED.fullmatch(name)
        if match is None:
            if name in single:
                raise UnfitError(f"git has said {name[:40]!r} twice")
            single[name] = value
        elif value:
            listed.setdefault(match["name"], []).append(value)
        else:
            listed[match["name"]] = []  # an empty value takes back what was said before
    return _question(single, frozenset(listed.get("capability", ())))


def _question(single: Mapping[str, str], capabilities: frozenset[str]) -> Question:
    said = {name: single.get(name, "") for name in ("protocol", "host", "username")}
    if not said["protocol"] or not said["host"]:
        raise UnfitError("git has named no protocol or no host")
    return Question(capabilities=capabilities, **said)


def _lines(said: bytes) -> Iterator[tuple[str, str]]:
    if len(said) > MOST_BYTES:
        raise UnfitError(f"git has said more than {MOST_BYTES} bytes")
    for line in said.split(b"\n"):
        if not line:
            return
        if b"\0" in line or b"\r" in line:
            raise UnfitError("git has passed on a NUL or a carriage return: mind the URL")
        try:
            name, is_pair, value = line.decode().partition("=")
        except UnicodeDecodeError:
            raise UnfitError("git has passed on what is not UTF-8: mind the URL") from None
        if not is_pair or not name:
            raise UnfitError("git has said a line that is no name=value")
        yield name, value


def is_ours(asked: Question, declared: frozenset[str]) -> bool:
    """Tell whether the credential is for this server, and may travel to it.

    Raises:
        UnfitError: it is for this server, and would travel in clear text.
    """
    try:
        host = hosts.normal(asked.host, asked.protocol)
    except UnfitError:
        return False
    if host not in declared or asked.protocol not in {"https", "http"}:
        return False
    if asked.protocol == "http" and not hosts.is_loopback(host):
        raise UnfitError(f"it would travel to {host} in clear text: use https")
    return True


def answer(given: Given, asked: Question, manner: Manner) -> str:
    """Write what git reads.

    Raises:
        UnfitError: the credential cannot be said so, or is somebody else's than git wants.
    """
    end = f"password_expiry_utc={instants.seconds_of(given.expires_at_ms)}\n"
    if manner.is_bearer:
        return _bearer(given, asked, manner) + end
    wanted = manner.username or ("" if _has_own_name(given, manner) else asked.username)
    username, password = given.login(username=wanted, word=manner.word)
    if asked.username and asked.username != username:
        raise UnfitError(f"git wants the login of {asked.username[:80]!r}, and this is another's")
    return f"username={_line(username)}\npassword={_line(password.reveal())}\n{end}"


def _bearer(given: Given, asked: Question, manner: Manner) -> str:
    if AUTHTYPE not in asked.capabilities:
        raise UnfitError("this git sends no bearer tokens: git 2.46 does, or leave out --bearer")
    token = _line(given.token(manner.word).reveal())
    return f"capability[]={AUTHTYPE}\nauthtype=Bearer\ncredential={token}\nephemeral=1\n"


def _has_own_name(given: Given, manner: Manner) -> bool:
    return not manner.word and {"username", "password"} <= set(given.words)


def _line(text: str) -> str:
    if not text or any(each in text for each in "\n\r\0"):
        raise UnfitError("a word of it is empty or has a line break: git cannot take it")
    return text
