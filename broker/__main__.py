"""`python -m broker`, and the `broker` command itself.

The base installation is the client library alone; whoever runs the command without the rest is told
what to install.
"""

import sys
from collections.abc import Sequence
from importlib.util import find_spec


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    missing = [name for name in ("click", "rich") if find_spec(name) is None]
    if missing:
        sys.stderr.write("The broker command is not installed: pip install 'jit-broker[server]'\n")
        return 1
    try:
        from broker.cli.main import main as run  # noqa: PLC0415 - only after the check above
    except KeyboardInterrupt:
        return 130
    return run(arguments)


def docker() -> int:
    """Run as ``docker-credential-broker``, the name by which Docker finds a credential helper."""
    return main(["credential-helper", "docker", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
