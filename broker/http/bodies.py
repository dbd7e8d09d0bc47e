"""Reading a body: its type, its size, its deadline, and then its shape."""

import asyncio
import re
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import hdrs, web

from broker import strict_json
from broker.errors import InvalidRequestError
from broker.http.limits import Limits
from broker.http.refusals import (
    ContentTooLargeError,
    RequestTimeoutError,
    UnsupportedMediaTypeError,
)
from broker.http.wire import Body

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
_MAX_FORM_FIELDS: Final = 16

B = TypeVar("B", bound=Body)
T = TypeVar("T")

_FAULT: Final = re.compile(
    r"(?P<what>.*?)(?: - at `(?:key` in `)?\$\.?(?P<path>[^`]*)`)?", re.DOTALL
)
_MEMBER: Final = re.compile(r"Object (?P<fault>.*) field `(?P<name>.*)`", re.DOTALL)
_SHOWN: Final = 64
"""How much of a member's name, which may be anything, is said back."""


class Bodies:
    """Reads what requests bring, within the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._most = limits.max_body_bytes

    async def json(self, request: web.Request, shape: type[B], *, max_bytes: int = 0) -> B:
        """Read a JSON body of this shape; ``max_bytes`` where it may be longer than others.

        Raises:
            InvalidRequestError: it is no strict JSON or not of the shape; ``field`` names the
                member (``ceiling[0].scopes``). Its subclasses: type, size, deadline.
        """
        _check_type(request, JSON)
        if not max_bytes:
            return self._shaped(await self._read(request, self._most), shape, self._most)
        most = max(max_bytes, self._most)
        data = await self._read(request.clone(client_max_size=most), most)
        if len(data) <= self._most:
            return self._shaped(data, shape, most)
        return await asyncio.to_thread(self._shaped, data, shape, most)

    async def data(self, request: web.Request) -> bytes:
        """Read the bytes of a JSON body, where they count as they came: they are signed.

        Raises:
            InvalidRequestError: its subclasses: type, size, deadline.
        """
        _check_type(request, JSON)
        return await self._read(request, self._most)

    async def json_or_nothing(self, request: web.Request, shape: type[B]) -> B:
        """Read a JSON body of this shape, where no body means an empty object."""
        if not request.body_exists:
            return shape()
        return await self.json(request, shape)

    async def form(self, request: web.Request) -> dict[str, str]:
        """Read a form (RFC 6749 §3.2).

        A parameter without a value is absent, one that comes twice is refused.

        Raises:
            InvalidRequestError: it is no such form.
        """
        _check_type(request, FORM)
        data = await self._read(request, self._most)
        try:
            pairs = parse_qsl(
                data.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=bool(data),
                errors="strict",
                max_num_fields=_MAX_FORM_FIELDS,
            )
        except ValueError as error:
            raise InvalidRequestError("the form is not well-formed", field="body") from error
        fields = dict(pairs)
        if len(fields) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidRequestError("send this parameter once", field=twice[:_SHOWN])
        return {name: value for name, value in fields.items() if value}

    def _shaped(self, data: bytes, shape: type[B], most: int) -> B:
        return shaped(strict_json.loads(data, max_bytes=most), shape)

    async def _read(self, request: web.BaseRequest, most: int) -> bytes:
        if (request.content_length or 0) > most:
            raise ContentTooLargeError(f"send at most {most} bytes")
        if request.content.is_eof():
            return await request.read()  # it is all here: no timer needed
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await request.read()
        except TimeoutError as error:
            raise RequestTimeoutError("the body did not arrive in time") from error


def _check_type(request: web.Request, expected: str) -> None:
    headers = request.headers
    if hdrs.CONTENT_ENCODING in headers:
        raise UnsupportedMediaTypeError("send the body without a Content-Encoding")
    given = headers.get(hdrs.CONTENT_TYPE, "")
    if given == expected:
        return
    kind, _, parameter = given.partition(";")
    is_utf8 = parameter.strip().lower().replace('"', "") in ("", "charset=utf-8")
    if kind.strip().lower() != expected or not is_utf8:
        raise UnsupportedMediaTypeError(f"send Content-Type: {expected}")


def shaped(value: object, shape: type[T]) -> T:
    """Read a JSON value as this shape.

    Raises:
        InvalidRequestError: it is not of it; ``field`` names the member.
    """
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise named_fault(str(error)) from error


def named_fault(message: str) -> InvalidRequestError:
    """Turn msgspec's words into a field and a fault."""
    match = _FAULT.fullmatch(message)
    what, path = (match["what"], match["path"] or "") if match else (message, "")
    member = _MEMBER.fullmatch(what)
    if member is None:
        return InvalidRequestError(what[0].lower() + what[1:], field=path[:_SHOWN] or "body")
    is_unknown = "unknown" in member["fault"]
    text = "there is no such member" if is_unknown else "this member is required"
    joined = f"{path}.{member['name']}" if path else member["name"]
    return InvalidRequestError(text, field=joined[:_SHOWN])
