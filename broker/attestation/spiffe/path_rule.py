"""From the path of a SPIFFE ID to who its bearer is: patterns that are matched by segments.

A pattern is a path whose segments are words, which have to be there letter by letter, or one of
``{name}``, ``{tenant}``, ``{instance}``, which take what stands there, or ``*``, which drops it.
Nothing matches a part of a segment, or more than one: ``/ns/prod`` is not ``/ns/prod-evil`` (B25).
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from broker import text
from broker.attestation.spiffe.spiffe_id import SpiffeIdError, parse_spiffe_id
from broker.errors import InvalidRequestError
from broker.model.principal import Kind
from broker.settings.fault import Fault

ANY: Final = "*"
NAME: Final = "{name}"
TENANT: Final = "{tenant}"
INSTANCE: Final = "{instance}"

_TAKEN: Final = (NAME, TENANT, INSTANCE)


class PathRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One pattern, and who the bearer of an ID that fits it is.

    ``name`` and ``tenant`` stand for themselves where the path does not say them. What tells two
    running copies apart is ``{instance}`` in the path, or ``instance_claim``, a claim that the
    trust domain puts into its JWT-SVIDs; with neither, all bearers of one ID are one instance.
    """

    path: str
    kind: Kind = Kind.AGENT
    name: str = ""
    tenant: str = ""
    instance_claim: str = ""

    @property
    def steps(self) -> tuple[str, ...]:
        """The segments of the pattern."""
        return tuple(self.path.removeprefix("/").split("/"))

    @property
    def tells_instances_apart(self) -> bool:
        """Tell whether two running copies of one agent can be known from each other."""
        return INSTANCE in self.steps or bool(self.instance_claim)

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """Return what the placeholders took; None when the path does not fit."""
        if len(segments) != len(self.steps):
            return None
        taken: dict[str, str] = {}
        for step, segment in zip(self.steps, segments, strict=True):
            if step in _TAKEN:
                taken[step] = segment
            elif step not in (ANY, segment):
                return None
        return taken

    def overlaps(self, other: "PathRule") -> bool:
        """Tell whether some path fits both."""
        return len(self.steps) == len(other.steps) and all(
            mine == theirs or _is_open(mine) or _is_open(theirs)
            for mine, theirs in zip(self.steps, other.steps, strict=True)
        )

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong."""
        yield from self._path_faults()
        for step, member, value in ((NAME, "name", self.name), (TENANT, "tenant", self.tenant)):
            if step in self.steps and value:
                yield Fault((member,), f"the path has {step} too", "keep one of them")
            if value:
                yield from _name_faults(member, value)
        if NAME not in self.steps and not self.name:
            yield Fault((), "nothing says the name", "write {name} into the path, or give `name`")
        if INSTANCE in self.steps and self.instance_claim:
            yield Fault(("instance_claim",), "the path has {instance} too", "keep one of them")

    def _path_faults(self) -> Iterator[Fault]:
        words = [step for step in self.steps if not _is_open(step)]
        spelled = "/".join("x" if _is_open(step) else step for step in self.steps)
        try:
            parse_spiffe_id(f"spiffe://d/{spelled}")
        except SpiffeIdError as error:
            yield Fault(("path",), str(error), "write /a/path/{name}, as SPIFFE IDs have it")
        if not self.path.startswith("/"):
            yield Fault(("path",), "does not begin with /", "write /a/path/{name}")
        if any(self.steps.count(step) > 1 for step in _TAKEN):
            yield Fault(("path",), "has a placeholder twice", "keep one, and write * for the other")
        if not words:
            yield Fault(
                ("path",),
                "every workload with such a path would be taken",
                "write at least one word that only your agents have, such as /agents/{name}",
            )


def _is_open(step: str) -> bool:
    return step == ANY or step in _TAKEN


def _name_faults(member: str, value: str) -> Iterator[Fault]:
    try:
        text.parse_name(value, field=member)
    except InvalidRequestError as error:
        yield Fault((member,), str(error), "give the registered name")
