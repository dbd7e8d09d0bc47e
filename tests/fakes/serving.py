"""A server of a test's own making."""

import contextlib
from collections.abc import AsyncIterator

from broker.http.limits import Limits
from broker.http.routes import build
from broker.http.server import HttpServer
from broker.http.sockets import Endpoint, TcpEndpoint
from tests.fakes.contract import Checked
from tests.fakes.services import Stage, make_services

LOOPBACK = TcpEndpoint("127.0.0.1", 0)


@contextlib.asynccontextmanager
async def serving(
    stage: Stage, limits: Limits, endpoint: Endpoint = LOOPBACK, **changes: object
) -> AsyncIterator[HttpServer]:
    """Serve the doubles within these limits until the block ends; the contract is held."""
    services = make_services(stage, limits=limits, **changes)
    app, checked = (
        build(services),
        Checked(lenient=lambda: bool(stage.errors) or stage.off_contract),
    )
    app.on_response_prepare.append(checked.look)
    server = HttpServer(app, limits, services.log)
    await server.start(endpoint)
    try:
        yield server
    finally:
        await server.stop()
    assert not checked.faults, checked.faults[0]
