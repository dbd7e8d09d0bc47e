"""The load generator asks as it is told, believes nothing but 2xx, and ends by itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tests.bench import load
from tests.bench.load import LoadFailedError, Outcome, Response, parse, run
from tests.bench.workload import post

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def ok(body: bytes = b"{}", status: str = "200 OK") -> bytes:
    """Write an answer as aiohttp does."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    """Serve on loopback; ``answer`` gets the body of each request and writes what it wants."""
    tasks = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                await answer(await reader.readexactly(length), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*tasks, return_exceptions=True)


def requests(count: int) -> list[bytes]:
    """Make requests that can be told apart."""
    return [post("/x", "t", b"%d" % number) for number in range(count)]


async def ask(port: int, wanted: list[bytes], **options: object) -> tuple[Outcome, list[bytes]]:
    """Run the load beside the loop that serves."""
    options = {"connections": 4, "seconds": 20, **options}
    return await asyncio.to_thread(run, port, wanted, **options)


async def test_each_request_is_sent_once_and_each_answer_is_kept() -> None:
    """Over all connections together."""
    asked: list[bytes] = []

    async def echo(body: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(body)
        writer.write(ok(body, "201 Created"))

    async with serving(echo) as port:
        outcome, bodies = await ask(port, requests(100), keeps_bodies=True)

    assert sorted(asked, key=int) == [b"%d" % number for number in range(100)]
    assert sorted(bodies, key=int) == sorted(asked, key=int)
    assert (outcome.answered, outcome.refused, outcome.first_refusal) == (100, 0, "")
    assert 0 < outcome.p50_ms <= outcome.p99_ms <= outcome.max_ms
    assert outcome.per_second == pytest.approx(100 / outcome.seconds)


async def test_an_answer_in_pieces_is_one_answer() -> None:
    """Wherever it is cut."""

    async def drip(body: bytes, writer: asyncio.StreamWriter) -> None:
        for byte in ok(body):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(drip) as port:
        outcome, bodies = await ask(port, requests(3), connections=1, keeps_bodies=True)

    assert (outcome.answered, bodies) == (3, [b"0", b"1", b"2"])


async def test_whatever_is_no_2xx_is_counted_and_the_first_is_shown() -> None:
    """A benchmark of refusals would look fast."""

    async def refuse_odd(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(body) if int(body) % 2 == 0 else ok(b"no: " + body, "429 Too Many"))

    async with serving(refuse_odd) as port:
        outcome, bodies = await ask(port, requests(10), connections=1, keeps_bodies=True)

    assert (outcome.answered, outcome.refused, len(bodies)) == (10, 5, 5)
    assert outcome.first_refusal.startswith("HTTP/1.1 429 Too Many")
    assert outcome.first_refusal.endswith("no: 1")


async def test_it_ends_when_the_time_is_over() -> None:
    """With the answers that were under way, and without asking more."""
    asked = 0

    async def slowly(_body: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.02)
        writer.write(ok())

    async with serving(slowly) as port:
        outcome, _ = await ask(port, requests(10_000), seconds=0.2)

    assert 4 <= outcome.answered == asked < 10_000


async def test_a_server_that_hangs_up_has_failed() -> None:
    """Half an answer is none."""

    async def hang_up(_body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ok()[:-5])
        writer.close()

    async with serving(hang_up) as port:
        with pytest.raises(LoadFailedError, match="closed a connection"):
            await ask(port, requests(1))


async def test_a_server_that_falls_silent_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for without end."""
    monkeypatch.setattr(load, "PATIENCE_S", 0.2)

    async def say_nothing(_body: bytes, _writer: asyncio.StreamWriter) -> None:
        pass

    async with serving(say_nothing) as port:
        with pytest.raises(LoadFailedError, match=r"no answer within 0\.2 s"):
            await ask(port, requests(1))


@pytest.mark.parametrize(
    "data", [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
)
def test_what_has_no_length_is_no_answer(data: bytes) -> None:
    """Neither another protocol nor a body without an end."""
    with pytest.raises(LoadFailedError, match="not a plain HTTP answer"):
        parse(data)


def test_a_response_is_found_in_what_was_read() -> None:
    """None until it is whole; what follows it stays."""
    data = ok(b"abc", "404 Not Found")

    assert [parse(data[:length]) for length in range(len(data))] == [None] * len(data)
    assert parse(data + b"HTTP") == Response(404, len(data) - 3, len(data))


async def test_the_program_reports_in_one_line_and_writes_the_bodies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the benchmark reads them."""
    (tmp_path / "requests").write_bytes(msgspec.msgpack.encode(requests(5)))

    async def echo(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(body))

    async with serving(echo) as port:
        argv = ["--port", str(port), "--connections", "2", "--seconds", "9"]
        argv += ["--requests", str(tmp_path / "requests"), "--bodies", str(tmp_path / "bodies")]
        code = await asyncio.to_thread(load.main, argv)

    said = capsys.readouterr().out.splitlines()
    assert (code, len(said)) == (0, 1)
    assert json.loads(said[0])["answered"] == 5
    bodies = msgspec.msgpack.decode((tmp_path / "bodies").read_bytes())
    assert sorted(bodies) == [b"0", b"1", b"2", b"3", b"4"]


def test_a_server_that_is_not_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said on standard error, with another exit code."""
    (tmp_path / "requests").write_bytes(msgspec.msgpack.encode(requests(1)))
    argv = ["--port", "1", "--connections", "1", "--seconds", "1"]

    code = load.main([*argv, "--requests", str(tmp_path / "requests")])

    captured = capsys.readouterr()
    assert (code, captured.out) == (1, "")
    assert captured.err.startswith("load: ")
