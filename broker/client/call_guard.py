"""Conditions on plain calls: functions that no web framework stands before.

::

    guard = SyncCallGuard()

    @guard.requires(scope="orders:read", task=in_argument("task"))
    def orders(token: VerifiedToken, task: str) -> list[str]: ...

    with open_sync_verifier(…) as verifier, guard.using(verifier):
        orders(text, task)  # what is not good enough is refused: a RefusalError

The caller hands over the token's text (or the request that bears it), the function gets the
verified token, and whatever runs within it finds it by :func:`broker.client.current_token`.
"""

import inspect
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from broker.client import passage
from broker.client.call_plan import Call, Demand, Plan, Shown, Wanted
from broker.client.conditions import parse_scopes
from broker.client.errors import GuardMissingError
from broker.client.passage import Passage
from broker.client.sync_verifier import SyncVerifier
from broker.client.token import VerifiedToken
from broker.client.verifier import Verifier

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
V = TypeVar("V")


class Guarding(Protocol):
    """Turns a function that takes a verified token into one that takes what a caller shows."""

    @overload
    def __call__(  # type: ignore[overload-overlap]  # no function takes two tokens so
        self, function: Callable[Concatenate[VerifiedToken, P], R], /
    ) -> Callable[Concatenate[Shown, P], R]: ...

    @overload
    def __call__(
        self, function: Callable[Concatenate[S, VerifiedToken, P], R], /
    ) -> Callable[Concatenate[S, Shown, P], R]: ...


class AsyncGuarding(Protocol):
    """The same of functions that are awaited."""

    @overload
    def __call__(  # type: ignore[overload-overlap]  # no function takes two tokens so
        self, function: Callable[Concatenate[VerifiedToken, P], Awaitable[R]], /
    ) -> Callable[Concatenate[Shown, P], Coroutine[Any, Any, R]]: ...

    @overload
    def __call__(
        self, function: Callable[Concatenate[S, VerifiedToken, P], Awaitable[R]], /
    ) -> Callable[Concatenate[S, Shown, P], Coroutine[Any, Any, R]]: ...


class _Guard(Generic[V]):
    """What both kinds have in common: the verifier, from when it is there until it is closed."""

    def __init__(self) -> None:
        self._verifier: V | None = None

    @contextmanager
    def using(self, verifier: V) -> Iterator[None]:
        """Judge calls by a verifier within the block; outside of it every call is refused.

        Raises:
            ValueError: the guard uses one already.
        """
        if self._verifier is not None:
            raise ValueError("this guard uses a verifier already: make another guard")
        self._verifier = verifier
        try:
            yield
        finally:
            self._verifier = None

    def _judge(self) -> V:
        if self._verifier is None:
            raise GuardMissingError(
                "this guard uses no verifier: call within guard.using(verifier)"
            )
        return self._verifier


class SyncCallGuard(_Guard[SyncVerifier]):
    """Guards functions that are called and return. One for all of a program."""

    @overload
    def requires(
        self,
        *,
        scope: str | Collection[str] = (),
        capability: Wanted = None,
        tenant: Wanted = None,
        task: Wanted = None,
    ) -> Guarding: ...

    @overload
    def requires(
        self,
        *,
        token_from: Callable[P, Shown],
        scope: str | Collection[str] = (),
        capability: Wanted = None,
        tenant: Wanted = None,
        task: Wanted = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    def requires(
        self,
        *,
        token_from: Callable[..., Shown] | None = None,
        scope: str | Collection[str] = (),
        capability: Wanted = None,
        tenant: Wanted = None,
        task: Wanted = None,
    ) -> Any:
        """Let a function run only for a token that is good and meets every condition.

        Args:
            token_from: finds what the caller shows from the call's arguments; the function then
                keeps its own. Without, its first argument (after ``self``) is what is shown, and
                the function gets a :class:`VerifiedToken` in its place.
            scope: all of these scopes must have been granted: ``"a"``, ``"a b"`` or ``["a", "b"]``.
            capability: the credential must have been granted for this capability.
            tenant: the token must be this tenant's.
            task: the token must be of this very task.

        Each of the last three is a fixed text, or :func:`in_argument` of the function. The call
        raises a :class:`RefusalError` whose class says why; with ``status`` and ``advice``.

        Raises:
            ValueError: a scope cannot stand in a header.
            TypeError: the function cannot be guarded so; the text says why.
        """
        demand = _demand(scope, capability, tenant, task)

        def decorate(function: Callable[..., R]) -> Callable[..., R]:
            plan = Plan(function, demand, token_from)
            if inspect.iscoroutinefunction(function):
                raise TypeError(f"{function.__qualname__} is awaited: guard it by a CallGuard")

            @wraps(function)
            def checked(*args: Any, **kwargs: Any) -> R:  # noqa: ANN401 - the function's own
                call = plan.call(args, kwargs)
                token = self._verified(call)
                with passage.opened(token) as here:
                    bound = call.arguments(token)
                    return _unless_refused(here, function(*bound.args, **bound.kwargs))

            return checked

        return decorate

    def _verified(self, call: Call) -> VerifiedToken:
        text, presented = call.evidence()
        return self._judge().verify(text, presented=presented, **call.conditions.words())


class CallGuard(_Guard[Verifier]):
    """Guards functions that are awaited. One for all of a program."""

    @overload
    def requires(
        self,
        *,
        scope: str | Collection[str] = (),
        capability: Wanted = None,
        tenant: Wanted = None,
        task: Wanted = None,
    ) -> AsyncGuarding: ...

    @overload
    def requires(
        self,
        *,
        token_from: Callable[P, Shown],
        scope: str | Collection[str] = (),
        capability: Wanted = None,
        tenant: Wanted = None,
        task: Wanted = None,
    ) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Coroutine[Any, Any, R]]]: ...

    def requires(
        self,
        *,
        token_from: Callable[..., Shown] | None = None,
        scope: str | Collection[str] = (),
        capability: Wanted = None,
        tenant: Wanted = None,
        task: Wanted = None,
    ) -> Any:
        """Let a function run only for good tokens (:meth:`SyncCallGuard.requires`), awaiting.

        Raises:
            ValueError: a scope cannot stand in a header.
            TypeError: the function cannot be guarded so; the text says why.
        """
        demand = _demand(scope, capability, tenant, task)

        def decorate(function: Callable[..., Awaitable[R]]) -> Callable[..., Awaitable[R]]:
            plan = Plan(function, demand, token_from)
            if not inspect.iscoroutinefunction(function):
                name = function.__qualname__
                raise TypeError(f"{name} is not awaited: make it async, or use a SyncCallGuard")

            @wraps(function)
            async def checked(*args: Any, **kwargs: Any) -> R:  # noqa: ANN401 - the function's own
                call = plan.call(args, kwargs)
                token = await self._verified(call)
                with passage.opened(token) as here:
                    bound = call.arguments(token)
                    return _unless_refused(here, await function(*bound.args, **bound.kwargs))

            return checked

        return decorate

    async def _verified(self, call: Call) -> VerifiedToken:
        text, presented = call.evidence()
        return await self._judge().verify(text, presented=presented, **call.conditions.words())


def _demand(
    scope: str | Collection[str], capability: Wanted, tenant: Wanted, task: Wanted
) -> Demand:
    demand = Demand(parse_scopes(scope), capability, tenant, task)
    demand.named()
    return demand


def _unless_refused(here: Passage, answer: R) -> R:
    """Return what a function returned, unless something within it was refused and then caught."""
    if here.refusal is not None:
        raise here.refusal
    return answer
