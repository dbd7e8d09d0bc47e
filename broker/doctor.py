"""Is everything here that a broker needs? One line for each thing, with what to do.

Each check stands alone: what one cannot find out keeps no other from being made.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from broker import (
    audience_findings,
    certificate_names,
    expiry,
    facts_findings,
    glass_watch,
    key_findings,
    list_findings,
    notice_watch,
    panic_folder,
    redeciding_findings,
    target_findings,
)
from broker.attestation.assembly import build_attestation
from broker.attestation.key_source import open_key_session
from broker.attestation.settings import AttestationSettings
from broker.clock import SystemClock
from broker.endpoints import endpoint_of
from broker.errors import (
    BrokerError,
    ConfigurationError,
    StoreUnavailableError,
    UnreadableRecordError,
)
from broker.findings import Line, State
from broker.governance.bundle import Bundle
from broker.governance.difference import Change, ChangeKind
from broker.installation import open_installation
from broker.list_watch import states_of
from broker.notices.notice_side import NoticeSession, receivers_of
from broker.observation import LoggingObserver
from broker.publishing import Publishing
from broker.settings.fault import dotted
from broker.settings.load import Reading, load_document
from broker.settings.settings import BundleFiles, Settings
from broker.store.connect import connect
from broker.store.feed_log import FeedLog
from broker.store.ledger import Ledger
from broker.store.limits import Limits
from broker.store.link import Link
from broker.store.notice_ledger import NoticeLedger
from broker.store.rights import granting, is_refused_right
from broker.store.server_guard import inspect, programs
from broker.targets.settings import load_targets

ROOM_BYTES: Final = 256 * 1024 * 1024
"""Below, an audit trail may soon not be written, and then nothing is given."""


MOST_CHANGES: Final = 10
"""Differences that are named one by one; `broker apply --dry-run` shows all."""

_DRIFT: Final = {
    ChangeKind.ADDED: "is in the files and not published",
    ChangeKind.REMOVED: "is published and not in the files",
    ChangeKind.CHANGED: "is published otherwise than the files say",
}

_STORE: Final = "store"
_REACH: Final = (
    "check that the server runs, and store.url; where it asks for a login, store.username and"
    " store.password_file"
)

_KEYS: Final = (
    "its tokens are refused: bring its key set back, or check the way to it:"
    " `broker issuer check {}`"
)

Check = Callable[[], Awaitable[list[Line]]]


class Doctor:
    """Examines one installation, from the machine of one broker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def run(self) -> AsyncIterator[Line]:
        """Make every check, in the order in which a start would fail."""
        yield Line("settings", "ok", "the file is well-formed")
        for name, check, where, remedy in self._checks():
            try:
                lines = await check()
            except (BrokerError, OSError) as error:
                lines = [Line(name, "fail", str(error), self._remedy(name, error, remedy))]
            for line in lines:
                yield line if line.where else replace(line, where=where)

    def _checks(self) -> list[tuple[str, Check, str, str]]:
        """List each check by name, with where it looks and what to do when it cannot be made."""
        given = self._settings
        listen, store = str(given.listen.unix or given.listen.address), given.store.url
        issuers, policies = str(given.issuers), str(given.bundle.policies)
        servers = str(given.bundle.resource_servers)
        return [
            ("listen", self._listen, listen, "mend listen.tls"),
            ("certificates", self._certificates, "", "give files that this process may read"),
            ("panic", self._panic, str(given.panic_socket or ""), "mend panic_socket"),
            (
                "audit",
                self._audit,
                str(given.audit.file),
                "mend audit.file, its folder or its disk",
            ),
            ("policy", self._policy, policies, "run `broker config check`"),
            ("issuers", self._issuers, issuers, "mend the file, or bring their key sets back"),
            (_STORE, self._store, store, _REACH),
            ("clock", self._clock, store, "let NTP set both clocks"),
            ("ledger", self._ledger, store, "run `broker keys init` and `broker apply`"),
            ("resource-servers", self._audiences, servers, "look why the ledger cannot be read"),
            ("facts", self._facts, store, "restore the ledger, then `broker apply --restored`"),
            ("redeciding", self._redeciding, store, "look why the ledger cannot be read"),
            ("notices", self._notices, store, "mend `notify`"),
            ("break-glass", self._glass, store, "look why the ledger cannot be read"),
            ("targets", self._targets, str(given.targets or ""), "run `broker config check`"),
        ]

    async def _listen(self) -> list[Line]:
        endpoint_of(self._settings.listen)
        kind = "TLS" if self._settings.listen.tls else "without TLS"
        return [Line("listen", "ok", kind)]

    async def _certificates(self) -> list[Line]:
        try:
            issuers = load_document(self._settings.issuers, AttestationSettings)
        except (ConfigurationError, OSError):
            issuers = None  # which the check of the issuers tells
        files = expiry.files_of(self._settings, issuers)
        names = [*certificate_names.examine(self._settings)]
        found = expiry.examine(files, SystemClock().now_ms())
        return names + [line for line in found if line.state != "ok" or not names]

    async def _panic(self) -> list[Line]:
        return panic_folder.examine(self._settings.panic_socket)

    async def _audit(self) -> list[Line]:
        return list(_writable(self._settings.audit.file))

    async def _policy(self) -> list[Line]:
        reading = Reading()
        bundle = Bundle.read(self._settings.bundle, reading)
        reading.finish()
        if bundle is None:
            return [Line("policy", "fail", "nothing could be read", "run `broker config check`")]
        drift = [*_drifted(await self._drift(bundle), self._settings.bundle)]
        return drift or [Line("policy", "ok", "the files are good, and their own tests pass")]

    async def _drift(self, bundle: Bundle) -> tuple[Change, ...]:
        """Compare with what is published; nothing where the ledger cannot say: other lines do."""
        async with open_installation(self._settings) as found:
            try:
                record = await found.ledger.control.read()
                if record is None or not record.revision:
                    return ()
                return await Publishing(found, by="").compare(bundle)
            except BrokerError:
                return ()

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
        found = [
            Line("issuers", "fail", f"no usable keys of {n}", _KEYS.format(n)) for n in missing
        ]
        found = found or [Line("issuers", "ok", f"{attestation.issuer_count} with usable keys")]
        return [*found, *_doubted(declared)]

    async def _store(self) -> list[Line]:
        link = await connect(self._settings.store)
        try:
            findings = await inspect(link, self._settings.store.durability)
            running = "" if findings else ", ".join(await programs(link))
        finally:
            await link.close()
        states: dict[str, State] = {"blocking": "fail", "warning": "warn"}
        found = [Line("store", states[f.severity], f.message, f.remedy) for f in findings]
        words = f"{running}, fit for durability {self._settings.store.durability}"
        return found or [Line("store", "ok", words)]

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

    async def _facts(self) -> list[Line]:
        link = await connect(self._settings.store)
        try:
            return await facts_findings.examine(self._of(link))
        finally:
            await link.close()

    async def _redeciding(self) -> list[Line]:
        link = await connect(self._settings.store)
        try:
            max_age_ms = self._settings.facts.max_age_ms
            return await redeciding_findings.examine(self._of(link), max_age_ms)
        finally:
            await link.close()

    async def _glass(self) -> list[Line]:
        link = await connect(self._settings.store)
        try:
            return await glass_watch.examine(self._of(link).glass)
        finally:
            await link.close()

    async def _notices(self) -> list[Line]:
        link = await connect(self._settings.store)
        try:
            receivers = receivers_of(self._settings.notify, NoticeSession(), SystemClock())
            kept = NoticeLedger(link, self._settings.store.namespace)
            return await notice_watch.examine(receivers, kept)
        finally:
            await link.close()

    async def _ledger(self) -> list[Line]:
        link = await connect(self._settings.store)
        try:
            record = await self._of(link).control.read()
        finally:
            await link.close()
        keys = [*key_findings.examine(self._settings, record)]
        if record is None or not record.revision:
            what = "nothing is published: nothing is given"
            return [Line("ledger", "fail", what, "run `broker apply`"), *keys]
        words = f"revision {record.revision}, {record.digest[:12]}"
        return [Line("ledger", "ok", words), *keys]

    async def _audiences(self) -> list[Line]:
        """Ask who listens; what is wrong with the files is told by the check of the policies."""
        reading = Reading()
        bundle = Bundle.read(self._settings.bundle, reading)
        if bundle is None or reading.faults:
            return []
        link = await connect(self._settings.store)
        try:
            now_ms = max(await self._of(link).clock.servers())
            subscribers = FeedLog(link, self._settings.store.namespace).subscribers
            return await audience_findings.examine(subscribers, bundle, now_ms)
        finally:
            await link.close()

    async def _targets(self) -> list[Line]:
        """Show what the last comparisons came to; the targets themselves are not asked."""
        declared = load_targets(self._settings)
        async with open_installation(self._settings) as found:
            record = await found.ledger.control.read()
            kept = await found.ledger.reconciliations.all()
            overdue_ms = {each.record.name: each.record.overdue_seconds * 1000 for each in declared}
            states = await states_of(found.ledger.bans, list(overdue_ms))
        lines = target_findings.examine(declared, kept, record.now_ms if record else 0)
        return lines + list_findings.examine(target_findings.CHECK, states, overdue_ms)

    def _remedy(self, name: str, error: Exception, remedy: str) -> str:
        """Send whoever has no ledger to look at one thing; a damaged record is another matter."""
        if is_refused_right(error):
            return f"give the store's user its rights: {granting(self._settings.store)}"
        is_away = isinstance(error, StoreUnavailableError)
        if name == _STORE or not is_away or isinstance(error, UnreadableRecordError):
            return remedy
        return "mend what is said of `store` first"

    def _of(self, link: Link) -> Ledger:
        store = self._settings.store
        return Ledger.over(link, namespace=store.namespace, buckets=store.buckets, limits=Limits())


