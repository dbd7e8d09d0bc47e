"""What operators do to the signing keys: make the first, rotate, and take a stolen one away.

The private half is a file, written here; everything else is a change of the control record.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from broker.errors import KeysPublishedError, NotFoundError, NotYetError
from broker.installation import Installation
from broker.rotation_plan import (
    Obstacle,
    Step,
    announced,
    due_step,
    gone,
    is_possible,
    obstacles,
    promoted,
    without,
)
from broker.signing.key_files import generate, has_keys
from broker.store.control_record import ControlRecord, KeyChange, PublicKey
from broker.store.feed_log import FeedLog
from broker.store.replicas import Replica

POLL_S: Final = 0.25
"""Between two looks while a step waits."""

Waiting = Callable[[Sequence[Obstacle]], None]


@dataclass(frozen=True, slots=True)
class KeyView:
    """The keys as they are published, and who serves them."""

    record: ControlRecord
    replicas: tuple[Replica, ...]

    @property
    def living(self) -> list[Replica]:
        """The brokers that have been heard of lately."""
        return [replica for replica in self.replicas if replica.is_living]


class Rotation:
    """Changes the manifest. ``by`` is who does it."""

    def __init__(self, installation: Installation, *, by: str, alg: str = "ES256") -> None:
        self._installation = installation
        self._control = installation.ledger.control
        self._directory = installation.settings.keys.directory
        self._overlap_ms = installation.settings.keys.overlap_seconds * 1000
        self._by = by
        self._alg = alg

    async def view(self) -> KeyView:
        """Look at the keys.

        Raises:
            NotFoundError: no key was ever published.
        """
        record = await self._control.create()
        if not record.keys:
            raise NotFoundError("no signing key is published: run `broker keys init`")
        replicas = await self._installation.ledger.replicas.all(record.now_ms)
        return KeyView(record, tuple(replicas))

    async def init(self) -> ControlRecord:
        """Make the first signing key and publish its public half as the active one.

        With no key in the directory this is a new installation, and its feed knows that nobody
        listens yet (``docs/adr/0011``).

        Raises:
            KeysPublishedError: rotate them instead.
        """
        record = await self._control.create()
        if record.keys:
            raise KeysPublishedError
        if not has_keys(self._directory):
            namespace = self._installation.settings.store.namespace
            await FeedLog(self._installation.link, namespace).found()
        made = replace(self._make(), state="active", since_ms=record.now_ms)
        longest_ms = record.published.longest_ms if record.published else 0
        change = KeyChange("init", made.kid, self._by)
        return await self._control.put_keys(record, (replace(made, longest_ms=longest_ms),), change)

    async def following(self) -> tuple[Step, list[Obstacle]]:
        """Return the step that comes next, and what keeps it from being taken now."""
        step = due_step((await self.view()).record)
        return step, await self.obstacles(step)

    async def obstacles(self, step: Step) -> list[Obstacle]:
        """Return what keeps a step from being taken now."""
        view = await self.view()
        return obstacles(step, view.record, view.replicas, self._overlap_ms)

    async def rotate(
        self, step: Step | None = None, *, is_forced: bool = False, waiting: Waiting | None = None
    ) -> ControlRecord:
        """Take one step: the one that comes next, if none is named.

        With ``waiting`` it waits until it may, and calls it with what it waits for.

        Raises:
            NotFoundError: there is no key for this step.
            NotYetError: something is in the way, and nobody waits or forces it.
        """
        view = await self.view()
        chosen = due_step(view.record) if step is None else step
        if not is_possible(chosen, view.record):
            raise NotFoundError(f"no step {chosen} now: see `broker keys list`")
        while not is_forced and (found := await self.obstacles(chosen)):
            if waiting is None:
                raise NotYetError("\n".join(each.what for each in found))
            waiting(found)
            await asyncio.sleep(POLL_S)
        return await self._take(chosen, (await self.view()).record)

    async def _take(self, step: Step, record: ControlRecord) -> ControlRecord:
        if step is Step.ANNOUNCE:
            made = self._make()
            change = KeyChange(step, made.kid, self._by)
            return await self._control.put_keys(record, announced(record, made), change)
        key = record.key("next" if step is Step.PROMOTE else "retiring")
        if key is None:
            raise NotFoundError(f"no step {step} any more: see `broker keys list`")
        change = KeyChange(step, key.kid, self._by)
        if step is Step.PROMOTE:
            return await self._control.put_keys(record, promoted(record), change)
        left = gone(record, key.kid, "retired", self._by)
        return await self._control.put_keys(record, without(record, key.kid), change, [left])

    def _make(self) -> PublicKey:
        return made_key(self._directory, self._alg)

    async def require(self, kid: str) -> tuple[ControlRecord, PublicKey]:
        """Return the record and one of its keys.

        Raises:
            NotFoundError: no such key is published.
        """
        record = (await self.view()).record
        for key in record.keys:
            if key.kid == kid:
                return record, key
        raise NotFoundError(f"no key {kid} is published: see `broker keys list`")

    async def replace_stolen(self, kid: str, reason: str) -> ControlRecord:
        """Publish a key no more, at once; of the active one the next takes the place, or a new one.

        Raises:
            NotFoundError: no such key is published.
        """
        record, stolen = await self.require(kid)
        if stolen.state == "active":
            if record.key("next") is None:
                record = replace(record, keys=announced(record, self._make()))
            record = replace(record, keys=promoted(record))
        change = KeyChange("revoke", kid, self._by, reason)
        left = gone(record, kid, "revoked", self._by, reason)
        return await self._control.put_keys(record, without(record, kid), change, [left])


def made_key(directory: Path, alg: str) -> PublicKey:
    """Make a key pair: the private half becomes a file, the public one is returned.

    Raises:
        ConfigurationError, OSError: the directory is not fit, or cannot be written.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    key = generate(directory, alg)
    return PublicKey(key.kid, key.alg, "next", dict(key.jwk))
