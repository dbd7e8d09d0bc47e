"""What the command line understands besides words: durations, ceilings, identities."""

from typing import Final

import click

from broker.cli.durations import DURATION, SPAN, Duration
from broker.client.results import Ceiling
from broker.dev.passports import Identity
from broker.model.principal import Kind

__all__ = [
    "CEILING_LINE",
    "DURATION",
    "IDENTITY",
    "SPAN",
    "CeilingLine",
    "Duration",
    "IdentityType",
]


class CeilingLine(click.ParamType[Ceiling]):
    """``CAPABILITY[=SCOPE[,SCOPE…]]``: one line of a task's ceiling."""

    name = "capability[=scope[,scope]]"

    def convert(
        self,
        value: str | Ceiling,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Ceiling:
        """Read the line into the client's form."""
        if isinstance(value, Ceiling):
            return value
        capability, mark, scopes = value.partition("=")
        named = [scope for scope in scopes.split(",") if scope]
        if not capability or (mark and not named):
            self.fail(
                f"{value!r} names no scopes; write for example orders-api=orders:read", param, ctx
            )
        return Ceiling(capability, tuple(named))


class LabelPair(click.ParamType[tuple[str, str]]):
    """``KEY=VALUE``: what is said besides in a request."""

    name = "key=value"

    def convert(
        self,
        value: str | tuple[str, str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        """Read the pair."""
        if isinstance(value, tuple):
            return value
        key, mark, said = value.partition("=")
        if not key or not mark:
            self.fail(f"{value!r} is no label; write for example ticket=T-1", param, ctx)
        return key, said


class IdentityType(click.ParamType[Identity]):
    """``KIND:NAME``: who a workload token is for."""

    name = "kind:name"

    def convert(
        self, value: str | Identity, param: click.Parameter | None, ctx: click.Context | None
    ) -> Identity:
        """Read the identity."""
        if isinstance(value, Identity):
            return value
        kind, _, name = value.partition(":")
        if kind not in list(Kind) or not name:
            kinds = ", ".join(Kind)
            self.fail(f"{value!r} is nobody; write KIND:NAME, the kind one of {kinds}", param, ctx)
        return Identity(Kind(kind), name)


CEILING_LINE: Final = CeilingLine()
LABEL: Final = LabelPair()
IDENTITY: Final = IdentityType()
