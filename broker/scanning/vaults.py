"""Standing secrets in the KV engines of a Vault or OpenBao: names, versions and age, never a value.

Only `metadata` is asked for. A token that may list and read metadata and nothing else is enough,
and is what should be used.
"""

import json
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp

from broker.errors import ConfigurationError
from broker.scanning.coverage import Coverage
from broker.scanning.finding import Finding, Origin
from broker.scanning.kinds import kind_named
from broker.scanning.surfaces import VAULT
from broker.secret import Secret

MOST: Final = 20_000
"""Entries that are looked at; more are told as not read."""

_PATIENCE: Final = aiohttp.ClientTimeout(total=15)
_LARGEST: Final = 4 * 1024 * 1024
_FOUND: Final = 200
_NOTHING: Final = 404
_WHY: Final = {
    403: ": the token may not list and read the metadata there",
    503: ": it is sealed",
}
_NAMESPACE: Final = re.compile(
    r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*/?)?"
)
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Access:
    """Where a Vault is, by which token, in which namespace, and whose certificate is believed."""

    address: str
    token: Secret
    namespace: str = ""
    tls: ssl.SSLContext | None = None
    """Default: the system's authorities."""

    def __post_init__(self) -> None:
        """Refuse to send a token in the clear, or where the address says more than where.

        Raises:
            ConfigurationError: it is no such address. It is not repeated: a login may be in it.
        """
        if not _is_address(self.address):
            raise ConfigurationError(
                "--vault: write https://HOST:PORT, with no login or path (http on loopback only)"
            )
        if not _NAMESPACE.fullmatch(self.namespace):
            raise ConfigurationError("--vault-namespace: write it as a/b")

    @property
    def headers(self) -> dict[str, str]:
        """Return what goes with every request."""
        found = {"X-Vault-Token": self.token.reveal(), "X-Vault-Request": "true"}
        return found | ({"X-Vault-Namespace": self.namespace} if self.namespace else {})


def trusting(file: Path | None) -> ssl.SSLContext | None:
    """Return a context that believes the authorities of a file, and no others.

    Raises:
        ConfigurationError: there are none in it.
    """
    if file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"{file}: holds no certificate of an authority") from error


async def of_vault(access: Access, coverage: Coverage) -> list[Finding]:
    """Return a finding for each secret that stands in a KV engine which the token may look into."""
    connector = aiohttp.TCPConnector(ssl=access.tls if access.tls is not None else True)
    async with aiohttp.ClientSession(
        headers=access.headers, timeout=_PATIENCE, connector=connector
    ) as session:
        vault = _Vault(session, access.address.rstrip("/"), coverage)
        return [finding async for finding in vault.findings()]


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        is_plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
        is_near = parts.scheme == "http" and parts.hostname in _LOOPBACK
        return (
            bool(parts.hostname)
            and parts.port != 0
            and is_plain
            and (parts.scheme == "https" or is_near)
        )
    except ValueError:
        return False


class _Vault:
    def __init__(self, session: aiohttp.ClientSession, address: str, coverage: Coverage) -> None:
        self._session = session
        self._address = address
        self._coverage = coverage

    async def findings(self) -> AsyncIterator[Finding]:
        mounts = await self._mounts()
        if not mounts:  # whether there is none, or the token sees none, nobody can tell from here
            self._coverage.trouble("vault", "shows this token no KV engine in this namespace")
        for mount, version in mounts.items():
            async for path in self._paths(mount, "metadata/" if version == "2" else ""):
                if self._coverage.read["vault entries"] >= MOST:
                    self._coverage.trouble(f"vault:{mount}", f"holds more than {MOST} entries")
                    return
                self._coverage.read["vault entries"] += 1
                facts = await self._facts(mount, path) if version == "2" else {}
                yield _finding(mount, path, facts)

    async def _mounts(self) -> dict[str, str]:
        answer = await self._asked("GET", "sys/internal/ui/mounts", "vault")
        mounts = answer.get("secret") or {}
        return {
            mount: str((told.get("options") or {}).get("version", "1"))
            for mount, told in sorted(mounts.items())
            if told.get("type") == "kv"
        }

    async def _paths(self, mount: str, inner: str) -> AsyncIterator[str]:
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            answer = await self._asked("LIST", f"{mount}{inner}{folder}", f"vault:{mount}{folder}")
            for key in answer.get("keys") or ():
                if str(key).endswith("/"):
                    waiting.append(f"{folder}{key}")
                else:
                    yield f"{folder}{key}"

    async def _facts(self, mount: str, path: str) -> Mapping[str, Any]:
        return await self._asked("GET", f"{mount}metadata/{path}", f"vault:{mount}{path}")

    async def _asked(self, method: str, path: str, place: str) -> Mapping[str, Any]:
        """Return the data of an answer; what does not answer is told as not read."""
        url = f"{self._address}/v1/{quote(path, safe='/')}"
        try:
            async with self._session.request(method, url, allow_redirects=False) as answer:
                if answer.status == _NOTHING:
                    return {}
                if answer.status != _FOUND:
                    why = _WHY.get(answer.status, "")
                    self._coverage.trouble(place, f"Vault answers {answer.status}{why}")
                    return {}
                data = json.loads(await answer.content.read(_LARGEST)).get("data")
                return data if isinstance(data, dict) else {}
        except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError) as error:
            self._coverage.trouble(place, f"Vault does not answer: {type(error).__name__}")
            return {}


def _finding(mount: str, path: str, facts: Mapping[str, Any]) -> Finding:
    versions = facts.get("versions") or {}
    current = str(facts.get("current_version", ""))
    created = str((versions.get(current) or {}).get("created_time", ""))
    owner = str((facts.get("custom_metadata") or {}).get("owner", ""))
    kind = kind_named("vault-secret")
    return Finding(
        path=f"vault:{mount}{path}",
        line=0,
        surface=VAULT.name,
        kind=kind.name,
        title=kind.title,
        rule="vault.kv",
        name=_versions(versions),
        preview="",
        origin=Origin(_seconds(created), "vault" if created else "", owner, "vault" * bool(owner)),
        secret=Secret(f"{current} of {created}"),  # another version is another finding
    )


def _versions(versions: Mapping[str, Any]) -> str:
    """Say how many there are: an engine of the first sort has one, and does not say since when."""
    count = len(versions)
    return f"{count} version{'' if count == 1 else 's'}" if count else ""


def _seconds(created: str) -> int:
    try:
        return int(datetime.fromisoformat(created[:19] + "+00:00").timestamp())
    except ValueError:
        return 0
