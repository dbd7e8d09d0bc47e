"""What a refusal of the broker says (RFC 9457; RFC 6749 §5.2 below ``/oauth``), read with care.

Whatever the body is, a :class:`Problem` comes out. Its texts are for logs and terminals, so what
cannot be printed is escaped here, once.
"""

import re
from typing import Final

import msgspec

from broker import strict_json
from broker.client.endpoint import MAX_ANSWER_BYTES
from broker.errors import InvalidRequestError

MAX_TEXT_CHARS: Final = 2_000
"""More than any detail that the broker writes; what comes from elsewhere is cut off."""

_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
"""RFC 9110 §10.2.3, ``delay-seconds``. A date is not read: this machine's clock may be wrong."""


class Fault(msgspec.Struct, frozen=True):
    """One of many things that are wrong: the member, and what to do about it."""

    field: str = ""
    detail: str = ""


class Problem(msgspec.Struct, frozen=True):
    """What the broker said, as far as it can be read; ``status`` is the HTTP answer's own."""

    status: int = 0
    code: str = ""
    title: str = ""
    detail: str = ""
    field: str = ""
    decision: str = ""
    retry_after_seconds: int = 0
    grown: int = 0
    shrunk: int = 0
    deaths: int = 0
    unsure: int = 0
    digest: str = ""
    faults: tuple[Fault, ...] = ()


class _WireProblem(msgspec.Struct, frozen=True):
    type: str = ""
    title: str = ""
    detail: str = ""
    field: str = ""
    decision: str = ""
    grown: int = 0
    shrunk: int = 0
    deaths: int = 0
    unsure: int = 0
    digest: str = ""
    faults: tuple[Fault, ...] = ()
    error: str = ""
    error_description: str = ""


def parse_problem(status: int, body: bytes, retry_after: str = "") -> Problem:
    """Read an error answer; never raises."""
    wire = _read(body)
    return Problem(
        status=status,
        code=_printable(wire.error or wire.type.rpartition("/")[2]),
        title=_printable(wire.title),
        detail=_printable(wire.detail or wire.error_description),
        field=_printable(wire.field),
        decision=_printable(wire.decision),
        retry_after_seconds=parse_retry_after(retry_after),
        grown=wire.grown,
        shrunk=wire.shrunk,
        deaths=wire.deaths,
        unsure=wire.unsure,
        digest=_printable(wire.digest),
        faults=tuple(
            Fault(_printable(each.field), _printable(each.detail)) for each in wire.faults
        ),
    )


def parse_retry_after(text: str) -> int:
    """Return how many seconds to wait; 0 when the header does not say it plainly."""
    return int(text) if _SECONDS.fullmatch(text) else 0


def _read(body: bytes) -> _WireProblem:
    try:
        document = strict_json.loads(body, max_bytes=MAX_ANSWER_BYTES)
        return msgspec.convert(document, _WireProblem)
    except (InvalidRequestError, msgspec.ValidationError):
        return _WireProblem(title="the answer is no problem document")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:MAX_TEXT_CHARS])
