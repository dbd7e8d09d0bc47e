"""A broker that does not end children with their parent."""

import sys

from broker.cli.main import main
from broker.workers import TakeDown


async def spare(*_: object) -> None:
    """Leave the children alone."""


TakeDown._close_children = spare  # noqa: SLF001 - sabotage is what this file is for

if __name__ == "__main__":
    sys.exit(main())
