"""A program that uses Processes as the story does, for tests that kill it.

It starts one child that stops when asked, one that ignores the question and one that is frozen,
prints ``{"directory", "pids"}`` and waits.
"""

import asyncio
import json
import os
import signal
import sys

from broker.dev.processes import Processes

OBEDIENT = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


async def live() -> None:
    """Start the children, tell about them, and wait to be killed."""
    async with Processes(grace_seconds=0.3) as processes:
        children = [
            await processes.start(name, [sys.executable, "-c", code])
            for name, code in (("obedient", OBEDIENT), ("deaf", DEAF), ("frozen", OBEDIENT))
        ]
        pids = [child.process.pid for child in children]
        os.kill(pids[-1], signal.SIGSTOP)
        sys.stdout.write(json.dumps({"directory": str(processes.directory), "pids": pids}) + "\n")
        sys.stdout.flush()
        await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(live())
