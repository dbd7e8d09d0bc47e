"""Following jobs: what ended, and what is gone, is told once for each job.

- A list is what there is; what was known and is not in it is gone. A watch goes on where the last
  one ended. What is too old begins with a new list.
- The same event twice, and a list that says again what a watch has said, tell nothing new.
- A job that is gone before it ended was cancelled: so is one whose label was taken away, because
  the API server says the same of both.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from broker.client.backoff import Backoff
from broker.watching.api_server import ApiServer, ApiServerError, Event, TooOldError
from broker.watching.jobs import Item, Kind, Outcome, Work, work_of
from broker.watching.telling import Say


class Tells(Protocol):
    """Ends tasks: :class:`broker.watching.telling.Telling`."""

    def tell(self, work: Work, outcome: Outcome) -> None:
        """Have the task of a job ended so."""
        ...


class Following:
    """Follows one kind of job in one namespace."""

    def __init__(
        self,
        server: ApiServer,
        kind: Kind,
        *,
        tells: Tells,
        say: Say,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self._server = server
        self._kind = kind
        self._tells = tells
        self._say = say
        self._backoff = backoff()
        self._version = ""
        self._known: dict[str, Work] = {}

    async def run(self) -> None:
        """Follow until cancelled, whatever the API server does."""
        while True:
            try:
                await self._step()
            except TooOldError as error:
                self._version = ""
                self._say("listing-again", why=str(error))
            except ApiServerError as error:
                self._say("api-server-failed", why=str(error))
            else:
                continue
            await asyncio.sleep(self._backoff.next_seconds())

    async def _step(self) -> None:
        if not self._version:
            items, version = await self._server.list()
            self._listed(items)
            self._version = version
            self._say("following", jobs=len(self._known))
        is_told = False
        async for event in self._server.watch(self._version):
            self._happened(event)
            self._backoff.reset()
            is_told = True
        if not is_told:  # a server that ends every watch at once is not asked all the time
            await asyncio.sleep(self._backoff.next_seconds())

    def _listed(self, items: list[Item]) -> None:
        found = {item.metadata.uid for item in items}
        for uid in self._known.keys() - found:
            self._gone(uid)
        for item in items:
            self._seen(item)

    def _happened(self, event: Event) -> None:
        if event.type in ("ADDED", "MODIFIED", "DELETED"):
            self._seen(event.item)
        if event.type == "DELETED":
            self._gone(event.item.metadata.uid)
        self._version = event.item.metadata.resource_version or self._version

    def _seen(self, item: Item) -> None:
        work = work_of(self._kind, item)
        before = self._known.get(work.uid)
        if before is not None and before.task != work.task:
            self._gone(work.uid)  # the label names another task now: the former has nobody
            before = None
        self._known[work.uid] = work
        if work.outcome and (before is None or before.outcome is None):
            self._tells.tell(work, work.outcome)

    def _gone(self, uid: str) -> None:
        work = self._known.pop(uid, None)
        if work is not None and work.outcome is None:
            self._tells.tell(work, "cancel")
