"""What agents, orchestrators, operators and resource servers import; light on purpose.

* **Agents and orchestrators** call the broker with :class:`BrokerClient`, or without an event loop
  with :class:`SyncBrokerClient`: ``.task(…)``, ``.claim(…)`` and ``.resume(…)`` are tasks that live
  as long as a ``with`` block; ``.tasks`` and ``.credentials`` are the calls one by one.
* **Operators** have ``.operator`` on the same clients.
* **Resource servers** check tokens with a :class:`Verifier` that :func:`open_verifier` (or
  :func:`open_sync_verifier`) makes, and guard aiohttp with :func:`bearer`, Starlette and FastAPI
  with :class:`BearerGuard`, and single handlers with :func:`requires`; plain functions with
  :class:`CallGuard` or :class:`SyncCallGuard`.

Every error is a :class:`ClientError` with a ``remedy``; refusals of the broker are
:class:`ApiError`, one class for each problem type, in :mod:`broker.client.api_errors`.

Nothing here needs Redis, a policy engine or a cloud's SDK; a test holds that.
"""

from broker.client.api import BrokerClient
from broker.client.api_errors import ApiError
from broker.client.asgi import BearerGuard
from broker.client.bearer import Presented
from broker.client.call_guard import CallGuard, SyncCallGuard
from broker.client.call_plan import in_argument
from broker.client.endpoint import Endpoint, TokenSource, open_session, token_file
from broker.client.errors import ClientError, RefusalError, TaskLostError, VerificationError
from broker.client.held import HeldCredential
from broker.client.introspection import Introspection
from broker.client.jwks import JwksKeys
from broker.client.key_pair import CertificateSource, KeyPair, certificate_files
from broker.client.keys import FixedKeys, KeySource, VerificationKey, parse_key_set
from broker.client.liveness import Liveness, OfflineLiveness
from broker.client.middleware import VERIFIED, bearer, public, require
from broker.client.open_verifier import open_verifier
from broker.client.passage import current_token
from broker.client.possession import Possession
from broker.client.requires import granted, in_path, requires
from broker.client.results import Ceiling
from broker.client.run_credential import AsyncRunCredential, RunCredential
from broker.client.subscription import Subscription
from broker.client.sync_api import SyncBrokerClient, SyncHeldCredential, SyncTaskScope
from broker.client.sync_verifier import SyncVerifier, open_sync_verifier
from broker.client.task_scope import TaskScope
from broker.client.tls import Tls
from broker.client.token import VerifiedToken
from broker.client.transport import Transport
from broker.client.verifier import Verifier
from broker.client.view import View
from broker.client.webhooks import WebhookMessage, Webhooks
from broker.client.workload_api import workload_api_certificate, workload_api_token
from broker.proof.dpop_key import DpopKey
from broker.proof.nonces import DpopNonces
from broker.secret import Secret

__all__ = [
    "VERIFIED",
    "ApiError",
    "AsyncRunCredential",
    "BearerGuard",
    "BrokerClient",
    "CallGuard",
    "Ceiling",
    "CertificateSource",
    "ClientError",
    "DpopKey",
    "DpopNonces",
    "Endpoint",
    "FixedKeys",
    "HeldCredential",
    "Introspection",
    "JwksKeys",
    "KeyPair",
    "KeySource",
    "Liveness",
    "OfflineLiveness",
    "Possession",
    "Presented",
    "RefusalError",
    "RunCredential",
    "Secret",
    "Subscription",
    "SyncBrokerClient",
    "SyncCallGuard",
    "SyncHeldCredential",
    "SyncTaskScope",
    "SyncVerifier",
    "TaskLostError",
    "TaskScope",
    "Tls",
    "TokenSource",
    "Transport",
    "VerificationError",
    "VerificationKey",
    "VerifiedToken",
    "Verifier",
    "View",
    "WebhookMessage",
    "Webhooks",
    "bearer",
    "certificate_files",
    "current_token",
    "granted",
    "in_argument",
    "in_path",
    "open_session",
    "open_sync_verifier",
    "open_verifier",
    "parse_key_set",
    "public",
    "require",
    "requires",
    "token_file",
    "workload_api_certificate",
    "workload_api_token",
]
