"""A broker whose audit trail loses a line when it has stopped."""

import sys
from pathlib import Path

from broker.cli.main import main
from broker.cli.settings import load

if __name__ == "__main__":
    code = main()
    file = load(Path(sys.argv[-1])).audit.file
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:3] + lines[4:]))
    sys.exit(code)
