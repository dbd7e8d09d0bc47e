"""A resource server that does not look at `exp`."""

from broker.client.verifier import Verifier
from broker.dev.resource_server import main


def look_away(*_: object) -> None:
    """Take every token for young."""


Verifier._ensure_current = look_away  # noqa: SLF001 - sabotage is what this file is for

if __name__ == "__main__":
    main()
