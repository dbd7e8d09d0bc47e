"""What stands beside a secret and says what it is for: which host, database, region, bucket.

Only what is certain is taken: within some lines of the secret the word is given once, or always the
same. Two hosts in one file tell nothing about either password.
"""

import base64
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final

from broker.scanning.match import Match

_DATA: Final = files("broker.scanning") / "data" / "beside.toml"
_NEAR: Final = 2_000
"""Bytes before and after the secret."""

_FORMS: Final[Mapping[str, str]] = {
    "host": r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?",
    "port": r"[0-9]{1,5}",
    "database": r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}",
    "user": r"[A-Za-z_][A-Za-z0-9_.-]{0,31}",
    "sslmode": r"[a-z-]{4,12}",
    "region": r"[a-z]{2}(?:-[a-z]{2,12}){1,2}-[0-9]{1,2}",
    "account": r"[0-9]{12}",
    "bucket": r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    "key_id": r"A[KS]IA[A-Z2-7]{16}",
}
_ON_LINE: Final[Mapping[str, Mapping[str, str]]] = {
    "postgres": {
        "host": r"\bpsql\b[^\n]*?\s(?:-h\s*|--host[= ])|\bhost=",
        "port": r"\bpsql\b[^\n]*?\s(?:-p\s*|--port[= ])|\bport=",
        "database": r"\bpsql\b[^\n]*?\s(?:-d\s*|--dbname[= ])|\bdbname=",
        "user": r"\bpsql\b[^\n]*?\s(?:-U\s*|--username[= ])|\buser=",
    },
    "mysql": {
        "host": r"\bmysql\w*\b[^\n]*?\s(?:-h\s*|--host[= ])",
        "user": r"\bmysql\w*\b[^\n]*?\s(?:-u\s*|--user[= ])",
    },
    "redis": {"host": r"\bredis-cli\b[^\n]*?\s-h\s*"},
}
_BUCKETS: Final = re.compile(rf"(?:s3://|arn:aws[a-z-]*:s3:::)({_FORMS['bucket']})")
_ADDRESS: Final = re.compile(
    r"(?i)\b(?:jdbc:)?(?P<scheme>postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?)(?:\+\w+)?://"
    rf"(?P<host>{_FORMS['host']})(?::(?P<port>[0-9]{{1,5}}))?(?:/(?P<database>[A-Za-z0-9_-]+))?"
)
_SERVICE: Final = re.compile(rf"\bhttps?://({_FORMS['host']})(?=[:/\s\"'?,;]|$)")
_PSQL: Final = re.compile(r"\bpsql\b|\bdbname=")
_OF_DATABASE: Final = re.compile(r"(?i).*(?:db|database|datasource|sql|jdbc).*")
_ENDINGS: Final = re.compile(
    r"(?i)[_-]?(?:(?:access|api|auth|bearer|refresh|secret|service)[_-]?)*(?:token|key|secret|password|pat)\Z"
)
_PLACES: Final = ("URL", "BASE_URL", "API_URL", "ENDPOINT", "HOST", "API_BASE", "SERVER")
_OLD_IDS: Final = ("AKIAI", "AKIAJ", "ASIAI", "ASIAJ")
"""Ids that AWS made until 2019 say nothing of the account."""


def beside(match: Match, kind: str, text: bytes) -> Mapping[str, str]:
    """Return what is certain of the thing that a secret is for; empty where nothing is."""
    near = _near(match, text)
    line = _line(match, text)
    found = dict(_given(kind, near)) | dict(_on_line(kind, line))
    if kind == "aws-key":
        return _of_aws(found, near)
    if kind == "password" and _PSQL.search(line):
        return {"scheme": "postgresql"} | dict(_on_line("postgres", line))
    if kind == "password" and _OF_DATABASE.match(match.name):
        return _of_address(near)
    if not found and kind in {"service-key", "http-login", "password", "bearer-token"}:
        host = _service(match, near, line)
        return {"host": host} if host else {}
    return found


