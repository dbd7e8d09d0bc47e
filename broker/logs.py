"""Logging: one line per event, JSON or for people, and never a secret.

- Every line is ASCII: control characters, line separators, bidi marks and lone surrogates are
  escaped (dangers F13).
- A value is written only if it is of a plain type; a :class:`~broker.secret.Secret` and anything
  unknown show a placeholder.
- A trace has the classes and places of an exception. Its text is there only for our own errors:
  what a library puts into a message may be the token that it choked on (dangers F12).
- Records of other libraries lose their arguments and whatever looks like a value: aiohttp logs the
  bytes that offend it, asyncio the arguments that its callbacks hold (dangers M6).
"""

import json
import logging
import math
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, Final, Literal, TextIO

import structlog

from broker.clock import Clock, SystemClock, rfc3339
from broker.secret import PLACEHOLDER, Secret

Style = Literal["json", "console"]
Event = MutableMapping[str, Any]

_MACHINE: Final = SystemClock()
_OURS: Final = ("broker", "backends")
"""The packages whose words are ours: they contain no secret by their own rules."""

_VALUES: Final = re.compile(r"[<(\[{'\"`\n].*", re.DOTALL)
"""From where on a foreign message may hold values instead of words."""

_LONG_WORD: Final = re.compile(r"\S{24,}")
"""What is too long for a word, as tokens, keys and addresses are."""

_MAX_TEXT: Final = 2_000
_MAX_FRAMES: Final = 12
_MAX_CAUSES: Final = 6
_SIMPLE: Final = re.compile(r"[A-Za-z0-9_.:/@+-]+", re.ASCII)


def configure(level: str, style: Style, stream: TextIO, *, clock: Clock = _MACHINE) -> None:
    """Send everything that this process logs to one stream. Call it before anything logs.

    ``level`` is a name of :mod:`logging`: ``debug``, ``info``, ``warning``, ``error``.
    """
    lines = _Lines(style, clock)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[_Foreign(lines, stream)], level=threshold, force=True)
    structlog.configure(
        processors=[structlog.processors.add_log_level, lines],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=partial(_Named, stream),
        cache_logger_on_first_use=False,
    )


class _Named(structlog.WriteLogger):
    """Writes finished lines; remembers the name that it was asked for by."""

    def __init__(self, stream: TextIO, name: str = "") -> None:
        super().__init__(stream)
        self.name = name


class _Lines:
    """Writes an event as one line. Is the last processor of structlog's chain."""

    def __init__(self, style: Style, clock: Clock) -> None:
        self._write = _json_line if style == "json" else _console_line
        self._clock = clock

    def __call__(self, logger: object, _method: str, event: Event) -> str:
        error = _exception(event.pop("exc_info", None))
        facts = {
            "at": rfc3339(self._clock.now_ms()),
            "level": event.pop("level", "info"),
            "event": event.pop("event", ""),
            **({"logger": logger.name} if isinstance(logger, _Named) and logger.name else {}),
            **event,
        }
        if error is not None:
            facts["trace"] = list(_trace(error))
        return self._write({name: _plain(value) for name, value in facts.items()})


class _Foreign(logging.Handler):
    """Takes the records of the standard library's loggers, which other libraries use."""

    def __init__(self, lines: _Lines, stream: TextIO) -> None:
        super().__init__()
        self._lines = lines
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        event: Event = {
            "level": record.levelname.lower(),
            "event": _words(record),
            "logger": record.name,
            "exc_info": record.exc_info,
        }
        self._stream.write(self._lines(None, "", event) + "\n")
        self._stream.flush()


def _words(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] in _OURS:
        return record.getMessage()
    template = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    return _LONG_WORD.sub("[cut]", _VALUES.sub("", template)).strip()


def _exception(given: object) -> BaseException | None:
    if given is True:
        return sys.exc_info()[1]
    if isinstance(given, tuple):
        given = given[1]
    return given if isinstance(given, BaseException) else None


def _trace(error: BaseException) -> Iterator[str]:
    """Name an exception and what it came from, with the places they passed."""
    current: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if current is None:
            return
        kind = type(current)
        is_ours = kind.__module__.partition(".")[0] in _OURS
        yield f"{kind.__qualname__}: {current}" if is_ours else kind.__qualname__
        frames = list(traceback.walk_tb(current.__traceback__))[-_MAX_FRAMES:]
        for frame, line in frames:
            yield f"  {frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}"
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)


def _plain(value: object) -> object:
    """Reduce a value to what JSON has; everything unknown to its type."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return str(value)[:_MAX_TEXT]
        case Mapping():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case list() | tuple() | AbstractSet():
            return [_plain(inner) for inner in value]
        case _:
            return PLACEHOLDER if isinstance(value, Secret) else f"[{type(value).__name__}]"


def _json_line(facts: Mapping[str, object]) -> str:
    # ensure_ascii escapes all but DEL, which json takes for printable.
    return json.dumps(facts, ensure_ascii=True).replace("\x7f", "\\u007f")


def _console_line(facts: Mapping[str, object]) -> str:
    rest = dict(facts)
    head = f"{rest.pop('at')} {rest.pop('level')!s:<8}"
    words = _json_line({"": rest.pop("event")})[6:-2]  # escaped as JSON, without its quotes
    return " ".join([head, words, *(f"{name}={_shown(value)}" for name, value in rest.items())])


def _shown(value: object) -> str:
    text = str(value)
    if isinstance(value, str) and _SIMPLE.fullmatch(text):
        return text
    return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")
