"""How callers come in: whose evidence is believed, and the socket that takes access away.

What is opened here is closed by the stack.
"""

from contextlib import AsyncExitStack

import structlog

from broker.attestation.assembly import build_attestation
from broker.attestation.attestation import Attestation
from broker.attestation.key_source import open_key_session
from broker.attestation.settings import AttestationSettings
from broker.clock import Clock
from broker.endpoints import http_limits
from broker.http.panic import PanicDoor
from broker.metrics import Metrics
from broker.observation import LoggingObserver
from broker.revocation import Revocations
from broker.settings.load import load_document
from broker.settings.settings import Settings


async def open_panic_door(
    settings: Settings, revocations: Revocations, metrics: Metrics, stack: AsyncExitStack
) -> None:
    """Let operators of this machine take access away, if a socket for that is declared.

    Raises:
        ConfigurationError: the socket cannot be what it must be.
    """
    if settings.panic_socket is None:
        return
    log = structlog.get_logger("broker.panic")
    door = PanicDoor(revocations, http_limits(settings), metrics, log)
    await door.open(settings.panic_socket, stack)


async def open_attestation(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Attestation:
    """Begin to follow the keys of the declared issuers.

    Raises:
        ConfigurationError: their declaration is wrong somewhere; it carries every fault.
    """
    declared = load_document(settings.issuers, AttestationSettings)
    session = await stack.enter_async_context(open_key_session())
    attestation = build_attestation(declared, session, clock=clock, observer=LoggingObserver())
    stack.push_async_callback(attestation.close)
    await attestation.start()
    return attestation
