"""What policies can see, and that remembering by it changes no answer."""

import pytest
from cedarpy import policies_to_pst
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.model.decision import Deny, Obligations, Permit, Trace
from broker.policy.memory import Memory
from broker.policy.relevance import Look, Relevance
from tests.fakes.policy import QUERY, engine
from tests.fakes.replace import replace


def relevance(text: str) -> Relevance:
    """Analyse policies."""
    return Relevance(policies_to_pst(text).static_policies.values())


@pytest.mark.parametrize(
    ("condition", "paths"),
    [
        ("true", []),
        ("principal == resource", []),
        ("context.a", [("a",)]),
        ("context.a.b && context.a.c", [("a", "b"), ("a", "c")]),
        ("context.a.b && context.a == {b: true}", [("a",)]),
        ("context has a", [("a",)]),
        ("context has a.b", [("a",)]),
        ("context.a has b", [("a", "b")]),
        ('context["a"]["b c"] like "x*"', [("a", "b c")]),
        ("if context.a then context.b else context.c", [("a",), ("b",), ("c",)]),
        ("[1, context].contains(2)", [()]),
        ("{x: context.a}.x", [("a",)]),
        ("{x: context}.x.a", [()]),
        ("principal.roles.containsAny(context.a)", [("a",)]),
        ('ip(context.a).isInRange(ip("10.0.0.0/8"))', [("a",)]),
    ],
)
def test_every_mention_of_the_context_is_found(condition: str, paths: list) -> None:
    """In whatever place of an expression it stands."""
    found = relevance(f"permit(principal, action, resource) when {{ {condition} }};")

    assert list(found.looks) == [Look(path) for path in paths]


def test_an_unless_is_read_as_well() -> None:
    """And so are forbids, and every policy of the set."""
    found = relevance(
        "permit(principal, action, resource) unless { context.a };"
        "forbid(principal, action, resource) when { context.b };"
    )

    assert list(found.looks) == [Look(("a",)), Look(("b",))]


@pytest.mark.parametrize(
    ("condition", "look", "same", "other"),
    [
        ("context.a.isEmpty()", Look(("a",), "is_empty"), [["x"], ["y", "z"]], []),
        ('context.a.contains("x")', Look(("a",), "contains", "x"), [["x"], ["x", "y"]], ["y"]),
        ("context.a <= 60", Look(("a",), "less_eq", 60), [0, 60], 61),
        ("context.a > 60", Look(("a",), "greater", 60), [0, 60], 61),
        ("60 < context.a", Look(("a",), "greater", 60), [0, 60], 61),
        ("60 >= context.a", Look(("a",), "less_eq", 60), [0, 60], 61),
    ],
)
def test_of_what_is_only_tested_the_outcome_counts(
    condition: str, look: Look, same: list, other: object
) -> None:
    """Values on the same side of a test are the same question, on both sides of it they are not."""
    found = relevance(f"permit(principal, action, resource) when {{ {condition} }};")

    assert list(found.looks) == [look]
    assert found.key({"a": same[0]}) == found.key({"a": same[1]})
    assert len({found.key({"a": same[0]}), found.key({"a": other}), found.key({})}) == 3


@pytest.mark.parametrize("value", [True, "60", 60.0, [60], {"x": 60}])
def test_a_value_of_another_type_counts_as_it_is(value: object) -> None:
    """The test would be an error in Cedar; nothing is assumed of its outcome."""
    found = relevance("permit(principal, action, resource) when { context.a <= 60 };")

    assert found.key({"a": value}) not in (found.key({"a": 60}), found.key({"a": 61}))


def test_what_is_tested_and_also_taken_whole_counts_whole() -> None:
    """The coarser look does not hide the finer one."""
    found = relevance(
        "permit(principal, action, resource) when { context.a.isEmpty() };"
        "forbid(principal, action, resource) when { principal.tags.containsAny(context.a) };"
    )

    assert list(found.looks) == [Look(("a",))]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("true", {}),
        ("context.n", {"n": 1}),
        ("context.task.id", {"task": {"id": "t"}}),
        ("context.task has absent", {"task": {}}),
        ("context has absent.deep", {}),
        ("context.task == context.task", {"task": {"id": "t", "of": ["a"]}}),
        ("context.n has inner", {"n": 1}),
        ("[context].contains(1)", {"n": 1, "task": {"id": "t", "of": ["a"]}}),
    ],
)
def test_a_context_is_cut_to_what_is_mentioned(condition: str, kept: dict) -> None:
    """A record stays when something in it is asked for, also when that is not there."""
    found = relevance(f"permit(principal, action, resource) when {{ {condition} }};")

    assert found.cut({"n": 1, "task": {"id": "t", "of": ["a"]}}) == kept


@pytest.mark.parametrize("condition", ["context.by.status == 1", "context.by has status"])
def test_an_entity_is_never_taken_apart(condition: str) -> None:
    """What is said of it is the engine's own facts: the request only says which one it is."""
    found = relevance(f"permit(principal, action, resource) when {{ {condition} }};")
    one = {"by": {"__entity": {"type": "Person", "id": "acme/a"}}}
    other = {"by": {"__entity": {"type": "Person", "id": "acme/b"}}}

    assert found.cut(one) == one
    assert len({found.key(one), found.key(other), found.key({"by": {}}), found.key({})}) == 3


