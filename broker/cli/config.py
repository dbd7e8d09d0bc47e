"""`broker config`: look at the configuration without touching anything."""

from pathlib import Path

import click

from broker.attestation.settings import AttestationSettings
from broker.cli.plain import plain_answer
from broker.cli.settings import config_option, settings_file
from broker.errors import ConfigurationError, LocatedFault
from broker.governance.bundle import Bundle
from broker.settings.load import Loaded, Reading
from broker.settings.settings import BundleFiles, Settings
from broker.targets.capabilities import check_targets
from broker.targets.logins import login_warnings


@click.group(short_help="Look at the configuration.")
def config() -> None:
    """Look at the configuration."""


@config.command(short_help="Check every file, and the policies' tests.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def check(config: Path, *, as_json: bool) -> None:
    """Check every file of the configuration, and run the policies' own tests.

    All faults are printed, each with its file, line, key and remedy. Nothing is published, and no
    server is needed. What is allowed and worth a second look is printed as a warning: an issuer
    whose tokens do not tell two running copies apart, one that vouches for people in all tenants,
    a target that believes no signing key here.
    """
    file = settings_file(config)
    bundle, warnings = checked(file)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    told = {
        "agents": len(bundle.document.agents),
        "capabilities": len(bundle.document.capabilities),
        "policy_files": len(bundle.document.policies),
        "digest": bundle.digest,
        "warnings": [str(warning) for warning in warnings],
    }
    found = ", ".join(f"{told[name]} {name.replace('_', ' ')}" for name in list(told)[:3])
    plain_answer(told, f"{file} is good: {found}.", as_json)


def checked(file: Path) -> tuple[Bundle, list[LocatedFault]]:
    """Check what a settings file names; return what would be published, and warnings.

    Raises:
        ConfigurationError: something in it is wrong; it carries every fault.
    """
    reading = Reading()
    settings = reading.read(file, Settings)
    issuers = settings.value.issuers if settings else reading.part(file, "issuers", Path)
    files = settings.value.bundle if settings else reading.part(file, "bundle", BundleFiles)
    trusted = None if issuers is None else reading.read(issuers, AttestationSettings)
    targets = settings.value.targets if settings else reading.part(file, "targets", Path)
    bundle = None
    if files is not None:
        bundle = Bundle.read(files, reading)
        check_targets(targets, files, bundle.document if bundle else None, reading)
    reading.finish()
    if bundle is None:
        raise ConfigurationError(f"{file}: nothing could be read")
    warnings = [] if trusted is None else _warnings(trusted)
    return bundle, [*warnings, *(login_warnings(settings.value) if settings else ())]


def _warnings(trusted: Loaded[AttestationSettings]) -> list[LocatedFault]:
    return [trusted.document.locate(warning) for warning in trusted.value.warnings()]
