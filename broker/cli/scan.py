"""`broker scan`: which long-lived secrets lie about, and what would take their place."""

import json
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TypedDict, Unpack

import click
from click.exceptions import Exit

from broker.cli import exits, scan_fix, scan_views
from broker.cli.interrupts import obeying, run
from broker.cli.scan_bar import watching
from broker.cli.screen import Screen
from broker.cli.settings import settings_file
from broker.clock import SystemClock
from broker.dev.configure import shipped
from broker.scanning.baseline import Baseline, read_baseline, write_baseline
from broker.scanning.coverage import Coverage
from broker.scanning.engine import open_engine
from broker.scanning.finding import Finding
from broker.scanning.offers import read_offers
from broker.scanning.replacing import Offer, with_replacements
from broker.scanning.sarif import sarif
from broker.scanning.scan import Order, Scan
from broker.scanning.stanzas import name_from
from broker.scanning.telling import document
from broker.scanning.vaults import Access, of_vault, trusting
from broker.scanning.veiling import Veil, veiled
from broker.secret import Secret


class Options(TypedDict):
    """What the command line says."""

    paths: tuple[Path, ...]
    config: Path | None
    history: bool
    home: bool
    environment: bool
    with_all: bool
    exclude: tuple[str, ...]
    baseline: Path | None
    update_baseline: bool
    vault: str
    vault_token_file: Path | None
    vault_namespace: str
    vault_ca_file: Path | None
    fix: Path | None
    fix_into: Path | None
    agent: str
    tenant: str
    as_sarif: bool
    as_json: bool


