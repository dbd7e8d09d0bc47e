"""What reads the pages of a report, each with its tag, so that the next look may be held back."""

from broker.client import route
from broker.client.reaching import ReadPage
from broker.client.results import Report
from broker.client.transport import Call, Tagged, Transport, ensure_about
from broker.ids import parse_lease_id


def pages_of_task(transport: Transport, task: str, *, credential: str = "") -> ReadPage:
    """Read a task's report, or the receipt of one credential."""
    which = route.query(credential=credential and parse_lease_id(credential))
    path = route.task_path(task, "report")

    async def read(cursor: str, *, known: str = "", wait_seconds: int = 0) -> Tagged[Report]:
        params = which | route.page(cursor, None)
        call = Call("GET", path, params=params, known=known, wait_seconds=wait_seconds)
        page = await transport.tagged(call, Report)
        ensure_about(task, page.value.task.id if page.value.task else "")
        return page

    return read


def pages_of_order(transport: Transport, revocation: str) -> ReadPage:
    """Read an order's report."""
    path = route.revocation_path(revocation, "report")

    async def read(cursor: str, *, known: str = "", wait_seconds: int = 0) -> Tagged[Report]:
        params = route.page(cursor, None)
        call = Call("GET", path, params=params, known=known, wait_seconds=wait_seconds)
        page = await transport.tagged(call, Report)
        ensure_about(revocation, page.value.revocation.id if page.value.revocation else "")
        return page

    return read
