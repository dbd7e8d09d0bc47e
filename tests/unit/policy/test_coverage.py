from broker.policy.coverage import Coverage, PolicyCoverage, is_enough, outcomes_of, seen_of
from broker.policy.query import Query
from tests.fakes.policy import QUERY, by, compiled, engine, in_task
from tests.fakes.replace import replace

POLICIES = """
@id("read") permit (principal is Agent, action, resource is Capability)
when { principal has risk && principal.risk == "low" } unless { context.task.depth > 2 };
@id("tasks") permit (principal is Orchestrator, action, resource is Agent);
"""


def seen(*queries: Query) -> dict[str, PolicyCoverage]:
    """Put questions, and return what they tried."""
    judge = engine(POLICIES)
    coverage = Coverage(compiled(POLICIES).policies, judge.conditions)
    for query in queries:
        coverage.note(judge.decide(query).trace.policies, judge.findings(query))
    return {each.policy: each for each in coverage.policies()}


def test_a_condition_is_seen_when_it_held_and_when_it_did_not() -> None:
    """One question shows one outcome of each condition, and whether the policy determined it."""
    found = seen(QUERY)["read"]

    assert [(each.held, each.failed) for each in found.conditions] == [(1, 0), (1, 0), (1, 0)]
    assert (found.fitted, found.determined, found.seen, found.outcomes) == (1, 1, 4, 7)


def test_what_could_not_be_evaluated_by_itself_was_neither() -> None:
    """An agent without a risk fails the guard; what stands behind it was never reached."""
    guard, guarded, depth = seen(by("new-bot"), in_task(depth=3))["read"].conditions

    assert (guard.held, guard.failed, guard.erred) == (1, 1, 0)
    assert (guarded.held, guarded.failed, guarded.erred) == (1, 0, 1)
    assert (depth.held, depth.failed) == (1, 1)


def test_a_policy_whose_scope_fits_no_question_saw_nothing() -> None:
    """It counts all the same: what nobody tried is what is looked for."""
    found = seen(QUERY, replace(QUERY, ttl_ms=5))

    assert (found["tasks"].fitted, found["tasks"].seen, found["tasks"].outcomes) == (0, 0, 1)
    assert (found["read"].determined, found["read"].seen) == (2, 4)


def test_enough_is_judged_without_rounding() -> None:
    """4 of 8 are half, and no more than half."""
    found = tuple(seen(QUERY).values())

    assert (seen_of(found), outcomes_of(found)) == (4, 8)
    assert is_enough(found, 50)
    assert not is_enough(found, 50.01)
    assert is_enough((), 100)
