"""What a condition on a plain call means for one function, worked out when it is written.

What makes no sense is refused there, not at the first call: a function that has no place for the
token, a condition on an argument that it does not have, a generator.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from broker.client.bearer import Presented, authorization_of
from broker.client.conditions import Conditions
from broker.client.errors import TokenMissingError
from broker.client.token import VerifiedToken
from broker.secret import Secret

Shown = str | Secret | Presented | None
"""What a caller shows: a token's text, or the request that bears it; None is no token."""

_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


@dataclass(frozen=True, slots=True)
class InArgument:
    """The value that the call itself has for this parameter (:func:`in_argument`)."""

    name: str


Wanted = str | InArgument | None
"""A fixed value, the one of an argument, or none."""


def in_argument(name: str) -> InArgument:
    """Name a parameter of the function whose value the token must agree with."""
    return InArgument(name)


@dataclass(frozen=True, slots=True)
class Demand:
    """The conditions of one function."""

    scopes: frozenset[str]
    capability: Wanted
    tenant: Wanted
    task: Wanted

    def named(self) -> list[str]:
        """Name the parameters whose values are compared.

        Raises:
            TypeError: a condition is neither a text nor :func:`in_argument`.
        """
        given = [each for each in (self.capability, self.tenant, self.task) if each is not None]
        if not all(isinstance(each, (str, InArgument)) for each in given):
            raise TypeError("a condition is a fixed text, or in_argument('name') of the function")
        return [each.name for each in given if isinstance(each, InArgument)]

    def of(self, arguments: Mapping[str, object]) -> Conditions:
        """Fill in what the call itself says; whatever is no text there agrees with no token."""

        def value(wanted: Wanted) -> str | None:
            return str(arguments[wanted.name]) if isinstance(wanted, InArgument) else wanted

        return Conditions(self.scopes, value(self.capability), value(self.tenant), value(self.task))


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what was shown, what it must be good for, and all arguments."""

    shown: object
    conditions: Conditions
    bound: inspect.BoundArguments
    parameter: str = ""
    """Which of them takes the verified token, if any does."""

    def arguments(self, token: VerifiedToken) -> inspect.BoundArguments:
        """Return the arguments, with the verified token in the place of what was shown."""
        if self.parameter:
            self.bound.arguments[self.parameter] = token
        return self.bound

    def evidence(self) -> tuple[str, Presented | None]:
        """Return the token's text, and the request that bears it if there is one.

        Raises:
            TokenMissingError: nothing was shown.
            AuthorizationMalformedError: the request's header is none.
            TypeError: what was shown is neither.
        """
        match self.shown:
            case None | "":
                raise TokenMissingError
            case str() as text:
                return text, None
            case Secret() as secret:
                return secret.reveal(), None
            case Presented() as presented:
                return authorization_of(presented).token, presented
            case _:
                kind = type(self.shown).__name__
                raise TypeError(f"a token is a text, a Secret or a Presented request, not {kind}")


class Plan:
    """How one function is called."""

    def __init__(
        self,
        function: Callable[..., Any],
        demand: Demand,
        token_from: Callable[..., Shown] | None,
    ) -> None:
        """Work it out.

        Raises:
            TypeError: the function cannot be guarded so; the text says why.
        """
        if not inspect.isfunction(function):
            raise TypeError("decorate a function itself: below @staticmethod or @classmethod")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                "a generator outlives the check of its call: guard a function that returns one, or "
                "verify the token for each thing that it yields"
            )
        self._signature = inspect.signature(function)
        self._demand = demand
        self._token_from = token_from
        self._parameter = "" if token_from else _token_parameter(self._signature)
        for name in demand.named():
            if name not in self._signature.parameters or name == self._parameter:
                raise TypeError(f"{function.__qualname__} has no argument {name!r} to compare")

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Look at one call.

        Raises:
            TypeError: the arguments do not fit the function.
        """
        bound = self._signature.bind(*args, **kwargs)
        find = self._token_from
        shown = find(*args, **kwargs) if find else bound.arguments[self._parameter]
        bound.apply_defaults()
        return Call(shown, self._demand.of(bound.arguments), bound, self._parameter)


def _token_parameter(signature: inspect.Signature) -> str:
    """Find the parameter that takes the token: the first, or in a method the one after ``self``."""
    for parameter in list(signature.parameters.values())[:2]:
        is_required = parameter.default is inspect.Parameter.empty
        if _takes_token(parameter) and parameter.kind in _POSITIONAL and is_required:
            return parameter.name
    raise TypeError(
        "the first parameter (in a method the one after self) takes the verified token: annotate "
        "it as VerifiedToken and give it no default, or say with token_from= where the token is"
    )


def _takes_token(parameter: inspect.Parameter) -> bool:
    annotation = parameter.annotation
    if isinstance(annotation, str):  # from __future__ import annotations
        return annotation.rpartition(".")[2] == VerifiedToken.__name__
    return annotation is VerifiedToken
