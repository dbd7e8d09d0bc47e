"""A broker that runs well and ends badly."""

import sys

from broker.cli.main import main

if __name__ == "__main__":
    main()
    sys.exit(3)
