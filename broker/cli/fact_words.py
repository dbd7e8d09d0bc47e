"""How facts are named on the command line, and how a shell completes them."""

from collections.abc import Callable
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from broker.cli.one import One
from broker.cli.subjects import offer
from broker.client.api import BrokerClient
from broker.model.fact import Relation, ThingKind
from broker.terminal import shown

_MOST: Final = 50
KIND: Final = click.Choice([str(kind) for kind in ThingKind])
RELATION: Final = click.Choice([str(relation) for relation in Relation])


class RefType(click.ParamType[str]):
    """``KIND:NAME``, as in ``ticket:OPS-1``."""

    name = "kind:name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check that it names a kind that there is; the broker judges the name."""
        kind, colon, name = value.partition(":")
        if not colon or not name or kind not in list(ThingKind):
            kinds = ", ".join(ThingKind)
            self.fail(
                f"{value!r} is no thing; write KIND:NAME, the kind one of {kinds}", param, ctx
            )
        return value


REF: Final = RefType()


def complete_ref(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer kinds until one is written, and then the names of its things."""
    del param
    kind, colon, name = incomplete.partition(":")
    if not colon:
        return [CompletionItem(f"{each}:") for each in ThingKind if each.startswith(kind)]
    if kind not in list(ThingKind):
        return []

    async def ask(broker: BrokerClient) -> list[CompletionItem]:
        tenant = str(ctx.params.get("tenant") or "")
        glob = f"{name}*" if name else ""
        page = await broker.facts.things(kind=kind, tenant=tenant, q=glob, limit=_MOST)
        return [CompletionItem(each.ref, help=shown(each.purpose)) for each in page.things]

    return offer(ctx, incomplete, ask)


def ref_argument(name: str = "ref", **how: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - click's own
    """Return an argument that names a thing."""
    metavar = how.pop("metavar", "KIND:NAME")
    return click.argument(name, type=REF, metavar=metavar, shell_complete=complete_ref, **how)


def tenant_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option that says whose things it names."""
    words = "Whose things they are."
    return click.option("--tenant", envvar="BROKER_TENANT", required=True, cls=_Tenant, help=words)(
        command
    )


class _Tenant(One):
    """Given once, or by the environment."""

    def __init__(self, *args: Any, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **attributes)

    def value_from_envvar(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own
        """Take the whole variable for one name: `One` is a list to click."""
        found = self.resolve_envvar_value(ctx)
        return None if found is None else (found,)
