"""A broker that takes an operator's order, calls it acknowledged, and ends nothing."""

import sys

from broker.cli.main import main
from broker.revocation import Revocations


async def nod(*_: object) -> None:
    """Do nothing."""


Revocations._close = nod  # noqa: SLF001 - sabotage is what this file is for

if __name__ == "__main__":
    sys.exit(main())
