"""A broker in a thread of its own, for clients that block theirs."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fakes import broker_server
from tests.fakes.broker_server import BrokerServer


@contextmanager
def running(server: BrokerServer) -> Iterator[BrokerServer]:
    """Serve until the block ends."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    ended = asyncio.Event()

    async def serve() -> None:
        async with broker_server.running(server):
            started.set()
            await ended.wait()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run, name="fake-broker")
    thread.start()
    started.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
