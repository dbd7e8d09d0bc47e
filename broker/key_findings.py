"""What `broker doctor` says of the signing keys: those of the ledger, and the files here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from broker.errors import ConfigurationError
from broker.findings import Line
from broker.settings.settings import Settings
from broker.signing.key_files import load_keys
from broker.store.control_record import ControlRecord
from broker.targets.logins import REMEDY, unbelieved

CHECK: Final = "keys"

_OURS: Final = "keys.directory is the broker's user's alone: mode 700, each file in it 600"


def examine(settings: Settings, record: ControlRecord | None) -> Iterator[Line]:
    """Compare what the ledger shows with the private halves that are here."""
    directory = settings.keys.directory
    place = str(directory)
    active = next((key.kid for key in (record.keys if record else ()) if key.state == "active"), "")
    if record is None or not active:
        yield Line(CHECK, "fail", "none is active", "run `broker keys init`", place)
        return
    faults = [*_unfit(directory)]
    if faults:
        yield from faults
        return
    if active not in {key.kid for key in load_keys(directory)}:
        remedy = f"bring {active}.pem to keys.directory, mode 600"
        yield Line(CHECK, "fail", f"{active} is active and not here", remedy, place)
        return
    states = ", ".join(sorted(f"{key.state} {key.kid[:8]}" for key in record.keys))
    yield Line(CHECK, "ok", states, where=place)
    for name in unbelieved(settings, active):
        what = f"{name} does not believe the key that signs: no login there"
        yield Line("targets", "fail", what, REMEDY, str(settings.targets))


def _unfit(directory: Path) -> Iterator[Line]:
    try:
        load_keys(directory)
    except ConfigurationError as error:
        for fault in str(error).splitlines():
            yield Line(CHECK, "fail", fault, _OURS, str(directory))
