"""`broker facts check`: what an apply or an import would refuse, on files alone."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from broker.cli.fact_lines import Lines, read_lines, read_pairs
from broker.cli.one import One
from broker.cli.person import this_person
from broker.cli.plain import plain_answer
from broker.cli.policy_files import bundle_files
from broker.cli.progress import NOBODY
from broker.cli.settings import config_option
from broker.clock import SystemClock
from broker.errors import ConfigurationError
from broker.fact_orders import refusal
from broker.facts.change import ChangeSet
from broker.facts.checking import faults_of
from broker.facts.facts import Facts
from broker.facts.planning import planned
from broker.governance.base_facts import base_of_agents
from broker.governance.fact_files import DeclaredFacts, fact_file_paths, read_fact_files
from broker.governance.records import AgentsFile
from broker.model.fact import Hold
from broker.settings.load import Reading

_WHY = "checked"
_IMPORTED = (".csv", ".jsonl", ".ndjson")


@click.command(short_help="Check files of facts, on files alone.")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="FILE…"
)
@config_option
@click.option("--tenant", cls=One, help="CSV and .jsonl files hold relationships of this tenant.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def check(files: tuple[Path, ...], config: Path, *, tenant: str, as_json: bool) -> None:
    """Check files and folders of facts, and imports (.csv, .jsonl), without any ledger.

    Known is what agents.yaml and all these files together say; what only the ledger knows is
    unknown here. Everything that `broker apply -f` or `broker facts import` would refuse is told,
    each with its file and line: names, fields, duplicates, circles, chains that are too long, what
    is related and unknown, what is too large. Imports are looked at one after the other, as they
    are named.
    """
    if not tenant and any(file.suffix.lower() == ".csv" for file in files):
        raise click.UsageError("say with --tenant whose relationships a CSV file holds")
    reading = Reading()
    agents = reading.read(bundle_files(config, reading).agents, AgentsFile)
    declared = read_fact_files(fact_file_paths(_declaring(files), reading), reading)
    imports = [lines for file in _imported(files) if (lines := _lines(file, tenant, reading))]
    if agents is not None and declared.is_whole:
        facts = Facts(base=base_of_agents(agents.value))
        _look(_after(facts, declared, reading), imports, reading)
    reading.finish()
    told = _counted(declared, imports)
    words = ", ".join(f"{number} {name}" for name, number in told.items() if number)
    plain_answer(told, f"All is good: {words}.", as_json)


def _declaring(files: Iterable[Path]) -> Iterable[Path]:
    return (file for file in files if file.is_dir() or file.suffix.lower() not in _IMPORTED)


def _imported(files: Iterable[Path]) -> Iterable[Path]:
    return (file for file in files if not file.is_dir() and file.suffix.lower() in _IMPORTED)


def _lines(file: Path, tenant: str, reading: Reading) -> Lines | None:
    """Read an import; what is wrong with it is noted."""
    hold = Hold(_WHY, this_person(), SystemClock().now_ms())
    try:
        return read_pairs(file, tenant) if tenant else read_lines(file, hold, NOBODY)
    except ConfigurationError as error:
        reading.note(*error.faults)
        return None


def _after(facts: Facts, declared: DeclaredFacts, reading: Reading) -> Facts:
    """Return the facts after what is declared; what is wrong with that is noted."""
    now_ms = SystemClock().now_ms()
    for each in planned(facts, declared.declarations, this_person(), _WHY):
        if each.change.changes:
            faults = faults_of(each.before, each.change, now_ms=now_ms)
            reading.note(*declared.located(each.change, faults))
            facts = each.before.changed(each.change, facts.revision)
    return facts


def _look(facts: Facts, imports: Iterable[Lines], reading: Reading) -> None:
    """Note what is wrong with imports, each on what those before it leave."""
    for lines in imports:
        change = ChangeSet(this_person(), _WHY, lines.changes)
        if faults := faults_of(facts, change, now_ms=SystemClock().now_ms()):
            reading.note(*lines.located(refusal(faults, change)).faults)
        facts = facts.changed(change, facts.revision)


def _counted(declared: DeclaredFacts, imports: Sequence[Lines]) -> dict[str, int]:
    return {
        "things": sum(len(each.things) for each in declared.declarations),
        "relationships": sum(len(each.relationships) for each in declared.declarations),
        "imported": sum(len(each.changes) for each in imports),
    }
