"""A broker whose reaper sleeps: what falls silent is never ended."""

import sys

from broker.cli.main import main
from broker.reaper import Reaper


async def sleep_on(*_: object) -> None:
    """Do nothing that is due."""


Reaper.tick = sleep_on
Reaper.reap = sleep_on

if __name__ == "__main__":
    sys.exit(main())
