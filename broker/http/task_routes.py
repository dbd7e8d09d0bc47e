"""Tasks, and the reports of their ends."""

from aiohttp import web

from broker import ids, text
from broker.http import filters, parse, query, render, render_trees, wire
from broker.http.bodies import Bodies
from broker.http.emergencies import Emergencies
from broker.http.keys import PRINCIPAL, QUERY
from broker.http.mutations import Handler
from broker.http.reported import reported
from broker.http.services import Services
from broker.http.table import Table
from broker.http.waiting import PARAMETER, Waiters
from broker.model.task import TaskState


class TaskRoutes:
    """``/v1/tasks…`` but for the credentials."""

    def __init__(self, services: Services, bodies: Bodies, waiters: Waiters) -> None:
        self._waiters = waiters
        self._services = services
        self._tasks = services.tasks
        self._freezing = services.freezing
        self._bodies = bodies
        self._emergencies = Emergencies(services.glass.desk)

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.change("/v1/tasks", self.open)
        table.read("/v1/tasks", self.find, *filters.TASKS, *query.PAGE)
        table.read("/v1/tasks/{task}", self.show, PARAMETER)
        table.read("/v1/tasks/{task}/tree", self.tree, *query.PAGE)
        narrowing = (*filters.RECEIPTS, *query.PAGE, PARAMETER)
        table.read("/v1/tasks/{task}/report", self.report, *narrowing)
        table.change("/v1/tasks/{task}/claim", self.claim)
        table.change("/v1/tasks/{task}/heartbeat", self.heartbeat)
        table.change("/v1/tasks/{task}/extend", self.extend)
        table.change("/v1/tasks/{task}/complete", self._closing(TaskState.COMPLETED))
        table.change("/v1/tasks/{task}/fail", self._closing(TaskState.FAILED))
        table.change("/v1/tasks/{task}/cancel", self._closing(TaskState.CANCELLED))
        table.change("/v1/tasks/{task}/freeze", self.freeze)
        table.change("/v1/tasks/{task}/thaw", self.thaw)

    async def open(self, request: web.Request) -> web.Response:
        """Open a task."""
        key = parse.idempotency_key(request.headers.get("Idempotency-Key"))
        body = await self._bodies.json(request, wire.OpenTaskBody)
        order = parse.open_task(body, self._services.limits)
        opened = await self._tasks.open(request[PRINCIPAL], order, key)
        location = {"Location": f"/v1/tasks/{opened.task.spec.id}"}
        status = 201 if opened.is_new else 200
        return render.reply(render.opened(opened), status=status, headers=location)

    async def find(self, request: web.Request) -> web.Response:
        """List tasks."""
        window, which = query.window(request), filters.tasks(request[QUERY])
        page = await self._services.listing.find(
            request[PRINCIPAL], which, window.cursor, window.limit
        )
        following = render.next_link("/v1/tasks", page.cursor, window)
        mark = await self._emergencies.of_tasks()
        shown = [render.task(each) | mark(each.spec.id) for each in page.tasks]
        return render.reply(render.listing("tasks", shown, following))

    async def show(self, request: web.Request) -> web.Response:
        """Show a task."""
        task, caller = _id(request), request[PRINCIPAL]

        async def look() -> render.Json:
            found = render.task(await self._tasks.show(caller, task))
            return found | await self._emergencies.of_task(task)

        return await self._waiters.answer(request, look)

    async def tree(self, request: web.Request) -> web.Response:
        """Show one page of the tree from a task down."""
        task, window = _id(request), query.window(request)
        trees = self._services.trees
        page = await trees.of_task(request[PRINCIPAL], task, window.cursor, window.limit)
        following = render.next_link(f"/v1/tasks/{task}/tree", page.cursor, window)
        branches = [render_trees.branch(each) for each in page.branches]
        return render.reply(render.listing("tasks", branches, following))

    async def claim(self, request: web.Request) -> web.Response:
        """Bind the caller's instance to a task."""
        task = _id(request)
        body = await self._bodies.json(request, wire.ClaimBody)
        claimed = await self._tasks.claim(request[PRINCIPAL], task, parse.handle(body.handle))
        return render.reply(render.task(claimed))

    async def heartbeat(self, request: web.Request) -> web.Response:
        """Take note that the caller is alive."""
        task = _id(request)
        await self._bodies.json_or_nothing(request, wire.EmptyBody)
        return render.reply(render.task(await self._tasks.heartbeat(request[PRINCIPAL], task)))

    async def extend(self, request: web.Request) -> web.Response:
        """Move the deadline."""
        task = _id(request)
        key = parse.idempotency_key(request.headers.get("Idempotency-Key"))
        body = await self._bodies.json(request, wire.ExtendBody)
        order = parse.extend_task(body, self._services.limits)
        extended = await self._tasks.extend(request[PRINCIPAL], task, order, key)
        return render.reply(render.task(extended))

    async def report(self, request: web.Request) -> web.Response:
        """Show one page of a task's report."""
        task, caller = _id(request), request[PRINCIPAL]
        window, which = query.window(request), filters.receipts(request[QUERY])
        durability = self._services.durability

        async def look() -> render.Json:
            shown = await self._tasks.show(caller, task)
            page = await self._services.reports.of_task(
                caller, task, window.cursor, window.limit, which
            )
            return render.task_report(shown, page, window, durability)

        return await self._waiters.answer(request, look)

    async def freeze(self, request: web.Request) -> web.Response:
        """Kill what a task has, and give it nothing until it is thawed."""
        task, caller = _id(request), request[PRINCIPAL]
        body = await self._bodies.json(request, wire.FreezeBody)
        frozen = await self._freezing.order(caller, task, text.parse_reason(body.reason))
        return await reported(self._services, caller, frozen)

    async def thaw(self, request: web.Request) -> web.Response:
        """Let a frozen task ask anew."""
        task, caller = _id(request), request[PRINCIPAL]
        body = await self._bodies.json(request, wire.FreezeBody)
        thawed = await self._freezing.thaw(caller, task, text.parse_reason(body.reason))
        return render.reply(render.task(thawed))

    def _closing(self, outcome: TaskState) -> Handler:
        async def close(request: web.Request) -> web.Response:
            task, caller = _id(request), request[PRINCIPAL]
            body = await self._bodies.json_or_nothing(request, wire.CloseBody)
            reason = parse.reason_or_nothing(body.reason)
            closed = await self._tasks.close(caller, task, outcome, reason)
            return await reported(self._services, caller, closed)

        return close


def _id(request: web.Request) -> ids.TaskId:
    return ids.parse_task_id(request.match_info["task"])
