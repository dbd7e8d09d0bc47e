"""The variables that the command is given: the user's own, less what is ours, and what it needs."""

from collections.abc import Iterable, Mapping
from typing import Final

from broker.running.errors import RunError
from broker.running.shapes.shape import Fitting, Place

_OURS: Final = "BROKER_"
"""What begins so tells `broker` commands who they are, and how they reach the broker."""


class SurroundingsError(RunError):
    """Two needs want the same variable, or the same file, with different contents."""

    remedy = "Give one of them another shape: --as NAME=env:PREFIX."


def less_ours(environment: Mapping[str, str], kept: Iterable[str] = ()) -> dict[str, str]:
    """Return the variables without what the run itself is called by, unless that is asked for."""
    keep = frozenset(kept)
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(_OURS) or name in keep
    }


def of_the_run(place: Place, task: str) -> dict[str, str]:
    """Return what every command is given, whatever it needs."""
    return {
        "BROKER_RUN_URL": place.desk_url,
        "BROKER_RUN_TOKEN": place.desk_token.reveal(),
        "BROKER_RUN_DIR": str(place.folder),
        "BROKER_TASK_ID": task,
    }


def surroundings(environment: Mapping[str, str], fittings: Iterable[Fitting]) -> dict[str, str]:
    """Put the command's variables together.

    Raises:
        SurroundingsError: two needs want the same variable for different things.
    """
    each = list(fittings)
    hidden = frozenset(name for fitting in each for name in fitting.hides)
    wanted = one_of_each("variable", (fitting.variables for fitting in each))
    return {name: text for name, text in environment.items() if name not in hidden} | wanted


def one_of_each(what: str, groups: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Join what needs want.

    Raises:
        SurroundingsError: two want the same name for different things.
    """
    found: dict[str, str] = {}
    for group in groups:
        for name, text in group.items():
            if found.setdefault(name, text) != text:
                raise SurroundingsError(f"two needs want the {what} {name} for different things")
    return found
