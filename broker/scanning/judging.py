"""Which matches count: by the value's looks, by what it was given to, and by where it stands.

A match of a known form counts wherever it is. One that only a name makes suspicious counts as its
surface allows. Of several over the same place the one that tells most is kept.
"""

import base64
import re
from dataclasses import replace
from typing import Final

from broker.scanning.entropy import entropy
from broker.scanning.match import Match
from broker.scanning.pretending import is_elsewhere, is_identifier, is_pretend
from broker.scanning.surfaces import Strength, Surface

_NAMED: Final = frozenset(
    {
        *("jit.assigned", "jit.environment-line", "jit.flag", "jit.header", "jit.command-set"),
        *("jit.named-value", "jit.element", "jit.argument", "jit.block", "jit.concatenated"),
        "jit.some-key",
    }
)
"""Rules by which a name alone makes a value suspicious."""

_AT_HOME: Final = {"jit.registry-login": "credentials", "jit.pgpass": "credentials"}
"""Rules that mean something only in the files that they are about."""

_MUST_LOOK_MADE: Final = frozenset(
    {
        *("jit.repository-uri", "jit.netrc", "jit.mysql-flag", "jit.client-flag"),
        *("jit.http-client-flag", "jit.tool-flag", "jit.piped", "jit.sql-password"),
    }
)
"""Rules whose form other things have, too, where it is not at home."""

_KEY: Final = "jit.some-key"
"""A rule whose name is that of many things: its value must look made by a machine, too."""

_OF_PEOPLE: Final = re.compile(r"(?i).*(?:passwo?r?d|passphrase|pwd|_pass|secret)\w*\Z")
"""What people choose themselves: it may be shorter than what a machine makes."""

_NO_SECRET: Final = re.compile(
    r"""(?xi)
    .*[_.-](?:url|uri|endpoint|file|path|dir|folder|name|id|ids|type|length|size|ttl|expiry|expires
        |expiration|expires_?in|count|version|policy|field|header|prefix|suffix|hash|digest|algorithm
        |alg|method|mode|arn|ref|limit|budget|usage|format|lifetime|age|period|seconds|ms|enabled
        |required|rotation|class|label|hint|regex|pattern)
    | .*(?-i:KeyRef|Url|Uri|Endpoint|File|Path|Name|Id|Type|Length|Ttl|Hash|Policy|Field|Header
        |Prefix|Limit|Arn|Ref)
    | (?:max|min|num|total|prompt|completion|input|output|cache\w*|budget)[_.-]?tokens?(?:[_.-]\w*)?
    | .*(?:public|publishable)[_.-]?(?:key|token).* | .*tokeni[sz].*
    | .*(?:secrets|passwords|credentials) | secretary.* | .*secrets?[_.-]?manager
    | author(?!ization).* | loadcredential\w*
    | .*(?:primary|foreign|unique|cache|sort|partition|idempotency|dedup\w*|group|row|hash|range
        |registry|map|object|routing|lookup|index|shard|host|known|ssh|gpg|pgp|verif\w*|site|translation|i18n
        |locale|answer|feature|flag|metric|event|topic|config|query|search|surrogate|natural)
        [_.-]?key
    | (?:csrf|xsrf|nonce|next|page|continuation|sync|cancel\w*|design)[_.-]?token
    | .*keyboard.* | .*key[_.-]?(?:code|press|down|up|word|words)\w*
    """
)

_LETTER: Final = re.compile(r"[A-Za-z]")
_UPPER: Final = re.compile(r"[A-Z]")
_LOWER: Final = re.compile(r"[a-z]")
_DIGIT: Final = re.compile(r"[0-9]")
_WORDY: Final = re.compile(
    r"[^\W\d_]+(?:[_.:/ -]+[^\W\d_]+)*[_.:/ -]*[0-9]{0,2}\Z|[A-Za-z][a-z]+(?:[A-Z][a-z]+)*\Z"
    r"|[a-z]{2,8}[0-9]{1,3}[a-z]{2,8}\Z"
)
_OF_ONE_WORD: Final = re.compile(r"[A-Za-z0-9+/=_.~!@#$%^&*:-]+\Z")
_CODE: Final = re.compile(r"[\w.]+\(|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\Z|[A-Za-z_]\w*\[")
_HEXADECIMAL: Final = re.compile(r"(?i)[0-9a-f]+\Z")
_DIGESTS: Final = frozenset({32, 40, 56, 64, 96, 128})
_SHORT_DIGEST: Final = 20
_NUMBER: Final = re.compile(
    r"[0-9.,:+ -]{1,14}\Z|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,+Z-]{5,24}\Z"
)
"""Numbers, addresses and instants."""

_OF_SECRETS: Final = re.compile(rb"(?m)^kind: *[\"']?Secret[\"']?\s|^stringData:")
_SEALED: Final = re.compile(rb"(?m)^kind: *[\"']?SealedSecret|^sops:")

_CONFIG_LENGTH: Final = 8
_CONFIG_ENTROPY: Final = 2.75
_SOURCE_LENGTH: Final = 12
_SOURCE_ENTROPY: Final = 3.2
_LONGEST_LINE: Final = 2_000
"""A longer line was made by a machine: in it only known forms count."""


