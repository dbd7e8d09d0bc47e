"""Whether the targets that the broker logs in to with its own tokens believe its keys."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from backends.login import LogsIn
from broker import kinds
from broker.errors import ConfigurationError, LocatedFault
from broker.settings.fault import Fault
from broker.settings.load import Reading
from broker.settings.settings import Settings
from broker.signing.key_files import load_keys
from broker.targets.settings import Declared, TargetsFile, load_targets

REMEDY = "rotate to one: broker keys rotate --alg ES256"


def login_warnings(settings: Settings) -> Iterator[LocatedFault]:
    """Warn of targets that would believe no key of this machine; of none, if there is no key yet.

    Which of several signs is known to the ledger alone: `broker doctor` asks it.
    """
    if settings.targets is None:
        return
    here = frozenset(_algorithms(settings.keys.directory).values())
    loaded = Reading().read(settings.targets, TargetsFile)
    for name, believed in _picky(load_targets(settings)):
        if here and not here & believed and loaded is not None:
            index = [record.name for record in loaded.value.targets].index(name)
            message = f"believes {_shown(believed)}, and the keys here are {_shown(here)}"
            yield loaded.document.locate(Fault(("targets", index, "options"), message, REMEDY))


def unbelieved(settings: Settings, kid: str) -> list[str]:
    """Name the targets that do not believe the key of this name; none if they cannot be read."""
    alg = _algorithms(settings.keys.directory).get(kid)
    try:
        picky = list(_picky(load_targets(settings)))
    except ConfigurationError:
        return []
    return [name for name, believed in picky if alg is not None and alg not in believed]


def _picky(declared: Iterable[Declared]) -> Iterator[tuple[str, frozenset[str]]]:
    for each in declared:
        kind: object = kinds.find(each.record.kind)
        if isinstance(kind, LogsIn) and (believed := kind.algorithms(each.options)):
            yield each.record.name, believed


def _algorithms(directory: Path) -> Mapping[str, str]:
    """Return what each key of a directory signs with; nothing where that cannot be seen."""
    try:
        return {key.kid: key.alg for key in load_keys(directory)}
    except (ConfigurationError, OSError):
        return {}


def _shown(algorithms: frozenset[str]) -> str:
    return ", ".join(sorted(algorithms))
