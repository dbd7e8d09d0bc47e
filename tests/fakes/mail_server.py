"""A mail server over real sockets (RFC 5321), with STARTTLS, TLS and AUTH PLAIN, for tests."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class MailServer:
    """Takes mail, and refuses or hangs on demand."""

    context: ssl.SSLContext | None = None
    is_tls: bool = False
    password: str = ""
    refuses: str = ""
    hangs_at: str = ""
    port: int = 0
    mails: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk with one client."""
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await _Talk(self, reader, writer).run()
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)


class _Talk:
    def __init__(
        self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer

    async def run(self) -> None:
        await self._say("220 mail.example")
        while line := (await self._reader.readline()).decode().strip():
            word = line.partition(" ")[0].upper()
            if word == self._server.hangs_at:
                await asyncio.Event().wait()
            if word == "QUIT":
                return
            await self._answer(word, line)

    async def _answer(self, word: str, line: str) -> None:
        match word:
            case "EHLO":
                offers = "250-STARTTLS\r\n" if self._server.context else ""
                await self._say(f"250-mail.example\r\n{offers}250 AUTH PLAIN")
            case "STARTTLS":
                await self._say("220 go on")
                await self._writer.start_tls(self._server.context)  # type: ignore[arg-type]
            case "AUTH":
                given = base64.b64decode(line.rpartition(" ")[2]).rpartition(b"\0")[2].decode()
                is_right = given == self._server.password
                await self._say("235 welcome" if is_right else "535 no")
            case "RCPT":
                await self._recipient(line)
            case "DATA":
                await self._say("354 go on")
                self._server.mails.append(await self._reader.readuntil(b"\r\n.\r\n"))
                encrypted = self._writer.get_extra_info("ssl_object") is not None
                self._server.was_encrypted.append(encrypted)
                await self._say("250 taken")
            case _:
                await self._say("250 well")

    async def _recipient(self, line: str) -> None:
        if self._server.refuses and self._server.refuses in line:
            await self._say("550 nobody of that name; \x1b[31m secrets")
            return
        self._server.recipients.append(line.partition("<")[2].rstrip(">"))
        await self._say("250 well")

    async def _say(self, text: str) -> None:
        self._writer.write(text.encode() + b"\r\n")
        await self._writer.drain()


@asynccontextmanager
async def taking_mail(server: MailServer) -> AsyncIterator[MailServer]:
    """Run one on a free port of this machine."""
    context = server.context if server.is_tls else None
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