@click.command(short_help="Find long-lived secrets, and what would replace them.")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--history", is_flag=True, help="Every version in the Git repository, too.")
@click.option("--home", is_flag=True, help="Configurations, histories and logins of your own, too.")
@click.option("--environment", is_flag=True, help="The variables of this process, too: names only.")
@click.option("--all", "with_all", is_flag=True, help="node_modules, .venv and their like, too.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave paths out that fit.")
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file of findings that somebody has accepted.",
)
@click.option("--update-baseline", is_flag=True, help="Accept what is found now: write the file.")
@click.option(
    "--config",
    envvar="BROKER_CONFIG",
    type=click.Path(path_type=Path),
    help="broker.yaml, whose capabilities may be the replacement. Default: config, if there.",
)
@click.option("--vault", default="", metavar="URL", help="Look into this Vault's KV, too.")
@click.option(
    "--vault-token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its first line is a token that may list and read metadata. Default: VAULT_TOKEN.",
)
@click.option(
    "--vault-namespace", envvar="VAULT_NAMESPACE", default="", help="In this namespace of it."
)
@click.option(
    "--vault-ca-file",
    envvar="VAULT_CACERT",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The authority to believe for its certificate. Default: the system's.",
)
@click.option(
    "--fix",
    type=click.Path(path_type=Path),
    help="A new folder: the configuration with what is missing, and a list of what to rotate.",
)
@click.option(
    "--fix-into",
    type=click.Path(exists=True, path_type=Path),
    help="Your configuration: what is missing is added to its files. Nothing in them is lost.",
)
@click.option("--agent", default="", help="Which agent --fix declares. Default: after this folder.")
@click.option(
    "--tenant", default="", help="Whose it is. Default: the configuration's first tenant."
)
@click.option("--sarif", "as_sarif", is_flag=True, help="Print SARIF 2.1.0, for code scanning.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def scan(**options: Unpack[Options]) -> None:
    """Find long-lived secrets in PATHS, or here.

    Agent and MCP configurations, dotenv, CI, containers, shell histories, credential files, source.

    Each finding has its file and line, kind, age, likely owner, and the declared capability that
    would take its place. No secret is ever printed, kept or tried out, and nothing leaves this
    machine. Nothing of a repository is run.

    --fix declares an agent and capabilities in a copy of your configuration, checks it, and lists
    what to rotate and how. It changes no file that is there. --fix-into adds the same to the files
    of your configuration. Neither deletes a secret.

    Ends with 0 when nothing is found, 1 when something is, 6 when nothing is and a part could not
    be read. Needs: pip install 'jit-broker[scan]'.
    """
    _check(options)
    baseline = _baseline(options)
    offers = _offers(options["config"] or options["fix_into"])
    access = _access(options) if options["vault"] else None
    is_quiet = options["as_json"] or options["as_sarif"]
    coverage, found, interrupted = _scanned(_order(options), is_quiet=is_quiet)
    if access is not None and not interrupted:
        found += run(of_vault(access, coverage))
    findings = with_replacements(veiled(found, coverage, open_engine()), offers)
    if options["update_baseline"] and options["baseline"] is not None and not interrupted:
        before = baseline or Baseline.fresh()
        baseline = before.holding(findings, is_whole=coverage.is_whole)
        write_baseline(options["baseline"], baseline)
    new = findings if baseline is None else baseline.others(findings)
    _answer(options, new, coverage, len(findings) - len(new))
    if not interrupted:
        _fix(options, new)
    for line in coverage.told():
        click.echo(f"not read: {line}", err=True)
    if interrupted:
        raise Exit(interrupted)
    if new or not coverage.is_whole:
        raise Exit(exits.REFUSED if new else exits.PARTLY_READ)


def _check(options: Options) -> None:
    if options["update_baseline"] and options["baseline"] is None:
        raise click.UsageError("--update-baseline: say which file, with --baseline FILE")
    if options["agent"] and options["agent"] != name_from(options["agent"]):
        raise click.UsageError("--agent: write 1 to 48 of a-z 0-9 -")
    if options["fix"] is not None and options["fix_into"] is not None:
        raise click.UsageError("--fix and --fix-into: choose one")
    if options["as_sarif"] and options["as_json"]:
        raise click.UsageError("--sarif and --json: choose one")


def _access(options: Options) -> Access:
    """Return how the Vault is reached; the token never comes from the command line."""
    file = options["vault_token_file"]
    token = os.environ.get("VAULT_TOKEN", "") if file is None else _first_line(file)
    if not token:
        raise click.UsageError("--vault: give --vault-token-file FILE, or VAULT_TOKEN")
    tls = trusting(options["vault_ca_file"])
    return Access(options["vault"], Secret(token), options["vault_namespace"], tls)


def _first_line(file: Path) -> str:
    """Read a token.

    Raises:
        UsageError: the file cannot be read, or what is in it can be no token.
    """
    try:
        token = file.read_text("ascii").partition("\n")[0].strip()
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--vault-token-file: {file} cannot be read as a token") from error
    if not token.isprintable() or " " in token:
        raise click.UsageError(f"--vault-token-file: the first line of {file} is no token")
    return token


def _fix(options: Options, findings: list[Finding]) -> None:
    if options["fix"] is not None:
        scan_fix.write(options["fix"], findings, _source(options["config"]), _names(options))
    if options["fix_into"] is not None and findings:
        scan_fix.write_in(findings, settings_file(options["fix_into"]), _names(options))


def _source(config: Path | None) -> Path:
    """Return the configuration that a fix begins with: the one in use, or the shipped one."""
    file = settings_file(config or Path("config"))
    return file if config is not None or file.is_file() else settings_file(shipped())


def _names(options: Options) -> scan_fix.Names:
    folder = (options["paths"] or (Path(),))[0].resolve()
    name = options["agent"] or name_from(Veil(open_engine(), ()).over(folder.name))
    return scan_fix.Names(name, options["tenant"])


def _order(options: Options) -> Order:
    return Order(
        roots=options["paths"]
        or (() if options["home"] or options["environment"] or options["vault"] else (Path(),)),
        excluded=options["exclude"],
        with_all=options["with_all"],
        with_history=options["history"],
        home=Path.home() if options["home"] else None,
        environment=dict(os.environ) if options["environment"] else None,
    )


def _baseline(options: Options) -> Baseline | None:
    file = options["baseline"]
    if file is None or (options["update_baseline"] and not file.exists()):
        return None
    return read_baseline(file)


def _offers(config: Path | None) -> tuple[Offer, ...]:
    """Read the capabilities; without a configuration there are none, and nothing is wrong."""
    file = settings_file(config or Path("config"))
    return read_offers(file) if config is not None or file.is_file() else ()


def _scanned(order: Order, *, is_quiet: bool) -> tuple[Coverage, list[Finding], int]:
    """Look through everything; return what was read, what was found, and what a signal makes of it.

    What was found until Ctrl-C is told: an hour's work is not thrown away.
    """
    engine = open_engine()
    found: list[Finding] = []
    with watching(sys.stderr, is_quiet=is_quiet) as watcher, obeying() as heard:
        scanning = Scan(engine, order, watcher)
        try:
            with closing(scanning.findings()) as findings:
                found.extend(findings)
        except BaseException:
            if not heard.number:  # a library in C turns the signal into any other exception
                raise
            scanning.coverage.trouble("the rest", "was not looked at: it was interrupted")
    return scanning.coverage, found, heard.exit_code


def _answer(options: Options, new: list[Finding], coverage: Coverage, accepted: int) -> None:
    now_s = SystemClock().now_ms() // 1000
    if options["as_sarif"]:
        click.echo(json.dumps(sarif(new, coverage, now_s), indent=2))
        return
    told = document(new, coverage, accepted, now_s)
    Screen(sys.stdout, as_json=options["as_json"]).answer(told, scan_views.findings)
