"""All targets of this broker, by name."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from backends.contract import Surroundings
from backends.errors import BackendError
from broker import kinds
from broker.clock import Clock
from broker.errors import ConfigurationError
from broker.targets.settings import Declared, TargetRecord
from broker.targets.target import Bounds, Target, Told


class Targets:
    """Finds targets."""

    def __init__(self, targets: Iterable[Target] = ()) -> None:
        self._by_name: Mapping[str, Target] = MappingProxyType({t.name: t for t in targets})

    def find(self, name: str, kind: str) -> Target | None:
        """Return a target, or None when this broker has none of that name and kind."""
        found = self._by_name.get(name)
        return found if found is not None and found.kind == kind else None

    def named(self, name: str) -> Target | None:
        """Return a target of whatever kind, or None."""
        return self._by_name.get(name)

    def overdue_ms(self, name: str) -> int:
        """Return how long a credential may outlive its end there before the alarm."""
        found = self._by_name.get(name)
        return (found.bounds if found is not None else Bounds()).overdue_ms

    @property
    def overdue_between_ms(self) -> tuple[int, int]:
        """The shortest and the longest of these, what is usual included."""
        every = [Bounds().overdue_ms, *(each.bounds.overdue_ms for each in self._by_name.values())]
        return min(every), max(every)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._by_name)

    @property
    def all(self) -> tuple[Target, ...]:
        """All of them, in the order of the file."""
        return tuple(self._by_name.values())

    def close(self) -> None:
        """Let go of all of them."""
        for target in self._by_name.values():
            target.close()


def open_targets(
    declared: Iterable[Declared], *, surroundings: Surroundings, clock: Clock, told: Told
) -> Targets:
    """Make the targets. Connects to nothing.

    Raises:
        ConfigurationError: what a kind needs is not installed.
    """
    return Targets(_open(each, surroundings, clock, told) for each in declared)


def _open(declared: Declared, surroundings: Surroundings, clock: Clock, told: Told) -> Target:
    record = declared.record
    kind = kinds.find(record.kind)
    if kind is None:
        raise ConfigurationError(f"target {record.name}: no such kind: {record.kind}")
    try:
        backend = kind.open(declared.options, surroundings)
    except BackendError as error:
        raise ConfigurationError(f"target {record.name}: {error}") from error
    return Target(record.name, record.kind, backend, bounds_of(record), clock=clock, told=told)


def bounds_of(record: TargetRecord) -> Bounds:
    """Return what a target may take."""
    return Bounds(
        deadline_ms=record.deadline_ms,
        threads=record.threads,
        queue=record.queue,
        failures=record.failures,
        rest_ms=record.rest_ms,
        overdue_ms=record.overdue_seconds * 1000,
        reconcile_ms=record.reconcile_seconds * 1000,
    )
