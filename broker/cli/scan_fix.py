"""`broker scan --fix`: what has to be declared, in a folder of its own, or where it belongs."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

from broker.cli.config import checked
from broker.errors import InvalidRequestError
from broker.governance.records import AgentsFile
from broker.scanning.changing import Change, held
from broker.scanning.finding import Finding
from broker.scanning.fixing import CONFIG, ROTATE, write_fix, write_into
from broker.scanning.proposing import Proposal, propose
from broker.scanning.stanzas import CHANGE
from broker.scanning.veiling import VEIL
from broker.settings.load import load_document
from broker.settings.settings import Settings

_LONGEST_OWNER = 128


class Names(NamedTuple):
    """Which agent is to be declared, and whose; an empty tenant is the configuration's first."""

    agent: str
    tenant: str


def write(folder: Path, findings: Sequence[Finding], source: Path, names: Names) -> None:
    """Write a folder with a copy, and say on standard error what to do with it.

    Raises:
        InvalidRequestError: the agent is there already, or no such tenant is.
        ConfigurationError: the configuration is faulty, or would be.
    """
    proposal = _proposed(findings, source, names)
    found = write_fix(folder, source, proposal, findings, checked)
    told = f"{folder / CONFIG} passes its checks; {folder / ROTATE} says what to rotate."
    click.echo(told, err=True)
    _tell_left(found)


def write_in(findings: Sequence[Finding], source: Path, names: Names) -> None:
    """Add to the files of the configuration itself, and say on standard error what was done.

    Raises:
        InvalidRequestError: the agent is there already, or no such tenant is.
        ConfigurationError: the configuration is faulty or would be, or changed meanwhile.
    """
    proposal = _proposed(findings, source, names)
    found, rotate = write_into(source, proposal, findings, checked)
    for each in found:
        click.echo(f"{'made' if each.before is None else 'added to'}: {each.file}", err=True)
    click.echo(f"{source} passes its checks; {rotate} says what to rotate.", err=True)
    _tell_left(found)


def _tell_left(found: Sequence[Change]) -> None:
    for each in (left for change in found for left in change.left):
        click.echo(f"left to do: {each}", err=True)


def _proposed(findings: Sequence[Finding], source: Path, names: Names) -> Proposal:
    declared = load_document(load_document(source, Settings).bundle.agents, AgentsFile)
    tenants = [each.name for each in declared.tenants]
    tenant = names.tenant or tenants[0]
    if tenant not in tenants:
        raise InvalidRequestError(f"--tenant: {tenant} is none of {', '.join(tenants)}")
    if names.agent in {each.name for each in declared.agents}:
        raise InvalidRequestError(f"--agent: {names.agent} is declared already; choose another")
    owner = _owner(findings)
    return propose(findings, agent=names.agent, tenant=tenant, owner=owner, held=held(source))


def _owner(findings: Sequence[Finding]) -> str:
    """Return whom most of the findings are of, as far as that can stand in a file."""
    named = (each.origin.owner for each in findings)
    owners = Counter(owner for owner in named if owner and VEIL not in owner)
    name = owners.most_common(1)[0][0] if owners else ""
    return name if name.isprintable() and 0 < len(name) <= _LONGEST_OWNER else CHANGE
