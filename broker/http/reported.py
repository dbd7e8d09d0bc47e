"""The answer to whatever ends or freezes a task: the first page of its report."""

from aiohttp import web

from broker.http import query, render
from broker.http.services import Services
from broker.model.principal import Principal
from broker.model.task import Task


async def reported(services: Services, caller: Principal, task: Task) -> web.Response:
    """Show a task and what has become of its credentials so far."""
    first = await services.reports.of_task(caller, task.spec.id, "", query.DEFAULT_PAGE)
    return render.reply(render.task_report(task, first, query.first(caller), services.durability))
