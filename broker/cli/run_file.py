"""The run file: what `broker run` would be told by options, written down once.

It is read only where it is named (``--file``), whole and strictly; every fault is told with its
line. The command line wins: an option takes the place of the file's member, and needs are added.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from broker.cli.run_spec import LENGTHS, NeedSpec, ProxySpec, RunSpec, seconds_of
from broker.errors import ConfigurationError, InvalidRequestError
from broker.proxy.declared import Declared, parse_routes
from broker.running.need import Need, check_name, usual_name
from broker.running.shapes.catalogue import parse_shape
from broker.settings.fault import Fault
from broker.settings.load import Reading

_SAID: Final = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
_STEP: Final = re.compile(r"(\w+)|\[(\d+)\]")
_AS_OPTIONS: Final = (
    *("agent", "tenant", "on_behalf_of", "tickets", "resources", "parent", "opener_token_file"),
    *("on_revoked", "may_ask", "keep_env"),
)
"""Members that are called as the option's parameter is, and have its type."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """A run file without a fault; an empty one where none was named."""

    needs: tuple[Need, ...] = ()
    routes: tuple[Declared, ...] = ()
    command: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    """By the name of the option's parameter."""

    def fill(self, context: click.Context, given: dict[str, Any]) -> None:
        """Put in what neither the command line nor a variable says."""
        is_said = {name for name in given if context.get_parameter_source(name) in _SAID}
        if "task_id" in is_said:
            is_said.add("name")  # a task that is open has a name
        given |= {name: value for name, value in self.options.items() if name not in is_said}


def read_run_file(file: Path) -> RunFile:
    """Read one. Paths in it are taken from the folder that it is in.

    Raises:
        ConfigurationError: it cannot be read, or has a fault; it carries every one.
    """
    reading = Reading()
    loaded = reading.read(file, RunSpec)
    if loaded is not None:
        for fault in _faults(loaded.value, file.parent):
            reading.note_in(loaded.document, fault)
    reading.finish()
    if loaded is None:
        raise ConfigurationError(f"{file}: nothing could be read")
    return _built(loaded.value, file.parent)


def _built(spec: RunSpec, folder: Path) -> RunFile:
    needs = tuple(_need(each, folder) for each in spec.needs)
    routes = parse_routes(spec.proxy.routes) if spec.proxy else ()
    return RunFile(needs, routes, tuple(spec.command), _options(spec))


def _need(spec: NeedSpec, folder: Path) -> Need:
    length = spec.credential_ttl
    return Need(
        name=_name(spec),
        capability=spec.capability,
        scopes=tuple(spec.scopes),
        ttl_seconds=None if length is None else seconds_of("credential_ttl", length),
        shapes=tuple(parse_shape(text, folder) for text in _shapes(spec)),
    )


def _options(spec: RunSpec) -> dict[str, Any]:
    found = {name: getattr(spec, name) for name in _AS_OPTIONS} | {"name": spec.task}
    lengths = {name: getattr(spec, name, None) for name in LENGTHS}
    found |= {name: seconds_of(name, each) for name, each in lengths.items() if each is not None}
    if spec.proxy is not None:
        found |= {
            "only_declared": spec.proxy.only_declared,
            "upstream_ca": spec.proxy.upstream_ca,
            "proxy_log": spec.proxy.log,
        }
    return {name: value for name, value in found.items() if value not in (None, "", [], False)}


def _faults(spec: RunSpec, folder: Path) -> Iterator[Fault]:
    """Find what needs to be known of more than one member."""
    taken: set[str] = set()
    for number, need in enumerate(spec.needs):
        yield from (fault.under("needs", number) for fault in _faults_of_need(need, folder))
        if _name(need) in taken:
            message = f"two needs are called {_name(need)}"
            yield Fault(("needs", number), message, "give this one another `name`")
        taken.add(_name(need))
    if spec.proxy is not None:
        yield from _faults_of_routes(spec.proxy, taken)


def _faults_of_need(spec: NeedSpec, folder: Path) -> Iterator[Fault]:
    try:
        check_name(_name(spec))
    except ValueError as error:
        yield Fault(("name" if spec.name else "capability",), str(error), "name it so")
    for text in _shapes(spec):
        try:
            parse_shape(text, folder)
        except ValueError as error:
            yield Fault(("as",), str(error), "docs/run.md has all shapes")


def _faults_of_routes(spec: ProxySpec, needs: set[str]) -> Iterator[Fault]:
    try:
        routes = parse_routes(spec.routes)
    except InvalidRequestError as error:
        yield Fault(_path(error.field), str(error), "docs/proxy.md has all members").under("proxy")
        return
    for number, route in enumerate(routes):
        if route.need not in needs:
            place = ("proxy", "routes", number, "need")
            known = ", ".join(sorted(needs)) or "none"
            yield Fault(place, "is for a need that is not here", f"the needs are: {known}")


def _path(field: str) -> tuple[str | int, ...]:
    return tuple(name or int(number) for name, number in _STEP.findall(field))


def _name(spec: NeedSpec) -> str:
    return spec.name or usual_name(spec.capability)


def _shapes(spec: NeedSpec) -> list[str]:
    return [spec.shapes] if isinstance(spec.shapes, str) else spec.shapes
