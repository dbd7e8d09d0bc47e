"""What an engine elsewhere is told of the registered."""

from broker.policy.entity import Entity, EntityName
from broker.policy.query import Action
from broker.policy.shown import with_all_above
from tests.fakes.policy import PERMIT_ALL, QUERY, by, engine
from tests.fakes.replace import replace

A, B, C = (EntityName("Team", name) for name in "abc")


def test_everybody_above_is_shown_once() -> None:
    """Also where a group is reached in two ways, or by way of itself."""
    known = {A: Entity(A, {}, (B, C)), B: Entity(B, {}, (C,)), C: Entity(C, {}, (A,))}

    assert with_all_above([A], known) == (known[A], known[B], known[C])
    assert with_all_above([A, A, B], known) == with_all_above([A], known)


def test_who_is_not_registered_is_not_shown() -> None:
    """Nor is a group that nobody knows."""
    known = {A: Entity(A, {}, (B,))}

    assert with_all_above([A, C], known) == (known[A],)
    assert with_all_above([C], known) == ()


def test_an_engine_shows_principal_resource_and_the_tasks_agent() -> None:
    """As of its revision."""
    judge = engine(PERMIT_ALL)

    names = [str(each.name) for each in judge.shown(by("new-bot")).entities]

    assert names == [
        'Agent::"invoice-bot"',
        'Agent::"new-bot"',
        'Capability::"orders-api"',
        'Team::"finance"',
    ]
    assert judge.shown(QUERY).revision == 7
    task = replace(QUERY, action=Action.EXTEND_TASK, capability=None)
    assert len(judge.shown(task).entities) == 2
