"""The story, as data: what happens, in which order."""

from functools import partial
from typing import Final

from broker.client.results import Ceiling
from broker.dev import acts, endings, receipts
from broker.dev.acts import CAPABILITY, READ, WRITE, Plan
from broker.dev.stage import Stage
from broker.dev.step import Step

DONE: Final = Plan("done", "reconcile-invoices")
SILENT: Final = Plan("silent", "count-orders", idle_seconds=2)
FORCED: Final = Plan("forced", "export-orders")
PARENT: Final = Plan(
    *("parent", "close-the-month"),
    ceiling=(Ceiling(CAPABILITY, (READ,)), Ceiling("reports-read", ("reports:read",))),
)
CHILD: Final = Plan("child", "check-one-order", ceiling=PARENT.ceiling, parent="parent")
AGED: Final = Plan("aged", "watch-orders", credential_seconds=3)

_DONE: Final = "A task that is done"
_SILENT: Final = "A task whose agent falls silent"
_FORCED: Final = "A task that is killed by force"
_FAMILY: Final = "A task with a child"
_AGED: Final = "A credential that dies of age"

FORBIDDEN: Final = ("reports-read", "reports:read")
"""Within the ceiling; but the helper counts as high risk, and reports are restricted data."""


def _prologue(chapter: str, plan: Plan) -> tuple[Step[Stage], ...]:
    opener, agent = (
        ("invoice-bot", "helper-bot") if plan.parent else ("ci-orchestrator", "invoice-bot")
    )
    return (
        Step(
            f"{plan.key}-open",
            chapter,
            f'{opener} opens "{plan.name}"{" for " + agent if plan.parent else ""}',
            partial(acts.open_task, plan=plan),
        ),
        Step(
            f"{plan.key}-issue",
            chapter,
            f"{agent} shows its token, gets {READ}",
            partial(acts.get_credential, plan=plan),
        ),
        Step(
            f"{plan.key}-use",
            chapter,
            "the resource server accepts it",
            partial(acts.use, plan=plan),
        ),
    )


STEPS: Final[tuple[Step[Stage], ...]] = (
    *_prologue(_DONE, DONE),
    Step(
        "done-beyond",
        _DONE,
        f"{WRITE}, beyond the task's ceiling, is refused",
        partial(acts.ask_for_more, plan=DONE, ask=(CAPABILITY, WRITE)),
    ),
    Step(
        "done-explain",
        _DONE,
        "the operator sees why",
        partial(acts.explain, plan=DONE, reason="beyond-ceiling"),
    ),
    Step(
        "done-end",
        _DONE,
        "the task is done: the very same token is refused",
        partial(endings.complete, plan=DONE),
    ),
    Step(
        "done-closed",
        _DONE,
        "another credential for the closed task is refused",
        partial(acts.ask_when_closed, plan=DONE),
    ),
    *_prologue(_SILENT, SILENT),
    Step(
        "silent-end",
        _SILENT,
        "two seconds of silence: the token is refused",
        partial(endings.fall_silent, plan=SILENT),
    ),
    *_prologue(_FORCED, FORCED),
    Step(
        "forced-end",
        _FORCED,
        "the operator pulls the plug: the token is refused",
        partial(endings.revoke, plan=FORCED),
    ),
    *_prologue(_FAMILY, PARENT),
    *_prologue(_FAMILY, CHILD),
    Step(
        "child-forbidden",
        _FAMILY,
        "restricted data is refused by policy",
        partial(acts.ask_for_more, plan=CHILD, ask=FORBIDDEN),
    ),
    Step(
        "child-explain",
        _FAMILY,
        "the operator sees which policy",
        partial(acts.explain, plan=CHILD, reason="forbidden"),
    ),
    Step(
        "parent-end",
        _FAMILY,
        "the parent is done: both tokens are refused",
        partial(endings.complete, plan=PARENT, below="child"),
    ),
    *_prologue(_AGED, AGED),
    Step(
        "aged-end",
        _AGED,
        "at its deadline it is refused; its task goes on",
        partial(endings.grow_old, plan=AGED),
    ),
    Step(
        "receipts",
        "Receipts",
        "the operator reads the receipts",
        receipts.collect,
    ),
)
