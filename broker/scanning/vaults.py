"""Standing secrets in the KV engines of a Vault or OpenBao: names, versions and age, never a value.

Only `metadata` is asked for. A token that may list and read metadata and nothing else is enough,
and is what should be used.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
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
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Access:
    """Where a Vault is, and by which token."""

    address: str
    token: Secret

    def __post_init__(self) -> None:
        """Refuse to send a token in the clear.

        Raises:
            ConfigurationError: the address is none, or not https beyond this machine.
        """
        parts = urlsplit(self.address)
        is_near = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or is_near):
            raise ConfigurationError(f"{self.address}: write https://… (http on loopback only)")


async def of_vault(access: Access, coverage: Coverage) -> list[Finding]:
    """Return a finding for each secret that stands in a KV engine which the token may look into."""
    headers = {"X-Vault-Token": access.token.reveal(), "X-Vault-Request": "true"}
    async with aiohttp.ClientSession(headers=headers, timeout=_PATIENCE) as session:
        vault = _Vault(session, access.address.rstrip("/"), coverage)
        return [finding async for finding in vault.findings()]


class _Vault:
    def __init__(self, session: aiohttp.ClientSession, address: str, coverage: Coverage) -> None:
        self._session = session
        self._address = address
        self._coverage = coverage

    async def findings(self) -> AsyncIterator[Finding]:
        for mount, version in (await self._mounts()).items():
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
                    self._coverage.trouble(place, f"Vault answers {answer.status}")
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
        name=f"{len(versions)} versions" if versions else "",
        preview="",
        origin=Origin(_seconds(created), "vault" if created else "", owner, "vault" * bool(owner)),
        secret=Secret(f"{current} of {created}"),  # another version is another finding
    )


def _seconds(created: str) -> int:
    try:
        return int(datetime.fromisoformat(created[:19] + "+00:00").timestamp())
    except ValueError:
        return 0
