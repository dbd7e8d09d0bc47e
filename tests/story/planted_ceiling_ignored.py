"""A broker that does not look at a task's ceiling; policy still refuses, for another reason."""

import sys

from broker import issue_checks
from broker.cli.main import main

if not hasattr(issue_checks, "covers"):
    sys.exit("the ceiling is looked at elsewhere now: plant the fault anew")
setattr(issue_checks, "covers", lambda *_: True)  # noqa: B010 - a name that it imports is not its own

if __name__ == "__main__":
    sys.exit(main())
