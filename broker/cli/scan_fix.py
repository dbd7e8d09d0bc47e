"""`broker scan --fix`: what would have to be declared, in a folder of its own."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

from broker.errors import InvalidRequestError
from broker.governance.records import AgentsFile
from broker.scanning.finding import Finding
from broker.scanning.fixing import CONFIG, ROTATE, write_fix
from broker.scanning.proposing import CHANGE, propose
from broker.settings.load import load_document
from broker.settings.settings import Settings

_LONGEST_OWNER = 128


class Names(NamedTuple):
    """Which agent is to be declared, and whose; an empty tenant is the configuration's first."""

    agent: str
    tenant: str


def write(folder: Path, findings: Sequence[Finding], source: Path, names: Names) -> None:
    """Write the folder, and say on standard error what to do with it.

    Raises:
        InvalidRequestError: the agent is there already, or no such tenant is.
        ConfigurationError: the configuration is faulty, or would be.
    """
    declared = load_document(load_document(source, Settings).bundle.agents, AgentsFile)
    tenants = [each.name for each in declared.tenants]
    tenant = names.tenant or tenants[0]
    if tenant not in tenants:
        raise InvalidRequestError(f"--tenant: {tenant} is none of {', '.join(tenants)}")
    if names.agent in {each.name for each in declared.agents}:
        raise InvalidRequestError(f"--agent: {names.agent} is declared already; choose another")
    proposal = propose(findings, agent=names.agent, tenant=tenant, owner=_owner(findings))
    write_fix(folder, source, proposal, findings)
    told = f"{folder / CONFIG} passes its checks; {folder / ROTATE} says what to rotate."
    click.echo(told, err=True)


def _owner(findings: Sequence[Finding]) -> str:
    """Return whom most of the findings are of, as far as that can stand in a file."""
    owners = Counter(each.origin.owner for each in findings if each.origin.owner)
    name = owners.most_common(1)[0][0] if owners else ""
    return name if name.isprintable() and 0 < len(name) <= _LONGEST_OWNER else CHANGE
