"""Which keys do scripts touch that they did not declare? A cluster would refuse or misplace them.

A single server does not mind, so a script may pass every test and fail on a cluster. This watches
one through MONITOR, which shows the commands inside scripts, and asks the server itself which words
of a command are keys.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from redis.asyncio.connection import UnixDomainSocketConnection
from redis.exceptions import ResponseError

from tests.fakes.redis_servers import SingleServer

_LINE = re.compile(r'[0-9.]+ \[[0-9]+ (?P<who>\S+)\] (?P<words>".*)', re.DOTALL)
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True)
class Undeclared:
    """A key that the script with this digest (or text) used without declaring it."""

    script: str
    command: str
    key: str


class KeyAudit:
    """``async with KeyAudit(single) as audit: …``, then assert that ``audit.undeclared`` is empty.

    Attributes:
        undeclared: what was found, filled when the block ends.
        scripts: the digests of the scripts that were seen, to be sure that the audit saw them.
    """

    def __init__(self, server: SingleServer) -> None:
        self.undeclared: list[Undeclared] = []
        self.scripts: set[str] = set()
        self._server = server
        self._monitor = UnixDomainSocketConnection(
            path=server.path, decode_responses=True, protocol=2, driver_info=None
        )

    async def __aenter__(self) -> Self:
        await self._monitor.connect()
        await self._monitor.send_command("MONITOR")
        await self._monitor.read_response()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.ask("ECHO", "end of the audit")
        lines = [line async for line in self._lines()]
        await self._monitor.disconnect()
        self.undeclared.extend(self._judge(lines))

    async def _lines(self):  # noqa: ANN202 - an async generator of (who, words)
        while True:
            match = _LINE.fullmatch(await self._monitor.read_response())
            words = [
                ast.literal_eval(f"b{word}").decode() for word in _WORD.findall(match["words"])
            ]
            if words == ["ECHO", "end of the audit"]:
                return
            yield match["who"], words

    def _judge(self, lines: list[tuple[str, list[str]]]) -> Iterator[Undeclared]:
        script, declared = "", set[str]()
        for who, words in lines:
            if who != "lua":
                script, declared = _declared(words)
                self.scripts.update({script} - {""})
                continue
            for key in self._keys(words):
                if key not in declared:
                    yield Undeclared(script, words[0], key)

    def _keys(self, command: list[str]) -> list[str]:
        try:
            return list(self._server.ask("COMMAND", "GETKEYS", *command))
        except ResponseError:  # the command has no key arguments
            return []


def _declared(command: list[str]) -> tuple[str, set[str]]:
    match command:
        case [name, script, count, *rest] if name.upper() in ("EVALSHA", "EVAL"):
            return script, set(rest[: int(count)])
    return "", set()
