"""What a command needs: capabilities, each under a name of its own within the run.

``--need CAPABILITY`` or ``--need NAME=CAPABILITY``; what else is said of a need (``--scope``,
``--as``, ``--credential-ttl``) begins with ``NAME=``, and may leave that out where there is one
need alone.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from broker.client.results import Ceiling
from broker.running.errors import RunError
from broker.running.shapes.catalogue import WORDS, parse_shape
from broker.running.shapes.shape import Shape

T = TypeVar("T")

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One credential of a run."""

    name: str
    capability: str
    scopes: tuple[str, ...]
    """To do what; none: the only thing that the task leaves room for."""
    ttl_seconds: int | None = None
    shapes: tuple[Shape, ...] = ()
    """How the command takes it; none: as its kind is usually taken."""

    @property
    def is_proxied(self) -> bool:
        """Tell whether the command gets stand-ins alone."""
        return any(shape.is_proxied for shape in self.shapes)


class ScopeUnsaidError(RunError):
    """A need does not say to do what, and the task leaves room for nothing, or for several."""

    remedy = "Say it: --scope SCOPE."

    def __init__(self, name: str, capability: str, found: Sequence[str]) -> None:
        which = f"say which: {', '.join(found)}" if found else "the task may not have it"
        super().__init__(f"{name} ({capability}) has no scope: {which}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command line says of needs, as it was written."""

    needs: Sequence[str]
    scopes: Sequence[str] = ()
    shapes: Sequence[str] = ()
    ttls: Sequence[str] = ()


def read_needs(
    said: Said,
    span: Callable[[str], int],
    shape: Callable[[str], Shape] = parse_shape,
    written: Iterable[Need] = (),
) -> tuple[Need, ...]:
    """Put the needs together.

    Args:
        said: the texts.
        span: reads a duration, in seconds; raises ValueError.
        shape: reads a shape; raises ValueError.
        written: needs that were declared elsewhere. What is said of one by its name takes the place
            of what is written; one that is said anew by its name takes its place whole.

    Raises:
        ValueError: they do not go together; the text says which and the fix.
    """
    named = _named(said.needs)
    known = {need.name: need for need in written if need.name not in named}
    names = [*known, *named]
    scopes = _by_need(names, "--scope", said.scopes, str)
    shapes = _by_need(names, "--as", said.shapes, shape)
    ttls = _by_need(names, "--credential-ttl", said.ttls, span)
    return tuple(
        _need(known.get(name) or named[name], name, scopes[name], shapes[name], ttls[name])
        for name in names
    )


def ceiling_of(needs: Iterable[Need]) -> tuple[Ceiling, ...]:
    """Return the least ceiling of a task that may have all of them."""
    scopes: dict[str, dict[str, None]] = {}
    for need in needs:
        scopes.setdefault(need.capability, {}).update(dict.fromkeys(need.scopes))
    return tuple(Ceiling(capability, tuple(found)) for capability, found in scopes.items())


def within(need: Need, ceiling: Iterable[Ceiling]) -> Need:
    """Return the need with the scope that it did not say, by the ceiling of its task.

    Raises:
        ScopeUnsaidError: the task has no such capability, or leaves room for several scopes.
    """
    if need.scopes:
        return need
    found = sorted(
        {s for line in ceiling if line.capability == need.capability for s in line.scopes}
    )
    if len(found) != 1:
        raise ScopeUnsaidError(need.name, need.capability, found)
    return replace(need, scopes=tuple(found))


def check_name(name: str) -> str:
    """Return a need's name if it can stand in a path, a URL and a variable.

    Raises:
        ValueError: it cannot, or is what a shape begins with.
    """
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a need: write letters, digits and . _ -")
    if name in WORDS:
        raise ValueError(f"a need cannot be called {name!r}, as a shape is: name it otherwise")
    return name


def usual_name(capability: str) -> str:
    """Return what a need is called that was given no name."""
    return _NOT_IN_NAMES.sub("-", capability)


def _named(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        before, mark, after = text.partition("=")
        capability = after if mark else before
        name = check_name(before if mark else usual_name(capability))
        if not capability:
            raise ValueError(f"--need {text}: names no capability")
        if name in found:
            raise ValueError(f"two needs are called {name}: write NAME=CAPABILITY")
        found[name] = capability
    return found


def _by_need(
    names: Sequence[str], option: str, texts: Sequence[str], read: Callable[[str], T]
) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {name: [] for name in names}
    for text in texts:
        before, mark, after = text.partition("=")
        if mark and before in found:
            found[before].append(read(after))
        elif len(names) == 1:
            found[names[0]].append(read(text))
        else:
            known = ", ".join(names)
            raise ValueError(f"{option} {text}: say for which need: NAME={text} ({known})")
    return found


def _need(
    written: Need | str, name: str, scopes: list[str], shapes: list[Shape], ttls: list[int]
) -> Need:
    """Make one of a capability's name, or of a need that is written with what is said of it."""
    if isinstance(written, str):
        written = Need(name=name, capability=written, scopes=())
    if len(ttls) > 1:
        raise ValueError(f"{name} has two lives: give --credential-ttl once")
    return replace(
        written,
        scopes=tuple(scopes) or written.scopes,
        ttl_seconds=ttls[0] if ttls else written.ttl_seconds,
        shapes=tuple(shapes) or written.shapes,
    )