def judged(matches: list[Match], surface: Surface, text: bytes) -> list[Match]:
    """Return the matches that count, one for each place."""
    surface = _as_it_says(surface, text)
    counting = [match for match in matches if _counts(match, surface, text)]
    kept: list[Match] = []
    for match in sorted(counting, key=_weight):
        same = next((n for n, other in enumerate(kept) if _is_same_place(match, other)), None)
        if same is None:
            kept.append(match)
        else:
            kept[same] = _together(kept[same], match)
    return sorted((_unnamed(match, kept) for match in kept), key=lambda match: match.start)


def _together(match: Match, other: Match) -> Match:
    """A form tells what a secret is, an assignment its name, an address the words beside it."""
    both = replace(match, words={**other.words, **match.words})
    return both if match.name else replace(both, name=other.name, named_at=other.named_at)


def _unnamed(match: Match, kept: list[Match]) -> Match:
    """Take the name away if it reaches into a secret: what overlaps one is a part of it."""
    begin, end = match.named_at, match.named_at + len(match.name.encode("utf-8", "replace"))
    if begin >= 0 and any(each.start < end and begin < each.end for each in kept):
        return replace(match, name="")
    return match


def _as_it_says(surface: Surface, text: bytes) -> Surface:
    """A manifest says itself whether secrets stand in it as they are, or sealed."""
    if surface.strength is not Strength.CONFIG:
        return surface
    if _OF_SECRETS.search(text):
        return surface._replace(strength=Strength.DIRECT)
    return surface._replace(strength=Strength.SILENT) if _SEALED.search(text) else surface


def _counts(match: Match, surface: Surface, text: bytes) -> bool:
    value = match.secret.reveal()
    if is_pretend(value) or is_pretend(_unwrapped(value)) or _NUMBER.match(value):
        return False
    if match.rule not in _NAMED:
        return _is_of_here(match.rule, surface) and (
            _is_at_home(match.rule, surface) or looks_made(value)
        )
    if _is_something_else(match, value, text) or is_elsewhere(value):
        return False
    if match.rule == _KEY:
        return surface.strength is Strength.DIRECT and looks_made(value)
    if surface.strength is Strength.DIRECT:
        return not _is_code(match, value, text)
    return _is_convincing(match, value, surface.strength) and not _is_in_long_line(match, text)


def _is_something_else(match: Match, value: str, text: bytes) -> bool:
    """Tell whether the name says so, or it is `${NAME:?what to say when it is not there}`."""
    if value.startswith("?") and text[max(match.named_at - 2, 0) : match.named_at] == b"${":
        return True
    return bool(_NO_SECRET.fullmatch(match.name.strip("-")))


def _unwrapped(value: str) -> str:
    """Return what a manifest of Kubernetes wraps: after the name, in base64; else the value."""
    wrapped = value.rpartition(": ")[2]
    try:
        return base64.b64decode(wrapped, validate=True).decode("ascii")
    except ValueError:
        return wrapped


def _is_code(match: Match, value: str, text: bytes) -> bool:
    """Tell whether a program stands there: a call, an index, a member of something."""
    after = text[match.end : match.end + 1]
    return bool(_CODE.match(value)) or (not match.is_quoted and after in {b"(", b"["})


def _is_of_here(rule: str, surface: Surface) -> bool:
    return _AT_HOME.get(rule, surface.name) == surface.name


def _is_at_home(rule: str, surface: Surface) -> bool:
    if rule not in _MUST_LOOK_MADE:
        return True
    return surface.strength is Strength.DIRECT and rule != "jit.repository-uri"


def _is_convincing(match: Match, value: str, strength: Strength) -> bool:
    if strength is Strength.SILENT or _WORDY.match(value) or _CODE.match(value):
        return False
    if is_identifier(value):
        return False
    if strength is Strength.CONFIG:
        return len(value) >= _CONFIG_LENGTH and entropy(value) >= _CONFIG_ENTROPY
    if match.is_quoted and _OF_PEOPLE.match(match.name) and _looks_chosen(value):
        return True
    return (match.is_quoted or match.rule == "jit.header") and looks_made(value)


def looks_made(value: str) -> bool:
    """Tell whether a machine made a value; digests stand in source for good reasons."""
    if _HEXADECIMAL.match(value) and (len(value) <= _SHORT_DIGEST or len(value) in _DIGESTS):
        return False
    return (
        len(value) >= _SOURCE_LENGTH
        and bool(_OF_ONE_WORD.match(value))
        and entropy(value) >= _SOURCE_ENTROPY
        and bool(_LETTER.search(value) and _DIGIT.search(value))
    )


def _looks_chosen(value: str) -> bool:
    """Tell whether a person may have chosen a value as a password: one word of mixed characters."""
    return (
        len(value) >= _CONFIG_LENGTH
        and not _HEXADECIMAL.match(value)
        and bool(_OF_ONE_WORD.match(value))
        and entropy(value) >= _CONFIG_ENTROPY
        and all(form.search(value) for form in (_UPPER, _LOWER, _DIGIT))
    )


def _is_in_long_line(match: Match, text: bytes) -> bool:
    begin = text.rfind(b"\n", 0, match.start) + 1
    end = text.find(b"\n", match.start)
    return (len(text) if end < 0 else end) - begin > _LONGEST_LINE


def _weight(match: Match) -> tuple[bool, int, str]:
    """Order matches by how much they tell: known forms first, then the longer one."""
    return match.rule in _NAMED, -(match.end - match.start), match.rule


def _is_same_place(one: Match, other: Match) -> bool:
    return one.start < other.end and other.start < one.end
