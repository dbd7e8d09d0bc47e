"""What was published, and how the signing keys stand: for operators of everything only.

A revision names every tenant (I16), and brokers are named by their machines: nobody who answers for
some tenants only is shown either.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from broker.errors import AccessDeniedError, NotFoundError
from broker.governance.document import BundleDocument
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.store.control import ControlStore
from broker.store.control_record import ControlRecord, Publication
from broker.store.replicas import Replica, Replicas
from broker.store.shadow_ledger import ShadowCounts, ShadowLedger, ShadowRecord


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision: who published it, when and why, and what it says."""

    published: Publication
    document: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class KeyStates:
    """The signing keys as they are published, and what each broker serves."""

    record: ControlRecord
    replicas: tuple[Replica, ...]


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """A candidate that decides beside what is published, and how its answers were counted."""

    record: ShadowRecord
    counts: ShadowCounts


class Revisions:
    """Shows what is in force, what was before, and what might be."""

    def __init__(self, control: ControlStore, replicas: Replicas, shadow: ShadowLedger) -> None:
        self._control = control
        self._replicas = replicas
        self._shadow = shadow

    async def all(self, caller: Principal) -> list[Publication]:
        """Return the kept revisions, newest first.

        Raises:
            AccessDeniedError: the caller does not answer for every tenant.
        """
        _require_all(caller)
        return await self._control.history.all()

    async def find(self, caller: Principal, revision: int) -> Revision:
        """Return one revision.

        Raises:
            AccessDeniedError: the caller does not answer for every tenant.
            NotFoundError: it is not kept, or cannot be read any more.
        """
        _require_all(caller)
        published = await self._control.history.find(revision)
        return Revision(published, _document(await self._control.history.text(revision)))

    async def keys(self, caller: Principal) -> KeyStates:
        """Return how the signing keys stand.

        Raises:
            AccessDeniedError: the caller does not answer for every tenant.
            NotFoundError: no key was ever published.
        """
        _require_all(caller)
        record = await self._control.read()
        if record is None:
            raise NotFoundError("no key was ever published")
        return KeyStates(record, tuple(await self._replicas.all(record.now_ms)))

    async def shadow(self, caller: Principal) -> ShadowReport:
        """Return what a candidate beside the published policies would have decided otherwise.

        Raises:
            AccessDeniedError: the caller does not answer for every tenant.
            NotFoundError: no candidate ever decided.
        """
        _require_all(caller)
        return await shadow_report(self._shadow)


async def shadow_report(shadow: ShadowLedger) -> ShadowReport:
    """Return what the candidate that was started last came to.

    Raises:
        NotFoundError: none ever was.
    """
    record = await shadow.record()
    if record is None:
        raise NotFoundError("no candidate ever decided")
    return ShadowReport(record, await shadow.counts())


def _require_all(caller: Principal) -> None:
    if caller.kind is not Kind.OPERATOR or ALL_TENANTS not in caller.tenants:
        raise AccessDeniedError("operators-of-all-tenants-only")


def _document(text: str) -> Mapping[str, object]:
    try:
        document = msgspec.json.decode(text, type=BundleDocument)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotFoundError("what it said cannot be read any more") from error
    plain: Mapping[str, object] = msgspec.to_builtins(document)
    return plain
