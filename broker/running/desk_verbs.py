"""The agent's verbs at the desk: read strictly and once, done for the command, told in JSON.

The command has no evidence. So the run asks the broker in its place, within the run's own task and
by the run's own evidence; what it gets is put where the command can use it, and only the place is
told.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from broker.errors import InvalidRequestError
from broker.running.errors import (
    DeskBusyError,
    UnknownVerbError,
    UnreadableVerbError,
    VerbNotDoneError,
)
from broker.strict_json import loads_object
from broker.tools.verbs import VerbRefusedError, Verbs
from broker.tools.words import Refusal, Seen

S = TypeVar("S", bound=msgspec.Struct)

MAX_BYTES: Final = 65_536
"""No question is longer."""

_MOST_AT_ONCE: Final = 16

_Word = Annotated[str, Meta(min_length=1, max_length=200)]
_Address = Annotated[str, Meta(max_length=2_000)]


class _Nothing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A verb that is about nothing in particular."""


class _Named(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A verb about one credential."""

    credential: Annotated[str, Meta(max_length=200)]


class _Tool(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """A tool that was found, and is used with it."""

    name: _Address = ""
    origin: _Address = ""


class _Asked(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What is asked for."""

    capability: _Word
    scopes: Annotated[list[_Word], Meta(max_length=100)]
    ttl_seconds: Annotated[int, Meta(ge=1)] | None = None
    tool: _Tool = _Tool()


@dataclass(frozen=True, slots=True)
class CredentialsTold:
    """The answer of ``list``."""

    credentials: list[Seen]


@dataclass(frozen=True, slots=True)
class RefusalsTold:
    """The answer of ``why-refused``."""

    refusals: list[Refusal]


class DeskVerbs:
    """Does verbs by their names."""

    def __init__(self, verbs: Verbs) -> None:
        self._verbs = verbs
        self._under_way = 0
        self._by_name: Mapping[str, Callable[[bytes], Awaitable[object]]] = {
            "task": self._task,
            "ask": self._ask,
            "list": self._list,
            "renew": self._renew,
            "give-up": self._give_up,
            "why-refused": self._why_refused,
        }

    async def do(self, name: str, body: bytes) -> Mapping[str, object]:
        """Do one, and return the document of what came of it.

        Raises:
            UnknownVerbError: there is none of this name.
            UnreadableVerbError: its members are none that it has.
            DeskBusyError: too many are under way.
            VerbNotDoneError: it was refused.
        """
        work = self._by_name.get(name)
        if work is None:
            raise UnknownVerbError("the desk does nothing that is called so")
        if self._under_way >= _MOST_AT_ONCE:
            raise DeskBusyError(f"{_MOST_AT_ONCE} are under way")
        self._under_way += 1
        try:
            told: dict[str, Any] = msgspec.to_builtins(await work(body))
        except VerbRefusedError as refusal:
            raise VerbNotDoneError(str(refusal)) from refusal
        finally:
            self._under_way -= 1
        return told

    async def _task(self, body: bytes) -> object:
        _read(body, _Nothing)
        return await self._verbs.task()

    async def _ask(self, body: bytes) -> object:
        said = _read(body, _Asked)
        tool: dict[str, str] = msgspec.to_builtins(said.tool)
        return await self._verbs.ask(said.capability, said.scopes, said.ttl_seconds, tool)

    async def _list(self, body: bytes) -> object:
        _read(body, _Nothing)
        return CredentialsTold(await self._verbs.mine())

    async def _renew(self, body: bytes) -> object:
        return await self._verbs.renew(_read(body, _Named).credential)

    async def _give_up(self, body: bytes) -> object:
        return await self._verbs.give_up(_read(body, _Named).credential)

    async def _why_refused(self, body: bytes) -> object:
        _read(body, _Nothing)
        return RefusalsTold(await self._verbs.why_refused())


def _read(body: bytes, kind: type[S]) -> S:
    try:
        return msgspec.convert(loads_object(body, max_bytes=MAX_BYTES), kind)
    except InvalidRequestError as error:
        raise UnreadableVerbError(f"{error.field}: {error}") from error
    except msgspec.ValidationError as error:
        raise UnreadableVerbError(str(error)) from error
