"""Telling somebody at once, and knowing whether it arrived."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who has said that the alarm arrived, and why others have not. Nobody: it did not arrive."""

    by: tuple[str, ...]
    troubles: tuple[str, ...]

    @property
    def has_arrived(self) -> bool:
        """Tell whether anybody has."""
        return bool(self.by)


class AlarmPort(Protocol):
    """Whoever tells."""

    async def sound(
        self, id_: str, type_: str, tenant: str, detail: Mapping[str, object]
    ) -> Arrival:
        """Tell everybody whose answer counts, within a bounded time; it raises nothing.

        Twice with one id: it is told again, and known again.
        """
        ...


class NoAlarm:
    """Where nobody is to be told of anything."""

    async def sound(
        self, id_: str, type_: str, tenant: str, detail: Mapping[str, object]
    ) -> Arrival:
        """Say so."""
        del id_, type_, tenant, detail
        return Arrival((), ("nobody is to be told of anything",))
