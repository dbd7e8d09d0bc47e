"""Reading a stream to its end and waiting for more: the words and the reply of XREAD."""

from broker.store.link import Reply, Value

Entries = list[tuple[str, dict[str, str]]]
"""Entry id and fields, oldest first."""


def tail_command(stream: str, after: str, *, block_ms: int, count: int) -> tuple[Value, ...]:
    """Ask for entries beyond ``after``. 0 ms is no wait (Redis would take it for "for ever")."""
    wait = ("BLOCK", block_ms) if block_ms > 0 else ()
    return ("XREAD", "COUNT", count, *wait, "STREAMS", stream, after)


def parse_entries(reply: Reply) -> Entries:
    """Read what XREAD of one stream answers; nothing new is no entries."""
    if not reply:
        return []
    [(_, entries)] = reply
    return [(name, _pairs(fields)) for name, fields in entries]


def _pairs(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
