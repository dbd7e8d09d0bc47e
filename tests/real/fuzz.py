"""Schemathesis as a program that also writes down what every operation was answered.

``python -m tests.real.fuzz FILE …`` runs ``schemathesis …``, and leaves in FILE a JSON object: for
each operation the statuses that came, each with how often.
"""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import schemathesis
import schemathesis.cli

_ANSWERS: defaultdict[str, Counter[int]] = defaultdict(Counter)


def after_call(_context: Any, case: Any, response: Any) -> None:
    """Count an answer."""
    _ANSWERS[case.operation.label][response.status_code] += 1


def main(file: str, *arguments: str) -> None:
    """Run it, and write the counts down however it ends."""
    schemathesis.hook(after_call)
    try:
        schemathesis.cli.schemathesis(arguments)
    finally:
        Path(file).write_text(json.dumps(_ANSWERS), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
