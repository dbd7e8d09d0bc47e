"""A broker whose ledger grants without looking whether the task is still open."""

import sys

from broker.store import link

CHECK = "local ended, deadline = path_ended(12, last, now, nodes, now)"
BLIND = "local ended, deadline = nil, now + 600000"
honest = link.load_script


def load_without_check(name: str, *parts: str, **options: str) -> link.Script:
    """Load a script; take the check out of the one that grants."""
    script = honest(name, *parts, **options)
    if name != "lease_grant":
        return script
    if CHECK not in script.text:
        sys.exit("the script that grants has changed: plant the fault anew")
    return link.Script(name, script.text.replace(CHECK, BLIND))


link.load_script = load_without_check

if __name__ == "__main__":
    from broker.cli.main import main  # the scripts are loaded on import

    sys.exit(main())
