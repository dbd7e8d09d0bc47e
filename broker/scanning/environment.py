"""Looking through this process's environment: of what is found only name and kind are kept."""

import io
from collections.abc import Iterator, Mapping

from broker.scanning.engine import Engine
from broker.scanning.finding import Finding
from broker.scanning.looking import look_through
from broker.scanning.making import made
from broker.scanning.surfaces import ENVIRONMENT

PLACE = "environment"


def of_environment(variables: Mapping[str, str], engine: Engine) -> Iterator[Finding]:
    """Yield a finding for each variable that holds a secret."""
    for name, value in sorted(variables.items()):
        text = f"{name}={value}\n".encode("utf-8", "surrogateescape").replace(b"\0", b"")
        found = next(look_through(io.BytesIO(text), name, ENVIRONMENT, engine), None)
        if found is not None:
            finding = made(found, PLACE, ENVIRONMENT.name)
            yield _named(finding, name)


def _named(finding: Finding, name: str) -> Finding:
    return Finding(
        path=PLACE,
        line=0,
        surface=finding.surface,
        kind=finding.kind,
        title=finding.title,
        rule=finding.rule,
        name=name,
        preview="",
        secret=finding.secret,
    )
