"""Who runs a command that changes an installation as a whole: for the audit trail."""

import os
import socket


def this_person() -> str:
    """Name whoever runs this command, as far as the machine knows."""
    return f"uid-{os.getuid()}@{socket.gethostname()}"
