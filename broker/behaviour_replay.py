"""Runs the detectors over an audit trail, as if it happened now: what would have been found.

It changes nothing and needs nothing but the file: the trail has all that the detectors read.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from broker.behaviour.detecting import Finding, observe
from broker.behaviour.past import Past
from broker.behaviour.rules import Rules
from broker.behaviour.sighting import Sighting, Where, sighting_of
from broker.errors import InvalidRequestError

_LINE: Final = msgspec.json.Decoder(dict[str, object])


@dataclass(slots=True)
class Replayed:
    """What came of a trail."""

    events: int = 0
    sightings: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many findings of each detector."""
        return Counter(str(finding.detector) for finding in self.findings)


def replay(lines: Iterable[bytes], rules: Callable[[str], Rules]) -> Replayed:
    """Read a trail to its end.

    Raises:
        InvalidRequestError: a line is none of an audit trail.
    """
    done, pasts = Replayed(), dict[tuple[str, str], Past]()
    for epoch, sighting in _sightings(lines, done):
        past = pasts.setdefault((sighting.tenant, sighting.agent), Past())
        done.sightings += 1
        done.findings += observe(past, sighting, rules(sighting.tenant), epoch)
    return done


def _sightings(lines: Iterable[bytes], done: Replayed) -> Iterator[tuple[str, Sighting]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        done.events += 1
        try:
            members = _LINE.decode(line)
            where = _where(members)
        except (msgspec.MsgspecError, ValueError, TypeError, KeyError) as error:
            raise InvalidRequestError(f"line {number} is none of an audit trail") from error
        sighting = sighting_of(str(members["type"]), where, members) if where else None
        if sighting is not None:
            yield str(members.get("epoch", "")), sighting


def _where(members: Mapping[str, object]) -> Where | None:
    at = datetime.fromisoformat(str(members["at"]))
    if "bucket" not in members:
        return None  # a gap
    return Where(
        int(str(members["bucket"] or "0"), 16),
        int(str(members["n"])),
        int(str(members["seq"])),
        int(at.timestamp() * 1000),
        str(members["tenant"]),
    )
