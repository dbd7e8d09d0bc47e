"""The life of a broker process: start, obey signals, drain."""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack

import structlog

from broker import collector, logs
from broker.app import Broker
from broker.clock import SystemClock
from broker.gate import Hindrance
from broker.readiness import DRAIN
from broker.settings.settings import Settings
from broker.store.connect import connect


async def serve(settings: Settings) -> int:
    """Run a broker until SIGTERM or SIGINT, then drain; return the exit code.

    Raises:
        ConfigurationError: it cannot start; the text says what, where and what to do.
    """
    logs.configure(settings.log.level, settings.log.format, sys.stderr)
    log = structlog.get_logger(__name__)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        link = await connect(settings.store)
        stack.push_async_callback(link.close)
        broker = Broker(settings, link, SystemClock())
        server = await broker.start(stack)
        collector.settle()

        def look_again() -> None:
            log.info("broker-looks-again")
            broker.look_again()

        loop.add_signal_handler(signal.SIGHUP, look_again)
        log.info("broker-listening", addresses=[f"{h}:{p}" for h, p in server.addresses])
        await stopping.wait()
        broker.gate.report(DRAIN, Hindrance("this broker is stopping", "use another one"))
        log.info("broker-draining")
    return 0
