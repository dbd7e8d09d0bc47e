"""What agents, orchestrators, operators and resource servers import; light on purpose.

Agents and their like call the broker with :class:`BrokerClient`. Resource servers check its tokens
with a :class:`Verifier`, made of keys (:class:`JwksKeys`) and of how they learn of revocations
(:class:`View` kept by a :class:`Subscription`, :class:`Introspection`, or
:class:`OfflineLiveness`), and guard an aiohttp application with :func:`bearer` and :func:`require`.

Nothing here needs Redis, a policy engine or a cloud's SDK; a test holds that.
"""

from broker.client.api import BrokerClient
from broker.client.endpoint import Endpoint, TokenSource, open_session, token_file
from broker.client.introspection import Introspection
from broker.client.jwks import JwksKeys
from broker.client.keys import FixedKeys, KeySource, VerificationKey, parse_key_set
from broker.client.liveness import Liveness, OfflineLiveness
from broker.client.middleware import VERIFIED, bearer, public, require
from broker.client.passage import current_token
from broker.client.requires import granted, in_path, requires
from broker.client.results import Ceiling
from broker.client.subscription import Subscription
from broker.client.task_scope import TaskScope
from broker.client.token import VerifiedToken
from broker.client.transport import Transport
from broker.client.verifier import Verifier
from broker.client.view import View

__all__ = [
    "VERIFIED",
    "BrokerClient",
    "Ceiling",
    "Endpoint",
    "FixedKeys",
    "Introspection",
    "JwksKeys",
    "KeySource",
    "Liveness",
    "OfflineLiveness",
    "Subscription",
    "TaskScope",
    "TokenSource",
    "Transport",
    "VerificationKey",
    "VerifiedToken",
    "Verifier",
    "View",
    "bearer",
    "current_token",
    "granted",
    "in_path",
    "open_session",
    "parse_key_set",
    "public",
    "require",
    "requires",
    "token_file",
]
