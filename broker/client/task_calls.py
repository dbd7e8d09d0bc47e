"""The routes of tasks. What they raise: :mod:`broker.client.api_errors`, ``.errors``."""

from collections.abc import AsyncIterator, Sequence

import msgspec

from broker.client import route
from broker.client.following import DEFAULT_FOLLOWING, Following
from broker.client.levels import Level
from broker.client.paging import items
from broker.client.reaching import WITHIN_SECONDS, Reaching, Reading, Told, tell_nobody
from broker.client.report_pages import pages_of_task
from broker.client.results import Ceiling, OpenedTask, Receipt, Report, Task, TaskPage
from broker.client.transport import Call, Transport, ensure_about, ensure_id
from broker.client.tree_results import Branch, TaskTree
from broker.client.use_results import SaidUses, SayUse
from broker.ids import parse_task_id
from broker.secret import Secret


class TaskCalls:
    """Open, find and end tasks."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def open(  # noqa: PLR0913  one keyword per member of the documented body
        self,
        *,
        name: str,
        agent: str,
        tenant: str,
        ceiling: Sequence[Ceiling],
        ttl_seconds: int,
        idle_timeout_seconds: int | None = None,
        opener_timeout_seconds: int | None = None,
        instance: str = "",
        on_behalf_of: str = "",
        tickets: Sequence[str] = (),
        resources: Sequence[str] = (),
        parent: str = "",
        audiences: Sequence[str] = (),
        max_levels: int | None = None,
        max_children: int | None = None,
        max_below: int | None = None,
        idempotency_key: str = "",
    ) -> OpenedTask:
        """Open a named task. Without an instance the answer has the handle to claim it by."""
        members = route.body(
            name=name,
            agent=agent,
            tenant=tenant,
            ceiling=[_asked(line) for line in ceiling],
            ttl_seconds=ttl_seconds,
            idle_timeout_seconds=idle_timeout_seconds,
            opener_timeout_seconds=opener_timeout_seconds,
            instance=instance,
            on_behalf_of=on_behalf_of,
            tickets=list(tickets),
            resources=list(resources),
            parent=parent,
            audiences=list(audiences) or None,
            max_levels=max_levels,
            max_children=max_children,
            max_below=max_below,
        )
        key = idempotency_key or route.new_idempotency_key()
        call = Call("POST", ("v1", "tasks"), json=members, idempotency_key=key)
        return ensure_id(await self._transport.fetch(call, OpenedTask), parse_task_id)

    async def find(
        self,
        *,
        tenant: str = "",
        agent: str = "",
        state: str = "",
        cursor: str = "",
        limit: int | None = None,
    ) -> TaskPage:
        """List one page of the tasks that the caller may see."""
        params = route.query(tenant=tenant, agent=agent, state=state) | route.page(cursor, limit)
        return await self._transport.fetch(Call("GET", ("v1", "tasks"), params=params), TaskPage)

    async def show(self, task: str) -> Task:
        """Return a task."""
        return await self._about(task, Call("GET", route.task_path(task)))

    async def tree(self, task: str, *, cursor: str = "", limit: int | None = None) -> TaskTree:
        """Return one page of a task and everything below it, each task after its parent."""
        call = Call("GET", route.task_path(task, "tree"), params=route.page(cursor, limit))
        return await self._transport.fetch(call, TaskTree)

    async def branches(self, task: str, *, at_most: int | None = None) -> AsyncIterator[Branch]:
        """Yield a task and everything below it, page by page: all, or so many at most."""

        async def page(cursor: str) -> TaskTree:
            return await self.tree(task, cursor=cursor)

        async for branch in items(page, lambda found: found.tasks, at_most=at_most):
            yield branch

    async def claim(self, task: str, handle: Secret) -> Task:
        """Bind the calling instance to a task, by the handle that its opener was given."""
        call = Call("POST", route.task_path(task, "claim"), json={"handle": handle.reveal()})
        return await self._about(task, call)

    async def heartbeat(self, task: str) -> Task:
        """Say that the caller is alive."""
        return await self._about(task, Call("POST", route.task_path(task, "heartbeat")))

    async def say_uses(
        self,
        task: str,
        uses: Sequence[SayUse],
        *,
        untold: int = 0,
        idempotency_key: str = "",
    ) -> Task:
        """Say how the task's credentials were used; it counts as a heartbeat.

        A repeat under the same key counts once. ``untold`` is how many exchanges more there were.
        At most 32 rows at a time, and 20 batches in a minute.
        """
        key = idempotency_key or route.new_idempotency_key()
        members = {"uses": msgspec.to_builtins(uses), "untold": untold}
        path = route.task_path(task, "uses")
        return await self._about(task, Call("POST", path, json=members, idempotency_key=key))

    async def uses(self, task: str) -> SaidUses:
        """Return what was said of the uses of a task's credentials."""
        found = await self._transport.fetch(Call("GET", route.task_path(task, "uses")), SaidUses)
        ensure_about(task, found.task)
        return found

    async def extend(self, task: str, *, ttl_seconds: int, idempotency_key: str = "") -> Task:
        """Move the deadline to so long from now, if policy and the ceilings agree.

        A repeat under the same key moves nothing: it is counted from the first time.
        """
        key = idempotency_key or route.new_idempotency_key()
        members, path = {"ttl_seconds": ttl_seconds}, route.task_path(task, "extend")
        return await self._about(task, Call("POST", path, json=members, idempotency_key=key))

    async def complete(
        self,
        task: str,
        *,
        reason: str = "",
        wait: str = "",
        within_seconds: float = WITHIN_SECONDS,
    ) -> Report:
        """End a task well; all its credentials die. Returns the report's first page.

        With ``wait`` it returns all of it, once that has come so far (:meth:`reach`).
        """
        return await self._end(task, "complete", reason, wait, within_seconds)

    async def fail(
        self,
        task: str,
        *,
        reason: str = "",
        wait: str = "",
        within_seconds: float = WITHIN_SECONDS,
    ) -> Report:
        """End a task badly; otherwise as :meth:`complete`."""
        return await self._end(task, "fail", reason, wait, within_seconds)

    async def cancel(
        self,
        task: str,
        *,
        reason: str = "",
        wait: str = "",
        within_seconds: float = WITHIN_SECONDS,
    ) -> Report:
        """Stop a task of others; otherwise as :meth:`complete`."""
        return await self._end(task, "cancel", reason, wait, within_seconds)

    async def freeze(
        self,
        task: str,
        *,
        reason: str,
        wait: str = "",
        within_seconds: float = WITHIN_SECONDS,
    ) -> Report:
        """Kill what a task and all below it has, and give it nothing until it is thawed.

        Returns the report's first page; with ``wait`` as :meth:`complete`.
        """
        return await self._end(task, "freeze", reason, wait, within_seconds)

    async def thaw(self, task: str, *, reason: str) -> Task:
        """Let a frozen task ask anew; what the freeze has killed stays dead. For operators."""
        path = route.task_path(task, "thaw")
        return await self._about(task, Call("POST", path, json=route.body(reason=reason)))

    async def reach(
        self,
        task: str,
        level: str = Level.CONFIRMED,
        *,
        within_seconds: float = WITHIN_SECONDS,
        told: Told = tell_nobody,
        reading: Reading = tell_nobody,
    ) -> Report:
        """Follow the report of a task's end until every credential has come so far; return it all.

        Args:
            task: the task; everything below it counts.
            level: ``ledger`` (dead for the broker), ``accepted`` (its target has the order) or
                ``confirmed`` (its target refuses it). What has expired has come everywhere.
            within_seconds: how long to wait.
            told: is told each time how many of how many have come so far.
            reading: is told how many receipts have been read, of how many where that is known.

        Raises:
            NotReachedError: the time is up, or the rest dies only of age; it has the report.
            ValueError: there is no such level.
        """
        wanted = Level(level)
        following = Reaching(
            pages_of_task(self._transport, task), wanted, told=told, reading=reading
        )
        return (await following.follow(within_seconds)).require(wanted)

    async def report(
        self,
        task: str,
        *,
        state: str = "",
        capability: str = "",
        kind: str = "",
        cursor: str = "",
        limit: int | None = None,
    ) -> Report:
        """Return one page of a task's receipts: all, or those of a state, capability, kind."""
        params = route.query(state=state, capability=capability, kind=kind)
        params |= route.page(cursor, limit)
        return await self._report(task, Call("GET", route.task_path(task, "report"), params=params))

    async def receipts(
        self,
        task: str,
        *,
        state: str = "",
        capability: str = "",
        kind: str = "",
        at_most: int | None = None,
    ) -> AsyncIterator[Receipt]:
        """Yield the receipts of a task's end, page by page: all of them, or so many at most.

        Of all states, capabilities and kinds, or of those that are named.
        """

        async def page(cursor: str) -> Report:
            return await self.report(
                task, state=state, capability=capability, kind=kind, cursor=cursor
            )

        async for receipt in items(page, lambda report: report.receipts, at_most=at_most):
            yield receipt

    async def all(
        self, *, tenant: str = "", agent: str = "", state: str = "", at_most: int | None = None
    ) -> AsyncIterator[Task]:
        """Yield the tasks that the caller may see, page by page: all, or so many at most."""

        async def page(cursor: str) -> TaskPage:
            return await self.find(tenant=tenant, agent=agent, state=state, cursor=cursor)

        async for task in items(page, lambda found: found.tasks, at_most=at_most):
            yield task

    async def wait(
        self, task: str, *, within_seconds: float = 30.0, following: Following = DEFAULT_FOLLOWING
    ) -> tuple[Receipt, ...]:
        """Follow the report of a task's end until every credential is accounted for.

        Returns all receipts, none of which will change any more.

        Raises:
            FollowedTooLongError: some are still on their way; ``receipts`` has them all.
        """
        return await following.settled(lambda: self.receipts(task), within_seconds)

    async def _about(self, task: str, call: Call) -> Task:
        found = await self._transport.fetch(call, Task)
        ensure_about(task, found.id)
        return found

    async def _report(self, task: str, call: Call) -> Report:
        report = await self._transport.fetch(call, Report)
        ensure_about(task, report.task.id if report.task else "")
        return report

    async def _end(
        self, task: str, verb: str, reason: str, wait: str, within_seconds: float
    ) -> Report:
        level = Level(wait) if wait else None  # before anything is ended
        call = Call("POST", route.task_path(task, verb), json=route.body(reason=reason))
        first = await self._report(task, call)
        if level is None:
            return first
        return await self.reach(task, level, within_seconds=within_seconds)


def _asked(line: Ceiling) -> dict[str, object]:
    """Write a line; without scopes it asks for the only one that the agent may have."""
    scopes = {"scopes": list(line.scopes)} if line.scopes else {}
    return {"capability": line.capability, **scopes}
