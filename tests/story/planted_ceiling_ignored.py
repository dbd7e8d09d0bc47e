"""A broker that does not look at a task's ceiling; policy still refuses, for another reason."""

import sys

from broker import issuance
from broker.cli.main import main

issuance.covers = lambda *_: True

if __name__ == "__main__":
    sys.exit(main())
