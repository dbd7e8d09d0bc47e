"""Reading the facts log: what there is, what follows, and who changed what."""

from broker.errors import NotFoundError, UnreadableRecordError
from broker.store import codec, scripts
from broker.store.facts_entry import START, FactsEntry, FactsNote, Position, digest_of, parts_of
from broker.store.facts_rows import BehindError, Head, head_of, note_of, row_of
from broker.store.keyspace import Keyspace
from broker.store.link import Link, Reply

_PAGE = 50


class FactsReader:
    """Reads the log of one ledger."""

    def __init__(self, link: Link, keys: Keyspace) -> None:
        self._link = link
        self._keys = keys.facts

    async def head(self) -> Head:
        """Return where the log ends.

        Raises:
            UnreadableRecordError: its head is none of ours.
            StoreUnavailableError: it cannot be reached.
        """
        flat = await self._link.read("HGETALL", self._keys.head)
        return head_of(flat)

    async def after(self, base: Position, limit: int = _PAGE) -> tuple[Head, list[FactsEntry]]:
        """Return where the log ends, and the next revisions after one; none at the end.

        Raises:
            UnreadableRecordError: they do not follow from it: the log went back, lacks what comes
                next, or was written into.
            StoreUnavailableError: it cannot be reached.
        """
        keys = [self._keys.head, self._keys.log]
        flat, rows = await self._link.run(scripts.FACTS_VIEW, keys, [base.revision, limit])
        found: list[FactsEntry] = []
        for row in rows:
            found.append(await self._entry(row, base))
            base = found[-1].position
        head = head_of(flat)
        if len(found) < limit and head.end != base:
            raise UnreadableRecordError(
                f"the facts log ends at revision {head.revision}, and does not lead there "
                f"from {base.revision}"
            )
        return head, found

    async def since(self, revision: int, limit: int = _PAGE) -> list[FactsEntry]:
        """Return the next revisions after one that the log still has, or 0.

        Raises:
            NotFoundError: it no longer has it, or what came next.
            UnreadableRecordError: what follows was written into.
        """
        base = START if revision == 0 else Position(revision, (await self.note(revision)).digest)
        _, found = await self.after(base, limit)
        return found

    async def _entry(self, row: Reply, base: Position) -> FactsEntry:
        note, fields = row_of(row)
        if note.prev > base.revision:
            raise BehindError(f"the facts log no longer has what came after {base.revision}")
        text = fields["text"]
        with codec.reading("a revision of the facts"):
            pieces = int(fields["pieces"])
        if pieces:
            text = await self._body(fields["body"], pieces)
        if digest_of(base, note.revision, fields["said"], text) != note.digest:
            raise UnreadableRecordError(
                f"revision {note.revision} of the facts does not follow from {base.revision}"
            )
        return FactsEntry(note, parts_of(text), restarts=fields["restarts"] == "1")

    async def _body(self, name: str, pieces: int) -> str:
        key = self._keys.body(name)
        texts = [await self._link.read("HGET", key, str(number)) for number in range(pieces)]
        return "".join(text or "" for text in texts)

    async def has_left(self, position: Position) -> bool:
        """Tell whether the log was at a position once, and holds another history now.

        Raises:
            UnreadableRecordError: what it holds there is none of ours.
        """
        head = await self.head()
        if head.restarted > position.revision:
            return False
        if head.revision < position.revision:
            return True
        try:
            return (await self.note(position.revision)).digest != position.digest
        except NotFoundError:
            return False  # dropped, or nothing yet

    async def history(self, *, before: int = 0, limit: int = 20) -> list[FactsNote]:
        """Return who changed facts, when and why, newest first; ``before`` 0 begins at the end.

        Raises:
            UnreadableRecordError: an entry is none of ours.
        """
        if before == 1:
            return []
        start = f"{before - 1}-0" if before else "+"
        rows = await self._link.run(scripts.FACTS_HISTORY, [self._keys.log], [start, limit])
        return [note_of(*row) for row in rows]

    async def note(self, revision: int) -> FactsNote:
        """Return who made a revision, when and why.

        Raises:
            NotFoundError: the log no longer has it, or never had.
        """
        found = await self.history(before=revision + 1, limit=1) if revision > 0 else []
        if not found or found[0].revision != revision:
            raise NotFoundError(f"no revision {revision} of the facts is kept")
        return found[0]

    async def entry(self, revision: int) -> FactsEntry:
        """Return a revision with its changes.

        Raises:
            NotFoundError: the log no longer has it, or the one before, or never had.
            UnreadableRecordError: its changes are no longer kept, or were written into.
        """
        note = await self.note(revision)
        base = await self.note(note.prev) if note.prev else None
        end = Position(note.prev, base.digest) if base else START
        _, found = await self.after(end, 1)
        return found[0]
