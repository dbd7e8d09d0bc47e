"""Conditions on handlers, the same for aiohttp, Starlette, FastAPI and bare ASGI.

::

    @requires(scope="orders:write", capability="orders-api", task=in_path("task"))
    async def place(request): ...

The handler runs behind a guard (:func:`broker.client.bearer`, :class:`broker.client.BearerGuard`);
without one it does not run at all. It may be async or not, a function or a method.
"""

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from broker.client import passage
from broker.client.conditions import Conditions, parse_scopes
from broker.client.errors import GuardMissingError, RefusalError
from broker.client.token import VerifiedToken

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class InPath:
    """The value that the request's own path has in the place of this name (:func:`in_path`)."""

    name: str


Expected = str | InPath | None
"""A fixed value, the one in the request's path, or none."""


def in_path(name: str) -> InPath:
    """Name a part of the route (``/tasks/{task}``) that the token must agree with."""
    return InPath(name)


@dataclass(frozen=True, slots=True)
class _Wanted:
    scopes: frozenset[str]
    capability: Expected
    tenant: Expected
    task: Expected

    def judge(self, handler: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> None:  # noqa: ANN401  a handler's own
        here = passage.current()

        def value(expected: Expected) -> str | None:
            if isinstance(expected, InPath):
                return _path_value(expected.name, handler, args, kwargs)
            return expected

        conditions = Conditions(
            self.scopes, value(self.capability), value(self.tenant), value(self.task)
        )
        try:
            conditions.ensure_met_by(here.token)
        except RefusalError as refusal:
            raise here.refuse(refusal) from None


def requires(
    *,
    scope: str | Collection[str] = (),
    capability: Expected = None,
    tenant: Expected = None,
    task: Expected = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a handler run only for tokens that meet every condition; others get 403 (RFC 6750 §3.1).

    Args:
        scope: all of these scopes must have been granted: ``"a"``, ``"a b"`` or ``["a", "b"]``.
        capability: the credential must have been granted for this capability.
        tenant: the token must be this tenant's.
        task: the token must be of this very task.

    Each of the last three is a fixed text or :func:`in_path`.

    Raises:
        ValueError: no condition is given, or a scope cannot stand in a header.
    """
    scopes = parse_scopes(scope) if scope else frozenset()
    wanted = _Wanted(scopes, capability, tenant, task)
    if wanted == _Wanted(frozenset(), None, None, None):
        raise ValueError("name at least one scope or other condition: the guard asks for no more")

    def decorate(handler: Callable[P, R]) -> Callable[P, R]:
        if inspect.iscoroutinefunction(handler):
            return cast("Callable[P, R]", _guarded_async(wanted, handler))

        @wraps(handler)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            wanted.judge(handler, args, kwargs)
            return handler(*args, **kwargs)

        return checked

    return decorate


def granted(
    *, scope: str | Collection[str] = (), capability: str | None = None, tenant: str | None = None
) -> Callable[[], Awaitable[VerifiedToken]]:
    """Make a dependency that returns the request's token if it meets the conditions.

    For FastAPI: ``token: Annotated[VerifiedToken, Depends(granted(scope="orders:read"))]``.

    Raises:
        ValueError: a scope cannot stand in a header.
    """
    scopes = parse_scopes(scope) if scope else frozenset()
    conditions = Conditions(scopes, capability, tenant)

    async def dependency() -> VerifiedToken:
        here = passage.current()
        try:
            conditions.ensure_met_by(here.token)
        except RefusalError as refusal:
            raise here.refuse(refusal) from None
        return here.token

    return dependency


def _guarded_async(
    wanted: _Wanted, handler: Callable[..., Awaitable[R]]
) -> Callable[..., Awaitable[R]]:
    @wraps(handler)
    async def checked(*args: object, **kwargs: object) -> R:
        wanted.judge(handler, args, kwargs)
        return await handler(*args, **kwargs)

    return checked


def _path_value(
    name: str, handler: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> str:
    """Find what the path has: in the request (aiohttp, Starlette, ASGI), or as an argument."""
    for argument in (*args, *kwargs.values()):
        parameters = _path_parameters(argument)
        if parameters is not None and name in parameters:
            return str(parameters[name])
    bound = inspect.signature(handler).bind_partial(*args, **kwargs).arguments
    if name in bound:
        return str(bound[name])
    raise GuardMissingError(f"the handler's route has no part named {name!r}")


def _path_parameters(argument: object) -> Mapping[str, object] | None:
    request = getattr(argument, "request", argument)  # an aiohttp View has its request
    if isinstance(request, dict) and "type" in request:  # an ASGI scope
        return cast("Mapping[str, object]", request.get("path_params", {}))
    for kind in ("match_info", "path_params"):
        found = getattr(request, kind, None)
        if isinstance(found, Mapping):
            return found
    return None
