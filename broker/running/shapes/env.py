"""Variables that hold the words themselves, for programs that read nothing else.

They are what was held at the start: a renewal does not reach them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.client.secret_forms import variables
from broker.running.shapes.shape import Fitting, Place, one_line, variable_of
from broker.running.source import HeldValues
from broker.secret import Secret


@dataclass(frozen=True, slots=True)
class Env:
    """``PREFIX`` and each word's name; without a prefix the names that the kind's tools read."""

    prefix: str = ""
    is_proxied: bool = False

    def fit(self, held: HeldValues, place: Place) -> Fitting:
        """Return one variable for each word."""
        del place
        return Fitting(
            {
                variable: one_line(held, word)
                for word in held.values
                for variable in self._names(held, word)
            }
        )

    def files(self, held: HeldValues) -> Mapping[str, Secret]:
        """Return none."""
        del held
        return {}

    def _names(self, held: HeldValues, word: str) -> tuple[str, ...]:
        if self.prefix:
            return (self.prefix + variable_of(word),)
        return variables(held.kind, word) or (f"{variable_of(held.name)}_{variable_of(word)}",)