def _doubted(declared: AttestationSettings) -> Iterator[Line]:
    """Tell what `broker config check` warns of."""
    for fault in declared.warnings():
        what = f"{dotted(fault.path)}: {fault.message}"
        yield Line("issuers", "warn", what, fault.remedy)


def _writable(file: Path) -> Iterator[Line]:
    """Look at the audit trail without touching it."""
    folder = file.parent
    target = file if file.exists() else folder
    if not folder.is_dir():
        remedy = f"make it, for the broker alone: mkdir -m 700 {folder}"
        yield Line("audit", "fail", f"{folder} is no folder", remedy)
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


def _drifted(changes: tuple[Change, ...], files: BundleFiles) -> Iterator[Line]:
    """Name what the files and the published revision say differently."""
    remedy = "`broker apply` publishes the files; `broker apply --dry-run` shows the difference"
    for change in changes[:MOST_CHANGES]:
        what = f"{change.section} {change.name}".rstrip() + f" {_DRIFT[change.kind]}"
        yield Line("policy", "warn", what, remedy, _place_of(change, files))
    if len(changes) > MOST_CHANGES:
        what = f"{len(changes) - MOST_CHANGES} more differ from what is published"
        yield Line("policy", "warn", what, remedy)


def _place_of(change: Change, files: BundleFiles) -> str:
    """Name the file that a change is, or would be, in."""
    places = {
        "capabilities": files.capabilities,
        "resource_servers": files.resource_servers,
        "settings": files.capabilities,
        "schema": files.schema,
        "policies": files.policies / change.name,
        "tests": files.policies / "tests.yaml",
    }
    return str(places.get(change.section, files.agents))
