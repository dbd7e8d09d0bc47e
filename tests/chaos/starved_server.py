"""A ledger whose disk can be filled and emptied again, without being root."""

import resource
from typing import Final

from broker.dev.embedded import EmbeddedServer

ROOM_BYTES: Final = 4_096
"""What is left when the disk is nearly full: a few more lines of the append-only file."""


class StarvedServer(EmbeddedServer):
    """An embedded server that is told, while it runs, that its files may not grow any more."""

    def _command(self) -> list[str]:
        # Without this the kernel would kill it for trying to write beyond the limit.
        return ["/usr/bin/env", "--ignore-signal=XFSZ", *super()._command()]

    def fill_disk(self) -> None:
        """Let every write beyond what its files hold already fail."""
        held = max(file.stat().st_size for file in self._directory.rglob("*") if file.is_file())
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (held + ROOM_BYTES, hard))

    def empty_disk(self) -> None:
        """Let its files grow again."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard, hard))
