"""`broker explain`: why a decision fell as it did, or would fall."""

from typing import Final

import click

from broker.cli import approval_views, views
from broker.cli.desk import Desk, at_desk
from broker.cli.types import SPAN
from broker.policy.query import Action

_WAITING: Final = approval_views.explained


@click.command(short_help="Tell why a decision fell as it did.")
@click.argument("subject", metavar="[ID]", required=False, default="")
@click.option(
    "--action",
    type=click.Choice([each.value for each in Action]),
    help="Suppose a request instead.",
)
@click.option("--tenant", default="", help="The tenant of the supposed task.")
@click.option("--agent", default="", help="The agent that works on it.")
@click.option(
    "--caller",
    "asker",
    help="Who asks: agent:NAME, orchestrator:NAME or person:NAME. Default: the agent.",
)
@click.option("--capability", help="What credential is asked for.")
@click.option("--scope", "scopes", multiple=True, help="With this scope; may be repeated.")
@click.option("--ttl", "ttl_seconds", type=SPAN, help="For how long.")
@click.option("--ticket", "tickets", multiple=True, help="The task names it; may be repeated.")
@click.option("--resource", "resources", multiple=True, help="Likewise.")
@click.option("--on-behalf-of", help="Whose work it is.")
@at_desk
def explain(
    desk: Desk, /, subject: str, action: str | None, asker: str | None, **supposed: object
) -> None:
    """Tell an operator why decision ID (d_…) fell as it did, and what would turn it.

    The caller who was refused has the id in the refusal; what stands behind it only operators see.

    Of a task (t_…, c_…), an agent (agent:NAME) or an approval (a_…) it tells what waits for people:
    who may answer, until when, and the digest of what they are asked.

    Of credential ID (l_…) it tells by what it was granted, and whether the same request would be
    granted now; if not, why. It may have ended, as long as its task is kept.

    With --action, --tenant and --agent instead of an id it tells what policy would say to a request
    that nobody has made. Ceilings, quotas and the state of a task have no part in that.
    """
    if bool(subject) == bool(action):
        what = "a decision, credential, task, agent or approval"
        raise click.UsageError(f"name {what}, or suppose a request with --action")
    if action is None:
        _recorded(desk, subject)
        return
    kind, _, name = (asker or "").partition(":")
    stated = supposed | {"action": action, "caller": name, "caller_kind": kind}
    request = {name: value for name, value in stated.items() if value}
    if "tenant" not in request or "agent" not in request:
        raise click.UsageError("a supposed request needs --tenant and --agent")
    desk.answer(lambda broker: broker.operator.suppose(request), views.supposition)


def _recorded(desk: Desk, subject: str) -> None:
    """Explain what its id, by its form, is of."""
    kind, _, name = subject.partition(":")
    match subject[:2]:
        case "l_":
            desk.answer(lambda broker: broker.operator.explain_credential(subject), views.granted)
        case "a_":
            desk.answer(lambda broker: broker.approvals.show(subject), approval_views.approval)
        case "t_" | "c_":
            desk.answer(lambda broker: broker.approvals.find(task=subject), _WAITING)
        case _ if kind == "agent" and name:
            desk.answer(lambda broker: broker.approvals.find(agent=name), _WAITING)
        case _:
            desk.answer(lambda broker: broker.operator.explain(subject), views.decision)
