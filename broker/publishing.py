"""Publishing: files, or an earlier revision, become what every broker runs.

Files are input: they are validated and self-tested here, and so is what is gone back to.
"""

import msgspec

from broker.clock import SystemClock
from broker.engines.chosen import ChosenEngine
from broker.errors import ConfigurationError, NotFoundError, UnavailableError
from broker.facts_copy import FactsCopy
from broker.foresight import Outlook, outlook
from broker.governance.bundle import Bundle
from broker.governance.difference import Change, difference
from broker.governance.document import BundleDocument
from broker.governance.published import Published
from broker.installation import Installation
from broker.preview import Preview
from broker.store.control_record import ControlRecord, Publication


class Publishing:
    """Publishes revisions, and looks at those that are kept. ``by`` is who does it."""

    def __init__(self, installation: Installation, *, by: str) -> None:
        self._installation = installation
        self._control = installation.ledger.control
        self._facts = installation.ledger.facts
        self._by = by

    async def standing(self) -> ControlRecord:
        """Return what stands.

        Raises:
            ConfigurationError: the ledger was made with other settings.
            StoreUnavailableError: it does not answer.
        """
        return await self._control.create()

    async def publish(
        self,
        bundle: Bundle,
        *,
        reason: str = "",
        base: int | None = None,
        rollback_of: int = 0,
        accepts: bool = False,
    ) -> ControlRecord:
        """Publish a bundle as the next revision; what stands already is not published again.

        ``base`` is the revision that it was made from; ``accepts`` a ledger that went back.

        Raises:
            SupersededError: another one was published meanwhile.
            StoreUnavailableError: the ledger does not answer; nothing was published.
        """
        if accepts:
            await self._restart_facts(reason)
        longest_s = max((each.max_ttl_seconds for each in bundle.document.capabilities), default=0)
        return await self._control.publish(
            bundle.to_bytes().decode(),
            bundle.digest,
            self._by,
            reason=reason,
            rollback_of=rollback_of,
            longest_ms=longest_s * 1000,
            base=base,
            accepts=accepts,
        )

    async def _restart_facts(self, reason: str) -> None:
        """Let the numbers of the facts go on beyond all that was seen, as the revisions' do."""
        if (await self.standing()).suspicion is not None:
            await self._facts.restart(self._by, reason or "the ledger was restored")

    async def go_back(self, revision: int = 0, *, reason: str = "") -> ControlRecord:
        """Publish what an earlier revision said, as a new one; 0 is the one before.

        Raises:
            NotFoundError: it is not kept.
            ConfigurationError: it does not pass the checks of this version.
            SupersededError: another one was published meanwhile.
        """
        base = (await self.standing()).revision
        target = await self.earlier(revision)
        bundle = await self.kept(target)
        return await self.publish(bundle, reason=reason, base=base, rollback_of=target)

    async def kept(self, revision: int) -> Bundle:
        """Return what a revision said, checked as if it were new.

        Raises:
            NotFoundError: it is not kept.
            ConfigurationError: it does not pass the checks of this version.
        """
        entry = await self.entry(revision)
        bundle = Bundle.from_bytes((await self._control.bundle(revision)).encode())
        if bundle.digest != entry.digest:
            raise ConfigurationError(f"revision {revision} is not what was published any more")
        return bundle

    async def earlier(self, revision: int = 0) -> int:
        """Return the revision to go back to; 0 is the newest that says something else.

        Raises:
            NotFoundError: there is none.
        """
        if revision:
            return (await self.entry(revision)).revision
        record = await self.standing()
        for entry in await self.history():
            if entry.revision < record.revision and entry.digest != record.digest:
                return entry.revision
        raise NotFoundError("there is no earlier revision: see `broker revisions list`")

    async def compare(self, bundle: Bundle) -> tuple[Change, ...]:
        """Return what would change if the bundle were published: its drift, if it should not.

        What stands may be damaged: then everything is new. Nothing is written.

        Raises:
            ConfigurationError: the ledger was made with other settings.
            StoreUnavailableError: it does not answer.
        """
        await self._control.require_fit()
        record = await self._control.read()
        if record is None:
            return difference(None, bundle.document)
        if record.digest == bundle.digest:
            return ()
        try:
            before = await self.document(record.revision) if record.revision else None
        except (ConfigurationError, NotFoundError):
            before = None
        return difference(before, bundle.document)

    async def foresee(self, bundle: Bundle) -> Outlook:
        """Return which live credentials would no longer be granted if the bundle were published.

        It is asked by the facts that stand. Where that cannot be looked at, it is told, and holds
        nothing up: a bundle is also how what is broken is mended.

        Raises:
            ConfigurationError: the bundle makes no engine.
        """
        settings, ledger = self._installation.settings, self._installation.ledger
        clock = SystemClock()
        engine = ChosenEngine(settings.policy, clock)
        candidate = Published.of(
            bundle, revision=0, quotas=settings.quotas, clock=clock, deciding=engine.decider
        )
        copy = FactsCopy(ledger.facts, ledger.snapshots)
        try:
            await copy.follow()
            found = await Preview.over(ledger).foresee(candidate.with_facts(copy.facts))
        except UnavailableError:
            return Outlook(is_complete=False)
        finally:
            await engine.close()
        return outlook(found, bundle.digest)

    async def history(self) -> list[Publication]:
        """Return the kept revisions, newest first."""
        return await self._control.history.all()

    async def entry(self, revision: int) -> Publication:
        """Return who published a revision, when and why.

        Raises:
            NotFoundError: it is not kept.
        """
        return await self._control.history.find(revision)

    async def document(self, revision: int) -> BundleDocument:
        """Return what a revision said, whatever it is worth now.

        Raises:
            NotFoundError: it is not kept.
            ConfigurationError: it is no bundle.
        """
        text = await self._control.history.text(revision)
        if not text:
            raise NotFoundError(f"no revision {revision} is kept: see `broker revisions list`")
        try:
            return msgspec.json.decode(text, type=BundleDocument)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ConfigurationError(f"revision {revision} is no bundle: {error}") from error