def account_of(key_id: str) -> str:
    """Return the account that the id of an access key names; empty where it names none.

    AWS puts the number into the id: the first 40 of the bits after the first one of what follows
    the prefix, in base 32 (T. Be'ery, 2023; `sts get-access-key-info` says the same).
    """
    if key_id.startswith(_OLD_IDS):
        return ""
    bits = int.from_bytes(base64.b32decode(key_id[4:20])[:6], "big")
    number = (bits & 0x7FFF_FFFF_FF80) >> 7
    return f"{number:012d}" if number < 10**12 else ""


def _given(kind: str, near: str) -> Iterator[tuple[str, str]]:
    """Yield the words that are given under a name of theirs."""
    for word, form in _names().get(kind, {}).items():
        if value := _only(form.findall(near)):
            yield word, value


def _on_line(kind: str, line: str) -> Iterator[tuple[str, str]]:
    """Yield what a client's command line says."""
    for word, before in _ON_LINE.get(kind, {}).items():
        if value := _only(re.findall(rf"(?:{before})[\"']?({_FORMS[word]})(?=[\s\"']|$)", line)):
            yield word, value


def _of_aws(found: dict[str, str], near: str) -> Mapping[str, str]:
    key_id = found.pop("key_id", "")
    if key_id and "account" not in found and (account := account_of(key_id)):
        found["account"] = account
    buckets = {*_BUCKETS.findall(near), *filter(None, [found.pop("bucket", "")])}
    return found | ({"bucket": bucket} if (bucket := _only(buckets)) else {})


def _of_address(near: str) -> Mapping[str, str]:
    """Return what the one address of a database says, which has no login in it."""
    found = {tuple(sorted(each.groupdict("").items())) for each in _ADDRESS.finditer(near)}
    if len(found) != 1:
        return {}
    return {name: word for name, word in next(iter(found)) if word}


def _service(match: Match, near: str, line: str) -> str:
    """Return the host that a token is for: on its line, or given beside it under the same name."""
    if host := _only(_SERVICE.findall(line)):
        return host
    stem = _ENDINGS.sub("", match.name)
    if not stem or stem == match.name:
        return _only(_SERVICE.findall(near)) if match.rule == "jit.header" else ""
    places = "|".join(f"{re.escape(stem)}[_-]?{place}" for place in _PLACES)
    given = re.findall(
        rf"(?i)\b(?:{places})[\"']?\s*[:=]\s*[\"']?(?:https?://)?([^\s\"',;/:]+)", near
    )
    host = _only(given)
    return host if re.fullmatch(_FORMS["host"], host) and "." in host else ""


def _only(values: Iterable[str]) -> str:
    found = set(values)
    return found.pop() if len(found) == 1 else ""


def _near(match: Match, text: bytes) -> str:
    begin, end = max(match.start - _NEAR, 0), match.end + _NEAR
    return text[begin:end].decode("utf-8", "replace")


def _line(match: Match, text: bytes) -> str:
    begin = max(text.rfind(b"\n", 0, match.start) + 1, match.start - _NEAR)
    end = text.find(b"\n", match.end)
    return text[begin : min(end if end >= 0 else len(text), match.end + _NEAR)].decode(
        "utf-8", "replace"
    )


@lru_cache(maxsize=1)
def _names() -> Mapping[str, Mapping[str, re.Pattern[str]]]:
    table = tomllib.loads(_DATA.read_text("utf-8"))
    return {
        kind: {word: _form(word, names) for word, names in words.items()}
        for kind, words in table.items()
    }


def _form(word: str, names: Iterable[str]) -> re.Pattern[str]:
    any_of = "|".join(re.escape(name) for name in names)
    return re.compile(
        rf"(?<![A-Za-z0-9_])(?:{any_of})[\"']?\s*[:=]\s*[\"']?({_FORMS[word]})(?=[\s\"',;&|)}}]|$)"
    )
