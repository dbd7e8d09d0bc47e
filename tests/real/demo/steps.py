"""The demo, as data: what happens, in which order."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from broker.dev.step import Step
from tests.chaos.target_cases import KILLING, LISTING, MINTING
from tests.real.demo import acts, because
from tests.real.demo.cast import Scene
from tests.real.demo.declared import (
    DATABASE,
    EXPORT_DATABASE,
    EXPORT_FILES,
    EXPORT_JWT,
    FILES,
    JWT,
)

DONE: Final = "reconcile-invoices"
OTHER: Final = "count-orders"
TICKETED: Final = "export-for-the-ticket"

_WHAT: Final = {
    JWT: "a JWT for the resource server",
    DATABASE: "a login of PostgreSQL, through OpenBao",
    FILES: "a session of an AWS role",
}
_WHAT_FOR_THE_TICKET: Final = dict(
    zip((EXPORT_JWT, EXPORT_DATABASE, EXPORT_FILES), _WHAT.values(), strict=True)
)


def _prologue(chapter: str, name: str) -> tuple[Step[Scene], ...]:
    begin = Step(f"{name}-open", chapter, f'"{name}" is opened', partial(acts.open_task, name=name))
    return (begin, *_gets(chapter, name, _WHAT))


def _gets(chapter: str, name: str, kinds: Mapping[str, str]) -> list[Step[Scene]]:
    return [
        Step(
            f"{name}-{capability}",
            chapter,
            f"its agent gets and uses {what}",
            partial(acts.hold, name=name, capability=capability),
        )
        for capability, what in kinds.items()
    ]


_TICKET: Final = "Because of a ticket"
_FOR_A_TICKET: Final = (
    Step("facts", _TICKET, "agent, ticket and dataset are related", because.declare),
    Step(
        "ticketed-open",
        _TICKET,
        f'"{TICKETED}" names the ticket',
        partial(because.open_task, name=TICKETED),
    ),
    *_gets(_TICKET, TICKETED, _WHAT_FOR_THE_TICKET),
    Step(
        "elsewhere",
        _TICKET,
        "what is about another dataset",
        partial(because.refused_elsewhere, name=TICKETED),
    ),
    Step("preview", _TICKET, "to close it", partial(because.preview, name=TICKETED)),
    Step("closed", _TICKET, "it is closed: refused by", partial(because.close, name=TICKETED)),
    Step(
        "ticketed-report",
        _TICKET,
        "the task's report, to the end",
        partial(acts.report, name=TICKETED),
    ),
    Step("why", _TICKET, "the report says why", partial(because.reasons, name=TICKETED)),
    Step("ticketed-other", _TICKET, f'"{OTHER}" is untouched', partial(acts.untouched, name=OTHER)),
)
"""The second task goes on all the while; its end comes later."""


_DEATHS: Final = "SIGKILL at each step, and another broker"


def _minting(point: str, capability: str) -> Step[Scene]:
    return Step(
        f"{point}-{capability}",
        _DEATHS,
        f"minting {capability}, killed at {point}",
        partial(acts.die_minting, point=point, capability=capability),
    )


def _killing(point: str) -> Step[Scene]:
    return Step(
        point,
        _DEATHS,
        f"killing both kinds, killed at {point}",
        partial(acts.die_killing, point=point),
    )


STORY: Final[tuple[Step[Scene], ...]] = (
    *_prologue("One task, three kinds of credentials", DONE),
    *_prologue("Another task, on the same role and the same database", OTHER),
    Step("end", "One call", f'"{DONE}" is done: refused by', partial(acts.end, name=DONE)),
    Step("report", "One call", "its report, to the end", partial(acts.report, name=DONE)),
    Step("word", "One call", "by the targets' own word", partial(acts.refused_to, name=DONE)),
    Step("other", "One call", f'"{OTHER}" is untouched', partial(acts.untouched, name=OTHER)),
    *_FOR_A_TICKET,
    Step("other-end", "One call", f'"{OTHER}" is done: refused by', partial(acts.end, name=OTHER)),
    Step("other-report", "One call", "its report, to the end", partial(acts.report, name=OTHER)),
)

DEATHS: Final[tuple[Step[Scene], ...]] = (
    *(_minting(point, capability) for point in MINTING for capability in (DATABASE, FILES)),
    *(_killing(point) for point in (*KILLING, *LISTING)),
)
"""What is alive then is told by the targets."""
