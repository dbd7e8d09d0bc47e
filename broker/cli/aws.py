"""`broker aws`: what an AWS account must have before the broker mints there."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
from click.exceptions import Exit

from broker.cli import exits
from broker.cli.screen import Screen
from broker.cli.settings import config_option, settings_file
from broker.errors import InvalidRequestError
from broker.governance.bundle import Bundle
from broker.governance.records import CapabilityRecord
from broker.settings.load import Reading
from broker.settings.settings import Settings
from broker.targets.capabilities import check_targets
from broker.targets.settings import Declared, load_targets

KIND: Final = "aws_sts"


@click.group(short_help="Prepare AWS accounts.")
def aws() -> None:
    """Prepare AWS accounts."""


@aws.command(short_help="Print what an account must have.")
@config_option
@click.option("--target", "only", help="One target; without it every one of kind aws_sts.")
@click.option(
    "--diff", is_flag=True, help="Compare with the account. Reads there, changes nothing."
)
@click.option("--apply", "mend", is_flag=True, help="Make what is missing or otherwise.")
@click.option("--principal", default="", help="The broker's ARN, where it gets in by keys.")
@click.option(
    "--boundary",
    default="jit-broker-boundary",
    show_default=True,
    help="What the boundary of the roles is called.",
)
@click.option(
    "--thumbprint",
    "thumbprints",
    multiple=True,
    help="Of the issuer's certificate, for servers that do not find out themselves.",
)
@click.option(
    "--profile",
    help="A profile of AWS's configuration files: who looks and makes. Default: whom boto3 finds.",
)
@click.option("--iam-url", default="", help="Where IAM is, if not where AWS has it.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def bootstrap(  # noqa: PLR0913 - one parameter for each option
    *,
    config: Path,
    only: str | None,
    principal: str,
    boundary: str,
    thumbprints: tuple[str, ...],
    profile: str | None,
    iam_url: str,
    diff: bool,
    mend: bool,
    as_json: bool,
) -> None:
    """Print what an account must have: provider, roles, trust, boundary and policies.

    Everything follows from what is declared: targets of kind aws_sts and their capabilities.
    Without --diff and --apply nobody is asked. --apply never deletes, and never changes what is
    others': their statements in a trust policy stay, so do their policies, and another boundary is
    told, not replaced. What a capability's role may do is its owner's to write. Done twice it
    changes nothing.

    Ends with 0 when everything is there or was made, and with 1 when something is missing or
    otherwise, or when AWS did not do what it was asked.
    """
    settings, capabilities = _read(settings_file(config))
    declared = _chosen(load_targets(settings), only)
    # Not above: it takes boto3, an extra. Reading the targets has said so if that is missing.
    from backends.aws_bootstrap_access import Access  # noqa: PLC0415
    from broker.cli import aws_account  # noqa: PLC0415

    wishes = aws_account.Wishes(settings.issuer, principal, boundary, thumbprints)
    reports: list[dict[str, Any]] = []
    for target in declared:
        wanted = aws_account.plan_of(target, capabilities, wishes)
        if diff or mend:
            account = Access(profile, iam_url)
            reports.append(aws_account.compared(target, wanted, account, mend=mend))
        else:
            reports.append(aws_account.printed(target, wanted))
    Screen(sys.stdout, as_json=as_json).answer({"targets": reports}, aws_account.view)
    raise Exit(exits.OK if all(report["complete"] for report in reports) else exits.REFUSED)


def _read(file: Path) -> tuple[Settings, Sequence[CapabilityRecord]]:
    reading = Reading()
    settings = reading.read(file, Settings)
    bundle = None
    if settings is not None:
        value = settings.value
        bundle = Bundle.read(value.bundle, reading)
        document = bundle.document if bundle else None
        check_targets(value.targets, value.bundle, document, reading)
    reading.finish()
    if settings is None or bundle is None:
        raise InvalidRequestError(f"{file}: nothing could be read")
    return settings.value, bundle.document.capabilities


def _chosen(declared: Sequence[Declared], only: str | None) -> Sequence[Declared]:
    found = [each for each in declared if each.record.kind == KIND]
    if only is not None:
        found = [each for each in found if each.record.name == only]
    if not found:
        known = ", ".join(e.record.name for e in declared if e.record.kind == KIND) or "none"
        wanted = f"called {only!r}" if only else "declared"
        raise InvalidRequestError(f"no target of kind {KIND} is {wanted}: there are {known}")
    return found
