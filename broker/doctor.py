"""Is everything here that a broker needs? One line for each thing, with what to do.

Each check stands alone: what one cannot find out keeps no other from being made.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from broker.attestation.assembly import build_attestation
from broker.attestation.key_source import open_key_session
from broker.attestation.settings import AttestationSettings
from broker.clock import SystemClock
from broker.endpoints import endpoint_of
from broker.errors import BrokerError
from broker.governance.bundle import Bundle
from broker.observation import LoggingObserver
from broker.settings.load import Reading, load_document
from broker.settings.settings import Settings
from broker.signing.key_files import load_keys
from broker.store.connect import connect
from broker.store.ledger import Ledger
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.server_guard import inspect

State = Literal["ok", "warn", "fail"]

ROOM_BYTES: Final = 256 * 1024 * 1024
"""Below, an audit trail may soon not be written, and then nothing is given."""


@dataclass(frozen=True, slots=True)
class Line:
    """What was looked at, how it is, and what to do about it."""

    check: str
    state: State
    what: str
    remedy: str = ""


Check = Callable[[], Awaitable[list[Line]]]


class Doctor:
    """Examines one installation, from the machine of one broker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def run(self) -> AsyncIterator[Line]:
        """Make every check, in the order in which a start would fail."""
        checks: list[tuple[str, Check, str]] = [
            ("listen", self._listen, "mend listen.tls"),
            ("audit", self._audit, "mend audit.file, its folder or its disk"),
            ("policy", self._policy, "run `broker config check`"),
            ("issuers", self._issuers, "mend the issuers' file, or bring their key sets back"),
            ("store", self._store, "check store.url, and that the server runs"),
            ("clock", self._clock, "let NTP set both clocks"),
            ("ledger", self._ledger, "run `broker keys init` and `broker apply`"),
        ]
        yield Line("settings", "ok", "the file is well-formed")
        for name, check, remedy in checks:
            try:
                lines = await check()
            except (BrokerError, OSError) as error:
                lines = [Line(name, "fail", str(error), remedy)]
            for line in lines:
                yield line

    async def _listen(self) -> list[Line]:
        endpoint_of(self._settings.listen)
        kind = "TLS" if self._settings.listen.tls else "without TLS"
        return [Line("listen", "ok", kind)]

    async def _audit(self) -> list[Line]:
        return list(_writable(self._settings.audit.file))

    async def _policy(self) -> list[Line]:
        reading = Reading()
        bundle = Bundle.read(self._settings.bundle, reading)
        reading.finish()
        if bundle is None:
            return [Line("policy", "fail", "nothing could be read", "run `broker config check`")]
        published = await self._published_digest()
        if published and published != bundle.digest:
            return [Line("policy", "warn", "the files are not what is published", "`broker apply`")]
        return [Line("policy", "ok", "the files are good, and their own tests pass")]

    async def _published_digest(self) -> str:
        """Return what is published; empty where the ledger cannot say, which another line tells."""
        link = await connect(self._settings.store)
        try:
            record = await self._of(link).control.read()
        except BrokerError:
            return ""
        finally:
            await link.close()
        return record.digest if record else ""

    async def _issuers(self) -> list[Line]:
        declared = load_document(self._settings.issuers, AttestationSettings)
        async with open_key_session() as session:
            attestation = build_attestation(
                declared, session, clock=SystemClock(), observer=LoggingObserver()
            )
            try:
                await attestation.start()
                missing = attestation.without_keys()
            finally:
                await attestation.close()
        remedy = "its tokens are refused: bring its key set back, or check the way to it"
        found = [Line("issuers", "fail", f"no usable keys of {name}", remedy) for name in missing]
        return found or [Line("issuers", "ok", f"{attestation.issuer_count} with usable keys")]

    async def _store(self) -> list[Line]:
        link = await connect(self._settings.store)
        try:
            findings = await inspect(link, self._settings.store.durability)
        finally:
            await link.close()
        states: dict[str, State] = {"blocking": "fail", "warning": "warn"}
        found = [Line("store", states[f.severity], f.message, f.remedy) for f in findings]
        durability = self._settings.store.durability
        return found or [Line("store", "ok", f"reachable, fit for durability {durability}")]

    async def _clock(self) -> list[Line]:
        link = await connect(self._settings.store)
        try:
            theirs = await self._of(link).clock.servers()
        finally:
            await link.close()
        apart = max(abs(each - SystemClock().now_ms()) for each in theirs)
        if apart > self._settings.clock.max_skew_ms:
            return [Line("clock", "fail", f"{apart} ms apart from the store", "let NTP set both")]
        return [Line("clock", "ok", f"{apart} ms apart from the store")]

    async def _ledger(self) -> list[Line]:
        link = await connect(self._settings.store)
        try:
            record = await self._of(link).control.read()
        finally:
            await link.close()
        if record is None or not record.revision:
            return [Line("ledger", "fail", "nothing is published", "run `broker apply`")]
        here = {key.kid for key in load_keys(self._settings.keys.directory)}
        states = ", ".join(sorted(f"{key.state} {key.kid[:8]}" for key in record.keys))
        active = [key.kid for key in record.keys if key.state == "active"]
        lines = [Line("ledger", "ok", f"revision {record.revision}, {record.digest[:12]}")]
        if not active:
            return [*lines, Line("keys", "fail", "none is active", "run `broker keys init`")]
        if active[0] not in here:
            remedy = "bring its file to keys.directory"
            return [*lines, Line("keys", "fail", f"{active[0]} is active and not here", remedy)]
        return [*lines, Line("keys", "ok", states)]

    def _of(self, link: Link) -> Ledger:
        store = self._settings.store
        return Ledger.over(link, namespace=store.namespace, buckets=store.buckets, limits=Limits())


def _writable(file: Path) -> Iterator[Line]:
    """Look at the audit trail without touching it."""
    folder = file.parent
    target = file if file.exists() else folder
    if not folder.is_dir():
        yield Line("audit", "fail", f"{folder} is no folder", "make it, for the broker alone")
        return
    if not os.access(target, os.W_OK):
        yield Line("audit", "fail", f"{target} cannot be written", "give it to the broker's user")
        return
    free = shutil.disk_usage(folder).free
    if free < ROOM_BYTES:
        what = f"{free // 1_048_576} MB are left at {folder}"
        yield Line("audit", "warn", what, "make room before nothing more can be recorded")
        return
    yield Line("audit", "ok", f"{file} can be written")
