"""How each detector is set, by default and as an installation changes it for a tenant."""

from enum import StrEnum
from typing import Final

import msgspec

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 3_600_000


class Action(StrEnum):
    """What a finding leads to, from the mildest on."""

    OFF = "off"
    NOTE = "note"
    FREEZE = "freeze"
    SUSPEND = "suspend"


class Detector(StrEnum):
    """What is looked for."""

    DENIAL_BURST = "denial-burst"
    FIRST_CAPABILITY = "first-capability"
    FIRST_RESOURCE = "first-resource"
    RATE = "rate"
    INSTANCES = "instances"
    SECOND_INSTANCE = "second-instance"
    AFTER_END = "after-end"
    SHOWN_DEAD = "shown-dead"
    STRAY = "stray"
    ORIGIN = "origin"


class Rule(msgspec.Struct, frozen=True):
    """One detector's setting: so many (``threshold``) within ``window_ms`` lead to ``action``.

    Those that compare with the agent's past say nothing before it is known for ``learning_ms``.
    """

    threshold: int
    window_ms: int
    action: Action
    learning_ms: int = 0


DEFAULTS: Final = {
    Detector.DENIAL_BURST: Rule(20, 10 * MINUTE_MS, Action.FREEZE),
    Detector.FIRST_CAPABILITY: Rule(1, DAY_MS, Action.NOTE, 7 * DAY_MS),
    Detector.FIRST_RESOURCE: Rule(1, DAY_MS, Action.NOTE, 7 * DAY_MS),
    Detector.RATE: Rule(50, 60 * MINUTE_MS, Action.NOTE, 7 * DAY_MS),
    Detector.INSTANCES: Rule(1, 10 * MINUTE_MS, Action.NOTE, 7 * DAY_MS),
    Detector.SECOND_INSTANCE: Rule(3, 10 * MINUTE_MS, Action.NOTE),
    Detector.AFTER_END: Rule(5, 10 * MINUTE_MS, Action.NOTE),
    Detector.SHOWN_DEAD: Rule(3, 10 * MINUTE_MS, Action.NOTE),
    Detector.STRAY: Rule(1, 10 * MINUTE_MS, Action.NOTE),
    Detector.ORIGIN: Rule(1, DAY_MS, Action.NOTE, 7 * DAY_MS),
}

NEVER_MORE_THAN_NOTED: Final = frozenset({Detector.SHOWN_DEAD})
"""What others can bring about: whoever was given a token can show it for ever."""

SIGNAL: Final = "signal"
"""What a finding is called that somebody from outside has signed."""

Rules = dict[Detector, Rule]
