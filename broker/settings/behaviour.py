"""The ``behaviour`` section: what is looked for in what agents do, and what follows from it."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from broker.behaviour.past import EVENTS
from broker.behaviour.rules import DAY_MS, DEFAULTS, Action, Detector, Rule, Rules
from broker.settings.fault import Fault

_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


class DetectorSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a detector's default is changed."""

    action: Action | None = None
    """What a finding leads to: off, note, freeze or suspend."""
    threshold: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """How many it takes; for windows of single events at most 128."""
    window_seconds: Annotated[int, Meta(ge=1, le=86_400)] | None = None
    """Within how long; for as long the detector is silent after a finding."""
    learning_days: Annotated[int, Meta(ge=0, le=365)] | None = None
    """For how long an agent must be known before it is compared with its own past."""

    def over(self, rule: Rule) -> Rule:
        """Return a rule with this changed."""
        window = self.window_seconds
        learning = self.learning_days
        return Rule(
            rule.threshold if self.threshold is None else self.threshold,
            rule.window_ms if window is None else window * 1000,
            self.action or rule.action,
            rule.learning_ms if learning is None else learning * DAY_MS,
        )


Changes = Mapping[Detector, DetectorSetting]


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is looked for."""

    detectors: dict[Detector, DetectorSetting] = msgspec.field(default_factory=dict)
    """By detector: what of its default is changed, for every tenant. Default nothing."""
    tenants: dict[str, dict[Detector, DetectorSetting]] = msgspec.field(default_factory=dict)
    """By tenant, the same. Default nothing."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        yield from _faults(("detectors",), self.detectors)
        for tenant, changes in self.tenants.items():
            if _TENANT.fullmatch(tenant) is None:
                yield Fault(("tenants", tenant), "is no tenant's name", "write it as agents.yaml")
            yield from _faults(("tenants", tenant), changes)

    def rules(self, tenant: str) -> Rules:
        """Return how each detector is set in a tenant."""
        return {
            detector: _over(self.tenants.get(tenant, {}), detector, _over(self.detectors, detector))
            for detector in Detector
        }


def _over(changes: Changes, detector: Detector, rule: Rule | None = None) -> Rule:
    changed = changes.get(detector, DetectorSetting())
    return changed.over(rule or DEFAULTS[detector])


_COUNTED_SINGLY: Final = (Detector.DENIAL_BURST, Detector.AFTER_END, Detector.SHOWN_DEAD)


def _faults(at: tuple[str, ...], changes: Changes) -> Iterator[Fault]:
    for detector in _COUNTED_SINGLY:
        threshold = changes.get(detector, DetectorSetting()).threshold
        if threshold is not None and threshold > EVENTS:
            yield Fault(
                (*at, str(detector), "threshold"),
                f"so many events are not remembered: {threshold}",
                f"write at most {EVENTS}",
            )
