"""Servers, a holder of credentials and a child around an injecting proxy."""

import asyncio
import base64
import contextlib
import json
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from broker.clock import SystemClock
from broker.proxy import (
    HeldValues,
    InjectingProxy,
    Limits,
    NotHeldError,
    Options,
    Use,
    child_environment,
    parse_routes,
    write_bundle,
)
from broker.secret import Secret
from tests.fakes.certificates import Authority
from tests.fakes.pretend_secrets import LETTERS, aws_key_id, aws_secret, drawn

HOST = "api.test"
OTHER = "other.test"
STRANGER = "stranger.test"
"""Declared, but the server has no certificate for it."""
PUBLIC = "public.test"
"""Declared as a host that is not local."""
S3 = "s3.test"
TABLES = "tables.test"
"""A service of AWS's that asks in JSON, at one path."""
TOKEN = f"real-token-{drawn('proxy', 16)}"
SESSION = {
    "access_key_id": aws_key_id("proxy"),
    "secret_access_key": aws_secret("proxy"),
    "session_token": drawn("proxy-session", 200, LETTERS + "/+"),
}
LEASE = "l_00_aaaaaaaaaaaaaaaaaaaaaaaaaa"

Answer = Callable[["Upstream", "Received", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Received:
    """One request, as its server saw it."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        """The request line."""
        return self.head.split(b"\r\n", 1)[0].decode()

    def values(self, name: str) -> list[str]:
        """The values of a header field."""
        pairs = [line.partition(":") for line in self.head.decode().split("\r\n")[1:]]
        return [value.strip() for key, _, value in pairs if key.lower() == name.lower()]


async def plain_answer(_: "Upstream", got: Received, writer: asyncio.StreamWriter) -> None:
    """Answer 200 with the request line."""
    body = json.dumps({"line": got.line}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    await writer.drain()


async def echo(_: "Upstream", got: Received, writer: asyncio.StreamWriter) -> None:
    """Answer with all that was received: head and body."""
    body = got.head + got.body
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    await writer.drain()


def saying(text: bytes, *, then_closes: bool = False) -> Answer:
    """Answer with exactly these bytes."""

    async def answer(_: Upstream, __: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        if then_closes:
            writer.close()

    return answer


@dataclass
class Upstream:
    """A server that keeps what it receives, byte for byte, and answers as it is told."""

    answer: Answer = plain_answer
    received: list[Received] = field(default_factory=list)
    reads_bodies: bool = True
    connections: int = 0
    port: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(OSError, EOFError, ValueError, asyncio.CancelledError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                got = Received(head, b"")
                got.body = await self._body(reader, got) if self.reads_bodies else b""
                self.received.append(got)
                await self.answer(self, got, writer)
        writer.transport.abort()
        self._writers.discard(writer)

    async def _body(self, reader: asyncio.StreamReader, got: Received) -> bytes:
        if got.values("transfer-encoding"):
            body = b""
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
            return body
        return await reader.readexactly(int((got.values("content-length") or ["0"])[0]))

    def hang_up(self) -> None:
        """Close every connection, as a server does with idle ones."""
        for writer in self._writers:
            writer.transport.abort()

    @contextlib.asynccontextmanager
    async def running(self, context: ssl.SSLContext | None) -> AsyncIterator[Self]:
        """Serve on a free port until the block ends."""
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.hang_up()
            await asyncio.sleep(0)


class Source:
    """Holds credentials, until a test takes one away."""

    def __init__(self) -> None:
        session = {name: Secret(word) for name, word in SESSION.items()}
        self.held = {
            "orders": HeldValues(LEASE, {"access_token": Secret(TOKEN)}),
            "files": HeldValues(LEASE, session),
        }
        self.asked = 0

    async def current(self, need: str) -> HeldValues:
        """Return what is held."""
        self.asked += 1
        if need not in self.held:
            raise NotHeldError(need)
        return self.held[need]


class Names:
    """Resolves the names of a test."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, ...]] = dict.fromkeys(
            (HOST, OTHER, S3, TABLES), ("127.0.0.1",)
        )

    async def resolve(self, host: str) -> Sequence[str]:
        """Look a name up."""
        return self.known.get(host, ())


class Told:
    """Hears of uses."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.news = asyncio.Event()

    async def report(self, uses: Sequence[Use], missing: int = 0) -> None:  # noqa: ARG002
        """Keep them."""
        self.uses.extend(uses)
        self.news.set()


@dataclass
class Reply:
    """An answer as a child reads it."""

    status: int
    head: bytes
    body: bytes

    @property
    def problem(self) -> str:
        """The code of a refusal by the proxy."""
        kind: str = json.loads(self.body)["type"]
        return kind.rpartition("problems/proxy-")[2]


class Child:
    """One connection of the child, for bytes that no HTTP library sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> Reply:
        """Send bytes, read one answer."""
        self.writer.write(data)
        return await self.hear()

    async def hear(self, *, has_body: bool = True) -> Reply:
        """Read one answer; an answer without end is read until the connection closes."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        got = Received(head, b"")
        status = int(head.split(b" ", 2)[1])
        if has_body and got.values("transfer-encoding"):
            got.body = await self._chunks()
        elif has_body:
            got.body = await self.reader.readexactly(int((got.values("content-length") or "0")[0]))
        return Reply(status, head, got.body)

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readline()
        return body

    async def is_closed(self) -> bool:
        """Wait for the proxy to close; tell whether it says nothing more."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True

    async def encrypt(self, pem: str, name: str) -> None:
        """Shake hands with whoever is there for this name, trusting one authority."""
        context = ssl.create_default_context(cadata=pem)
        await self.writer.start_tls(context, server_hostname=name)


@dataclass
class Lab:
    """A proxy, what is around it, and the ways into it."""

    proxy: InjectingProxy
    upstream: Upstream
    plain: Upstream
    source: Source
    names: Names
    told: Told
    upstream_ca: Path
    folder: Path
    children: list[Child] = field(default_factory=list)

    @property
    def stand_in(self) -> str:
        """What the child holds."""
        return self.proxy.stand_ins.of("orders")

    @property
    def shown(self) -> str:
        """The header line by which the child shows its stand-in."""
        return f"Authorization: Bearer {self.stand_in}\r\n"

    @property
    def word_line(self) -> str:
        """The header line by which the child shows that it is this run's."""
        pair = self.proxy.url.reveal().removeprefix("http://").partition("@")[0]
        return f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"

    def environment(self) -> dict[str, str]:
        """What a child process is started with."""
        bundle = self.folder / "ca-bundle.pem"
        if not bundle.exists():
            write_bundle(self.folder, self.proxy.authority_pem)
        url = self.proxy.url.reveal()
        return child_environment(os.environ, proxy_url=url, bundle=bundle)

    async def told_uses(self) -> list[Use]:
        """Wait until something is told, and return all that is."""
        async with asyncio.timeout(10):
            await self.told.news.wait()
        return self.told.uses

    async def child(self) -> Child:
        """Connect to the proxy."""
        child = Child(*await asyncio.open_connection("127.0.0.1", self.proxy.port))
        self.children.append(child)
        return child

    async def connect(self, target: str, host: str = "") -> tuple[Child, Reply]:
        """Ask for a tunnel."""
        child = await self.child()
        text = f"CONNECT {target} HTTP/1.1\r\nHost: {host or target}\r\n{self.word_line}\r\n"
        child.writer.write(text.encode())
        return child, await child.hear()

    async def inside(self, host: str = HOST) -> Child:
        """Open a tunnel to a declared server, encrypted as it is by a client."""
        child, reply = await self.connect(f"{host}:{self.upstream.port}")
        assert reply.status == 200, reply
        await child.encrypt(self.proxy.authority_pem, host)
        return child

    def request(self, target: str = "/v1/orders", *, method: str = "GET", more: str = "") -> bytes:
        """Write a request to the declared server, with the stand-in."""
        host = f"Host: {HOST}:{self.upstream.port}\r\n"
        return f"{method} {target} HTTP/1.1\r\n{host}{self.shown}{more}\r\n".encode()


def declarations(port: int, plain_port: int) -> list[dict[str, object]]:
    """Declare the lab's servers."""
    orders = {"need": "orders", "host": HOST, "port": port, "local": True}
    return [
        {
            **orders,
            "id": "read",
            "methods": ["GET", "HEAD", "POST"],
            "paths": ["/v1/orders", "/v1/orders/{id}", "/v1/files/**"],
        },
        {
            **orders,
            "id": "git",
            "methods": ["GET", "POST"],
            "paths": ["/git/**"],
            "put": {"basic_user": "x-access-token", "template": "{access_token}"},
        },
        {
            **orders,
            "id": "plain",
            "scheme": "http",
            "port": plain_port,
            "methods": ["GET", "POST"],
            "paths": ["/v1/**"],
            "when": "always",
        },
        {**orders, "id": "stranger", "host": STRANGER, "methods": ["GET"], "paths": ["/**"]},
        {
            "need": "orders",
            "id": "public",
            "host": PUBLIC,
            "methods": ["GET"],
            "paths": ["/**"],
        },
        *_signed(port),
    ]


def _signed(port: int) -> list[dict[str, object]]:
    """Declare two services of AWS."""
    return [
        {
            "need": "files",
            "id": "s3",
            "host": S3,
            "port": port,
            "local": True,
            "methods": ["GET", "HEAD", "PUT", "POST"],
            "paths": ["/bucket/**"],
            "put": {"sigv4": {"service": "s3", "region": "eu-central-1"}},
        },
        {
            "need": "files",
            "id": "tables",
            "host": TABLES,
            "port": port,
            "local": True,
            "methods": ["POST"],
            "paths": ["/"],
            "put": {"sigv4": {"service": "dynamodb", "region": "eu-central-1"}},
        },
    ]


@contextlib.asynccontextmanager
async def opened(
    folder: Path,
    *,
    only_declared: bool = True,
    limits: Limits | None = None,
    more: Sequence[dict[str, object]] = (),
    authority: Authority | None = None,
) -> AsyncIterator[Lab]:
    """Open a lab until the block ends."""
    authority = authority or Authority(folder, "upstream")
    secure = authority.server_context(hosts=(HOST, OTHER, S3, TABLES))
    source, names, told = Source(), Names(), Told()
    async with Upstream().running(secure) as upstream, Upstream().running(None) as plain:
        options = Options(
            only_declared=only_declared,
            upstream_ca=authority.ca_file,
            log=folder / "uses.jsonl",
            reporter=told,
            limits=limits or Limits(recheck_seconds=0.05, linger_seconds=0.05),
            resolver=names,
        )
        routes = parse_routes([*declarations(upstream.port, plain.port), *more])
        expires_at_ms = SystemClock().now_ms() + 3_600_000
        proxy = InjectingProxy(routes, source, expires_at_ms=expires_at_ms, options=options)
        async with proxy:
            lab = Lab(proxy, upstream, plain, source, names, told, authority.ca_file, folder)
            yield lab
            for child in lab.children:
                child.writer.transport.abort()
