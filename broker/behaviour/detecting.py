"""The detectors: each looks at one event and at the agent's past, and says what is odd about it.

:func:`observe` is all there is: it changes nothing but the past that it is given, reads no clock,
and answers the same for the same events in the same order.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from broker.behaviour.past import Mark, Past
from broker.behaviour.rules import NEVER_MORE_THAN_NOTED, Action, Detector, Rule
from broker.behaviour.sighting import Seen, Sighting

EVIDENCE: Final = 20
"""Events that one finding names: the last ones."""

FACTOR: Final = 5
"""So many times the busiest hour that an agent ever had is far from its own past."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something odd. ``evidence`` are seqs of the log, ``tasks`` those that the events were in."""

    id: str
    detector: str
    action: Action
    tenant: str
    agent: str
    at_ms: int
    count: int
    limit: int
    what: str = ""
    """The name that is new, where one is."""
    tasks: tuple[str, ...] = ()
    evidence: tuple[int, ...] = ()
    epoch: str = ""


class Odd(msgspec.Struct, frozen=True):
    """What one detector says: how much of what, against which bound, and by which events."""

    count: int
    limit: int
    marks: Sequence[Mark]
    what: str = ""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks of the last events."""
        return tuple(dict.fromkeys(mark.task for mark in self.marks[-EVIDENCE:] if mark.task))

    @property
    def about(self) -> tuple[str, ...]:
        """What it is about: a name that is new, or else tasks."""
        return (self.what,) if self.what else self.tasks


Look = Callable[[Past, Sighting, Rule], Odd | None]


def observe(
    past: Past, sighting: Sighting, rules: Mapping[Detector, Rule], epoch: str
) -> list[Finding]:
    """Take an event into an agent's past, and return what is odd about it; nothing for a repeat.

    A finding empties its window, so the same events are never found twice; and it is silent about
    the same tasks, or the same name, for one window.
    """
    if not past.takes(sighting, epoch):
        return []
    found = []
    for detector, look in _LOOKS[sighting.what]:
        rule = rules.get(detector)
        if rule is None or rule.action is Action.OFF:
            continue
        odd = look(past, sighting, rule)
        if odd is None or past.is_quiet(detector, odd.about):
            continue
        past.hushes(detector, odd.about, rule.window_ms)
        found.append(_finding(past, sighting, detector, rule, odd))
    return found


def _finding(past: Past, seen: Sighting, detector: Detector, rule: Rule, odd: Odd) -> Finding:
    marks = odd.marks[-EVIDENCE:]
    noted = detector in NEVER_MORE_THAN_NOTED
    return Finding(
        id=_id(seen, detector),
        detector=detector,
        action=Action.NOTE if noted else rule.action,
        tenant=seen.tenant,
        agent=seen.agent,
        at_ms=past.now_ms,
        count=odd.count,
        limit=odd.limit,
        what=odd.what,
        tasks=odd.tasks,
        evidence=tuple(mark.seq for mark in marks),
        epoch=past.epoch,
    )


def _id(seen: Sighting, detector: Detector) -> str:
    """Name a finding by the event that it was made at, so that a repeat has the same name."""
    text = f"{seen.tenant}\n{seen.agent}\n{detector}\n{seen.bucket}\n{seen.n}\n{seen.at_ms}"
    letters = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()
    return f"f_{seen.bucket:02x}_{letters[:26]}"


def _many(detector: Detector) -> Look:
    """Make a detector of too many events within its window."""

    def look(past: Past, sighting: Sighting, rule: Rule) -> Odd | None:
        marks = past.window(detector, sighting, rule.window_ms)
        if len(marks) < rule.threshold:
            return None
        return Odd(len(marks), rule.threshold, marks)

    return look


def _first(kind: str) -> Look:
    """Make a detector of a name that the agent never used before."""

    def look(past: Past, sighting: Sighting, rule: Rule) -> Odd | None:
        name = str(getattr(sighting, kind))
        if not name or past.uses(kind, name) is not None or past.age_ms() < rule.learning_ms:
            return None
        return Odd(1, 1, [_mark(past, sighting)], name)

    return look


def _rate(past: Past, sighting: Sighting, rule: Rule) -> Odd | None:
    """Look whether this hour brings far more than any before."""
    count = past.counts_hour()
    limit = max(rule.threshold, FACTOR * max(past.hours, default=0))
    marks = past.window(Detector.RATE, sighting, rule.window_ms)
    if past.age_ms() < rule.learning_ms or count <= limit:
        return None
    return Odd(count, limit, marks)


def _instances(past: Past, sighting: Sighting, rule: Rule) -> Odd | None:
    """Look whether more copies run at once than ever before."""
    if not sighting.instance:
        return None
    past.uses("instance", sighting.instance)
    running = past.known("instance", past.now_ms - rule.window_ms)
    limit = max(past.most_instances, rule.threshold)
    past.most_instances = max(past.most_instances, running)
    if past.age_ms() < rule.learning_ms or running <= limit:
        return None
    return Odd(running, limit, [_mark(past, sighting)], sighting.instance)


def _mark(past: Past, sighting: Sighting) -> Mark:
    return Mark(past.now_ms, sighting.seq, sighting.task)


_LOOKS: Final[Mapping[Seen, Sequence[tuple[Detector, Look]]]] = {
    Seen.DENIED: ((Detector.DENIAL_BURST, _many(Detector.DENIAL_BURST)),),
    Seen.ISSUED: (
        (Detector.FIRST_CAPABILITY, _first("capability")),
        (Detector.FIRST_RESOURCE, _first("resource")),
        (Detector.RATE, _rate),
        (Detector.INSTANCES, _instances),
        (Detector.ORIGIN, _first("origin")),
    ),
    Seen.RENEWED: (),
    Seen.CLAIMED: ((Detector.INSTANCES, _instances),),
    Seen.KNOCKED: ((Detector.SECOND_INSTANCE, _many(Detector.SECOND_INSTANCE)),),
    Seen.AFTER_END: ((Detector.AFTER_END, _many(Detector.AFTER_END)),),
    Seen.STRAYED: ((Detector.STRAY, _many(Detector.STRAY)),),
    Seen.SHOWN_DEAD: ((Detector.SHOWN_DEAD, _many(Detector.SHOWN_DEAD)),),
}
