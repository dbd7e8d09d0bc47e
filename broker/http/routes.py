"""The application: every route, behind the one middleware."""

from typing import Final

from aiohttp import hdrs, web

from broker.http.admission import Admission
from broker.http.agent_routes import AgentRoutes
from broker.http.approval_routes import ApprovalRoutes
from broker.http.authzen_routes import AuthZenRoutes
from broker.http.bodies import Bodies
from broker.http.credential_routes import CredentialRoutes
from broker.http.document_routes import DocumentRoutes
from broker.http.edge import PUBLIC, Edge, expect, seal
from broker.http.end_routes import EndRoutes
from broker.http.fact_routes import FactRoutes
from broker.http.finding_routes import FindingRoutes
from broker.http.glass_routes import GlassRoutes
from broker.http.mutations import Mutations
from broker.http.oauth_routes import OAuthRoutes
from broker.http.operator_routes import OperatorRoutes
from broker.http.review_routes import ReviewRoutes
from broker.http.revision_routes import RevisionRoutes
from broker.http.said_routes import SaidRoutes
from broker.http.selection_routes import SelectionRoutes
from broker.http.services import Services
from broker.http.session_routes import SessionRoutes
from broker.http.signal_routes import SignalRoutes
from broker.http.status_routes import StatusRoutes
from broker.http.table import Table
from broker.http.task_routes import TaskRoutes
from broker.http.waiting import Waiters
from broker.metrics import Metrics

ADMISSION: Final = web.AppKey("ADMISSION", Admission)
"""Who holds how many places; the server asks it for each connection."""

METRICS: Final = web.AppKey("METRICS", Metrics)
"""Where the server counts the connections that it cut."""

MUTATIONS: Final = web.AppKey("MUTATIONS", Mutations)
"""The changes under way; the server waits for them before it is done."""

WAITERS: Final = web.AppKey("WAITERS", Waiters)
"""The long polls under way; the server lets them go when it stops."""

QUERIES: Final = web.AppKey("QUERIES", dict[str, tuple[str, ...]])
"""The query parameters that each path reads; a test holds the contract against them."""


def build(services: Services) -> web.Application:
    """Build the application. It holds no state but who is connected and what is under way."""
    admission, mutations = Admission(services.limits), Mutations()
    waiters = Waiters(services.limits)
    app = web.Application(
        middlewares=[Edge(services, admission).guard],
        client_max_size=services.limits.max_body_bytes,
    )
    app[ADMISSION], app[MUTATIONS], app[METRICS] = admission, mutations, services.metrics
    app[WAITERS] = waiters
    app.on_response_prepare.append(seal)
    table = _own_routes(services, mutations, waiters)
    app[QUERIES] = table.queries
    for route in (*table.routes, *services.extra_routes):
        _guarded(route).register(app.router)
    return app


def _own_routes(services: Services, mutations: Mutations, waiters: Waiters) -> Table:
    table, bodies = Table(mutations), Bodies(services.limits)
    # aiohttp tries the templates below one prefix in turn, so what is asked for most comes first.
    CredentialRoutes(services, bodies).register(table)
    TaskRoutes(services, bodies, waiters).register(table)
    ApprovalRoutes(services, bodies, waiters).register(table)
    OperatorRoutes(services, bodies, waiters).register(table)
    SelectionRoutes(services, bodies).register(table)
    SessionRoutes(services, bodies).register(table)
    AgentRoutes(services).register(table)
    FindingRoutes(services, bodies).register(table)
    SignalRoutes(services, bodies).register(table)
    SaidRoutes(services, bodies).register(table)
    EndRoutes(services, bodies).register(table)
    FactRoutes(services, bodies).register(table)
    ReviewRoutes(services, bodies).register(table)
    GlassRoutes(services, bodies).register(table)
    RevisionRoutes(services).register(table)
    OAuthRoutes(services, bodies).register(table)
    AuthZenRoutes(services, bodies).register(table)
    StatusRoutes(services).register(table)
    DocumentRoutes(services.limits).register(table)
    return table


def _guarded(route: web.RouteDef) -> web.RouteDef:
    options = {**route.kwargs, "expect_handler": expect}
    if route.method == hdrs.METH_GET:
        options["allow_head"] = route.path in PUBLIC  # a HEAD runs the handler, for nothing
    return web.RouteDef(route.method, route.path, route.handler, options)
