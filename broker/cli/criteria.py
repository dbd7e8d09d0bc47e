"""What an operator's command line says of the credentials that it means."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import click

from broker.cli.one import One
from broker.cli.types import SPAN

Criteria: TypeAlias = Mapping[str, str | int | bool]

CUTS: Final = ("task", "agent", "capability", "issuer", "tenant")
"""What a cut, or the end of a task, can name as well."""

ONLY_SETS: Final = ("task_name", "older_than_seconds", "data_class")
"""What only a set can."""

_OPTIONS: Final = (
    click.option("--credential", cls=One, help="One credential."),
    click.option("--task", cls=One, help="A task and everything below it."),
    click.option("--agent", cls=One, help="What an agent holds, and what it has handed on."),
    click.option("--capability", cls=One, help="Everything of a capability."),
    click.option(
        "--issuer", cls=One, help="Everything that was got with an issuer's workload tokens."
    ),
    click.option("--tenant", cls=One, help="Everything of a tenant."),
    click.option(
        "--task-name", cls=One, help="Tasks of such a name (* and ?), and what is below them."
    ),
    click.option("--data-class", cls=One, help="Everything of a data class."),
    click.option(
        *("--older-than", "older_than_seconds"),
        cls=One,
        type=SPAN,
        help="Only what was issued at least so long ago: 15m, 8h.",
    ),
    click.option("--all", "everything", is_flag=True, help="Everything."),
    click.option("--in-tenant", cls=One, help="Only within this tenant."),
)


def criteria_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options that say which credentials are meant."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def of_set(named: Mapping[str, str | int | None], *, everything: bool, in_tenant: str) -> Criteria:
    """Return the criteria of a set.

    Raises:
        click.UsageError: the options contradict each other, or say nothing.
    """
    chosen: dict[str, str | int | bool] = {name: value for name, value in named.items() if value}
    if in_tenant and chosen.setdefault("tenant", in_tenant) != in_tenant:
        raise click.UsageError("--tenant and --in-tenant name two tenants: nothing is in both")
    if "credential" in chosen:
        raise click.UsageError("--credential stands alone: it is a set already")
    if everything and set(chosen) - {"tenant"}:
        raise click.UsageError("--all stands alone, or with --in-tenant")
    if not chosen and not everything:
        raise click.UsageError(_nothing())
    return chosen or {"all": True}


def of_cut(
    named: Mapping[str, str | int | None], *, everything: bool
) -> dict[str, str | bool] | None:
    """Return the one selector of an order that needs no set; None when a set is meant.

    Raises:
        click.UsageError: the options say nothing, or contradict each other.
    """
    chosen: dict[str, str | bool] = {name: str(value) for name, value in named.items() if value}
    if everything:
        chosen["all"] = True
    if not chosen:
        raise click.UsageError(_nothing())
    if len(chosen) == 1 and not set(chosen) & set(ONLY_SETS):
        return chosen
    return None


def _nothing() -> str:
    options = ", ".join(f"--{kind}" for kind in ("credential", *CUTS, "task-name", "data-class"))
    return f"say what to revoke, with some of {options}, --older-than; or --all; or --set"
