"""What is written to the log, and what never is."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from broker.errors import BrokerError, StoreUnavailableError
from broker.logs import Style, configure
from broker.secret import Secret
from tests.fakes.clock import FakeClock

NOW = "2027-01-15T08:00:00.000Z"
NASTY = "a\r\nb\x00c\x1b[31md\x7fe\x85f\u2028g\u202eh\ud800i"
CANARY = "canary.eyJhbGciOiJFUzI1NiJ9.value"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the lines go; logging is as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def start(stream: io.StringIO, style: Style = "json", level: str = "debug") -> None:
    """Configure logging into the stream."""
    configure(level, style, stream, clock=FakeClock())


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """Read all lines back."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_object(stream: io.StringIO) -> None:
    """Instant, level, event, logger, and its facts."""
    start(stream)

    structlog.get_logger("broker.reaper").warning("late", bucket=7, names=("a", "b"), ok=True)

    assert lines(stream) == [
        {
            "at": NOW,
            "level": "warning",
            "event": "late",
            "logger": "broker.reaper",
            "bucket": 7,
            "names": ["a", "b"],
            "ok": True,
        }
    ]


@pytest.mark.parametrize("style", ["json", "console"])
def test_nothing_in_a_value_breaks_a_line(stream: io.StringIO, style: Style) -> None:
    """As many lines as events, all of them ASCII without controls (F13)."""
    start(stream, style)
    log = structlog.get_logger()

    for text in (NASTY, "plain"):
        log.info(text, value=text, inner={"key": [text]}, **{f"name{len(text)}": text})
        logging.getLogger("broker.store").warning("%s", text)

    written = stream.getvalue().split("\n")
    assert len(written) == 5
    assert written.pop() == ""
    assert all(line.isascii() and line.isprintable() for line in written)


def test_json_gives_values_back_unchanged(stream: io.StringIO) -> None:
    """Escaping loses nothing."""
    start(stream)

    structlog.get_logger().info("x", value=NASTY)

    assert lines(stream)[0]["value"] == NASTY


def test_console_lines_are_for_people(stream: io.StringIO) -> None:
    """Words first, then name=value."""
    start(stream, "console")

    structlog.get_logger().info("request refused", code="not-found", detail="no such path")

    assert stream.getvalue() == (
        f'{NOW} info     request refused code=not-found detail="no such path"\n'
    )


class Holder:
    """An object of unknown make, with a telling representation."""

    def __repr__(self) -> str:
        """Tell."""
        return CANARY


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Secret(CANARY), "[secret]"),
        ([Secret(CANARY)], ["[secret]"]),
        ({"a": Secret(CANARY)}, {"a": "[secret]"}),
        (CANARY.encode(), "[bytes]"),
        (Holder(), "[Holder]"),
        (ValueError(CANARY), "[ValueError]"),
        (float("nan"), "nan"),
        (frozenset({1}), [1]),
        (None, None),
        ("x" * 5_000, "x" * 2_000),
    ],
)
def test_only_plain_values_are_written(stream: io.StringIO, value: object, shown: object) -> None:
    """Everything else shows what it is, and not what it holds."""
    start(stream)

    structlog.get_logger().info("x", value=value)

    assert lines(stream)[0]["value"] == shown
    assert CANARY not in stream.getvalue()


def choke() -> None:
    """Fail as a library does, with the token in its words."""
    raise RuntimeError(f"cannot parse {CANARY}")


def fail() -> None:
    """Fail in a library, and wrap that as we do."""
    try:
        choke()
    except RuntimeError as error:
        raise StoreUnavailableError("no reply within 2000 ms") from error


def test_a_trace_has_places_and_only_our_words(stream: io.StringIO) -> None:
    """What a library puts into a message may be the secret that it choked on (F12)."""
    start(stream)

    try:
        fail()
    except BrokerError:
        structlog.get_logger().exception("failed")

    trace = lines(stream)[0]["trace"]
    assert isinstance(trace, list)
    heads = [line for line in trace if not line.startswith(" ")]
    assert heads == ["StoreUnavailableError: no reply within 2000 ms", "RuntimeError"]
    assert any("test_logs" in line and "fail" in line for line in trace)
    assert CANARY not in stream.getvalue()


def test_a_trace_of_a_loop_of_causes_ends(stream: io.StringIO) -> None:
    """However they are tied together."""
    start(stream)
    one, other = ValueError("a"), KeyError("b")
    one.__cause__, other.__cause__ = other, one

    structlog.get_logger().error("failed", exc_info=one)

    assert len(lines(stream)[0]["trace"]) == 6  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "arguments", "shown"),
    [
        ("Error handling request from %s", (CANARY,), "Error handling request from %s"),
        (f"Bad status line:\n  {CANARY}", (), "Bad status line:"),
        (f"Exception in callback f({CANARY!r})", (), "Exception in callback f"),
        (f"Task exception was never retrieved\nfuture: {CANARY}", (), None),
        (f"refused {CANARY}", (), "refused [cut]"),
        (f"refused '{CANARY}'", (), "refused"),
    ],
)
def test_other_libraries_lose_their_values(
    stream: io.StringIO, message: str, arguments: tuple[object, ...], shown: str | None
) -> None:
    """The words are enough to know what to look for (M6)."""
    start(stream)

    for name in ("aiohttp.server", "asyncio", "redis"):
        try:
            choke()
        except RuntimeError:
            logging.getLogger(name).exception(message, *arguments)

    assert CANARY not in stream.getvalue()
    for line in lines(stream):
        assert line["event"] == (shown or "Task exception was never retrieved")
        assert line["trace"][0] == "RuntimeError"  # type: ignore[index]


def test_records_of_ours_keep_their_values(stream: io.StringIO) -> None:
    """Our own modules write what they mean."""
    start(stream)

    logging.getLogger("broker.store.mux_link").warning("reconnected after %d ms", 7)

    assert lines(stream)[0]["event"] == "reconnected after 7 ms"


def test_what_is_below_the_level_is_not_written(stream: io.StringIO) -> None:
    """From structlog and from logging alike."""
    start(stream, level="warning")

    structlog.get_logger().info("a")
    logging.getLogger("broker").info("b")
    structlog.get_logger().warning("c")

    assert [line["event"] for line in lines(stream)] == ["c"]


async def test_a_failing_callback_of_the_loop_is_logged_without_its_values(
    stream: io.StringIO,
) -> None:
    """The loop's own handler goes through the same door."""
    start(stream)

    def callback(_secret: str) -> None:
        choke()

    asyncio.get_running_loop().call_soon(callback, CANARY)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert CANARY not in stream.getvalue()
    assert str(lines(stream)[0]["event"]).startswith("Exception in callback")
