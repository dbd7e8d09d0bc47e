"""What an agent was given and did with it, counted record by record in bounded memory.

Evidence only: what nobody could have seen is not counted as not having happened. A record whose
members are not as they must be counts for nothing but in ``unread``.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from broker.use_words import USING

MOST_NAMES: Final = 200
"""Different lines, reasons, people counted of an agent each by itself; others together."""

OTHERS: Final = "*"

Counts = dict[str, int]
Said = Counts | msgspec.UnsetType
"""Left out of packets from before anything was said: they keep their digest."""

Record = Mapping[str, object]


class Usage(msgspec.Struct):
    """All that was seen of one agent in one tenant.

    ``granted``, ``used`` and ``denied`` count by ``CAPABILITY SCOPE`` (denied: and the reason);
    ``used`` counts credentials that a resource server was seen to accept. ``tasks`` were opened for
    it, ``handed_on`` by it for others, ``children`` of the former were handed on to it.

    What the agent's own side says stands apart, because nobody has checked it: ``said`` counts uses
    by line, ``said_refused`` what its proxy refused, by the problem.
    """

    granted: Counts = msgspec.field(default_factory=dict)
    used: Counts = msgspec.field(default_factory=dict)
    denied: Counts = msgspec.field(default_factory=dict)
    behalf: Counts = msgspec.field(default_factory=dict)
    findings: Counts = msgspec.field(default_factory=dict)
    tasks: int = 0
    children: int = 0
    handed_on: int = 0
    credentials: int = 0
    renewed: int = 0
    break_glass: int = 0
    last_granted: str = ""
    last_used: str = ""
    said: Said = msgspec.UNSET
    said_refused: Said = msgspec.UNSET
    last_said: str | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def new(cls) -> "Usage":
        """Begin one of which nothing was said."""
        return cls(said={}, said_refused={}, last_said="")


class UsageBook:
    """The usage of every agent of one tenant, from audit records in their order."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self.agents: dict[str, Usage] = {}
        self.unread = 0
        self._readers: Mapping[str, Callable[[Record], None]] = {
            "task.opened": self._opened,
            "lease.issued": self._issued,
            "lease.renewed": self._renewed,
            "lease.used": self._used,
            "use.said": self._said,
            "decision.denied": self._denied,
        }

    def add(self, record: Record) -> None:
        """Count a record, if it is of the tenant and about an agent."""
        if record.get("tenant") != self._tenant:
            return
        kind = str(record.get("type", ""))
        reader = self._readers.get(kind, self._other)
        try:
            reader(record)
        except (TypeError, ValueError):
            self.unread += 1

    def of(self, agent: str) -> Usage:
        """Return what was seen of an agent; nothing, if nothing was."""
        return self.agents.get(agent, Usage.new())

    def _agent(self, name: object) -> Usage:
        if not isinstance(name, str) or not name:
            raise TypeError("no agent")
        return self.agents.setdefault(name, Usage.new())

    def _opened(self, record: Record) -> None:
        usage = self._agent(record.get("agent"))
        usage.tasks += 1
        actors = _texts(record.get("actors"))
        if len(actors) > 1:
            usage.children += 1
            self._agent(actors[-2]).handed_on += 1
        if behalf := record.get("on_behalf_of"):
            _count(usage.behalf, _text(behalf))

    def _issued(self, record: Record) -> None:
        usage = self._agent(record.get("agent"))
        usage.credentials += 1
        usage.last_granted = _text(record.get("at"))
        for line in lines_of(record):
            _count(usage.granted, line)

    def _renewed(self, record: Record) -> None:
        self._agent(record.get("agent")).renewed += 1

    def _used(self, record: Record) -> None:
        usage = self._agent(record.get("agent"))
        usage.last_used = _text(record.get("at"))
        for line in lines_of(record):
            _count(usage.used, line)

    def _said(self, record: Record) -> None:
        usage = self._agent(record.get("agent"))
        for use in _rows(record.get("uses")):
            times = _number(use.get("times"))
            if use.get("outcome") == "refused":
                _count(_begun(usage.said_refused), _text(use.get("problem", "")) or OTHERS, times)
            elif use.get("credential") and use.get("outcome") in USING:
                usage.last_said = _text(record.get("at"))
                for line in lines_of(use):
                    _count(_begun(usage.said), line, times)

    def _denied(self, record: Record) -> None:
        asked = record.get("request")
        if not isinstance(asked, Mapping):
            raise TypeError("no request")
        usage, reason = self._agent(asked.get("agent")), _text(record.get("reason"))
        found = list(lines_of(asked)) or [_text(asked.get("action"))]
        for line in found:
            _count(usage.denied, f"{line} {reason}")

    def _other(self, record: Record) -> None:
        """Count what other parts tell of an agent: emergencies, and what detectors found."""
        part, _, _ = str(record.get("type", "")).partition(".")
        if part not in _OTHER_PARTS or not isinstance(record.get("agent"), str):
            return
        usage = self._agent(record.get("agent"))
        if part == "breakglass":
            usage.break_glass += record.get("type") == "breakglass.opened"
        else:
            _count(usage.findings, _text(record.get("type")))


_OTHER_PARTS: Final = frozenset({"breakglass", "behaviour"})


def lines_of(record: Record) -> Iterator[str]:
    """Yield what a record is about as lines of a ceiling."""
    capability = record.get("capability")
    if not capability:
        return
    for scope in _texts(record.get("scopes")):
        yield f"{_text(capability)} {scope}"


def _begun(counts: Said) -> Counts:
    assert not isinstance(counts, msgspec.UnsetType)  # noqa: S101 - every one here is a new one
    return counts


def _count(counts: Counts, name: str, times: int = 1) -> None:
    if name not in counts and len(counts) >= MOST_NAMES:
        name = OTHERS
    counts[name] = counts.get(name, 0) + times


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value[:512]


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("no number")
    return value


def _rows(value: object) -> list[Record]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, Mapping) for each in value):
        raise TypeError("no list of records")
    return [*value]


def _texts(value: object) -> list[str]:
    if not isinstance(value, list | tuple):
        raise TypeError("no list")
    return [_text(each) for each in value]
