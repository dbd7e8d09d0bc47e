"""The documentation page of each problem: ``docs/problems/<word>.md``, also in a wheel."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from broker.errors import ConfigurationError
from broker.http.contract.failures import failures

_PACKAGE: Final = Path(__file__).parents[1]
PLACES: Final = (_PACKAGE / "shipped_problems", _PACKAGE.parent / "docs" / "problems")
"""In a wheel, in a checkout."""


def pages() -> Mapping[str, str]:
    """Read the page of every problem, by its word.

    Raises:
        ConfigurationError: one is missing; the installation is not whole.
    """
    place = next((place for place in PLACES if place.is_dir()), PLACES[0])
    try:
        return {word: (place / f"{word}.md").read_text("utf-8") for word in failures()}
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename}: the page of a problem is missing; install the broker again"
        ) from error