def test_absent_empty_and_alike_values_are_told_apart() -> None:
    """One is not True, nothing is not an empty text, a list is not its only member."""
    found = relevance("permit(principal, action, resource) when { context.a };")
    values = [{}, {"a": ""}, {"a": []}, {"a": {}}, {"a": 1}, {"a": True}, {"a": ["x"]}, {"a": "x"}]

    assert len({found.key(value) for value in values}) == len(values)


PERMIT = Permit(Obligations(), Trace("v", 1))


def test_a_question_that_differs_only_in_what_nobody_sees_is_asked_once() -> None:
    """That is the gain."""
    memory = Memory(relevance("permit(principal, action, resource) when { context.a };"))
    asked = []

    for number in range(100):
        memory.answer("who", {"a": True, "unseen": number}, lambda: asked.append(1) or PERMIT)

    assert len(asked) == 1


def test_a_question_that_differs_in_what_is_seen_is_asked_again() -> None:
    """And so is one by somebody else."""
    memory = Memory(relevance("permit(principal, action, resource) when { context.a };"))
    asked = []

    for who, seen in (("x", True), ("x", False), ("y", True)):
        memory.answer(who, {"a": seen}, lambda: asked.append(1) or PERMIT)

    assert len(asked) == 3


def test_an_answer_that_came_of_an_error_is_not_remembered() -> None:
    """The next one may be right."""
    memory = Memory(relevance("permit(principal, action, resource) when { context.a };"))
    deny = Deny("engine-error", Trace("v", 1, errors=("boom",)))

    first = memory.answer("x", {"a": True}, lambda: deny)
    second = memory.answer("x", {"a": True}, lambda: PERMIT)

    assert (first, second) == (deny, PERMIT)


def test_the_memory_is_bounded() -> None:
    """The oldest answer makes room."""
    memory = Memory(relevance("permit(principal, action, resource) when { context.a };"), most=2)
    asked = []

    for value in ("1", "2", "3", "1"):
        memory.answer("x", {"a": value}, lambda: asked.append(1) or PERMIT)

    assert len(asked) == 4


VALUES = st.recursive(
    st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=5,
)


CONTEXTS = st.dictionaries(st.sampled_from("abc"), VALUES)


@settings(max_examples=300)
@given(
    st.dictionaries(st.sampled_from("abc"), VALUES), st.dictionaries(st.sampled_from("abc"), VALUES)
)
def test_equal_keys_mean_equal_mentioned_parts(one: dict, other: dict) -> None:
    """The key loses nothing of what is mentioned."""
    found = relevance("permit(principal, action, resource) when { context.a && context.b.a };")
    same = repr(_seen(one)) == repr(_seen(other))

    assert (found.key(one) == found.key(other)) == same


def _seen(context: dict) -> object:
    inner = context.get("b")
    nested = inner.get("a", "<absent>") if isinstance(inner, dict) else "<absent>"
    return _sorted(context.get("a", "<absent>")), _sorted(nested)


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


POLICIES = (
    (
        '@id("reads") permit (principal is Agent, action, resource is Capability) when {'
        ' context.task.tenant == "acme" && ["orders:read"].containsAll(context.scopes) };'
    ),
    (
        '@id("tickets") permit (principal is Agent, action, resource is Capability)'
        " unless { context.task.tickets.isEmpty() };"
    ),
    (
        '@id("bad") forbid (principal, action, resource)'
        ' when { context.task.tickets.contains("BAD") };'
    ),
    '@id("long") forbid (principal, action, resource) when { context.ttlSeconds > 60 };',
    (
        '@id("whom") forbid (principal, action, resource) when {'
        ' context.task has onBehalfOf && context.task.onBehalfOf == "mallory" };'
    ),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda task, **rest: replace(QUERY, task=replace(QUERY.task, **task), **rest),
            task=st.fixed_dictionaries(
                {
                    "id": st.sampled_from(["t_1", "t_2"]),
                    "tenant": st.sampled_from(["acme", "globex"]),
                    "tickets": st.sampled_from([(), ("A",), ("B",), ("A", "B"), ("BAD",)]),
                    "on_behalf_of": st.sampled_from(["", "alice", "mallory"]),
                }
            ),
            scopes=st.sampled_from([frozenset({"orders:read"}), frozenset({"orders:write"})]),
            ttl_ms=st.sampled_from([1_000, 60_000, 60_001, 900_000]),
            labels=st.sampled_from([{}, {"run": "7"}]),
        ),
        min_size=2,
        max_size=12,
    )
)
def test_a_remembering_engine_answers_as_a_forgetful_one(queries: list) -> None:
    """Whatever was asked before, the answer to each question is the same."""
    for query in queries:
        assert REMEMBERING.decide(query) == engine(*POLICIES).decide(query)


REMEMBERING = engine(*POLICIES)
