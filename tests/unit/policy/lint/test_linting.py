from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.policy.compiled import Source
from broker.policy.lint.finding import Finding, Level
from broker.policy.lint.linting import RULES, lint
from broker.policy.query import Query
from tests.fakes.policy import QUERY, SCHEMA, by, compiled, engine, in_task
from tests.fakes.policy_texts import EXPRESSIONS, policies
from tests.fakes.replace import replace

A: Final = 'principal is Agent, action == Action::"RequestCredential", resource is Capability'
NO: Final = '@id("no") @description("d")'
OF_CAPABILITY: Final = "resource is Capability"
SHORT: Final = "context.ttlSeconds < 9"
TENANT: Final = "principal.tenant == context.task.tenant"
BOTH: Final = f"{TENANT} && {SHORT}"

CASES: Final = [
    ("fault", f"permit ({A}) when {{ {TENANT} && }};", f"permit ({A}) when {{ {TENANT} }};"),
    (
        "no-request",
        "forbid (principal is Orchestrator, action, resource is Capability);",
        "forbid (principal is Orchestrator, action, resource is Agent);",
    ),
    (
        "optional",
        f'forbid ({A}) when {{ principal.risk == "high" }};',
        f'forbid ({A}) when {{ principal has risk && principal.risk == "high" }};',
    ),
    (
        "parsing",
        f"forbid ({A}) when {{ ip(context.task.name).isLoopback() }};",
        f'forbid ({A}) when {{ ip("127.0.0.1").isLoopback() && {TENANT} }};',
    ),
    (
        "can-fail",
        f"forbid ({A}) when {{ context.ttlSeconds * 2 > 100 }};",
        f"forbid ({A}) when {{ context.ttlSeconds > 100 / 2 }};".replace("100 / 2", "25 * 2"),
    ),
    (
        "can-fail",
        f'forbid ({A}) when {{ Agent::"boss".status == "active" }};',
        f'forbid ({A}) when {{ Agent::"boss" has status && Agent::"boss".status == "active" }};',
    ),
    (
        "can-fail",
        f"forbid ({A}) when {{ -context.task.depth < 0 }};",
        f"forbid ({A}) when {{ context.task.depth > -1 }};",
    ),
    (
        "never-applies",
        f'permit ({A}) when {{ {TENANT} && principal.status == "a" && principal.status == "b" }};',
        f'permit ({A}) when {{ {TENANT} && principal.status == "a" && principal.status != "b" }};',
    ),
    (
        "never-applies",
        f"forbid ({A}) when {{ context.ttlSeconds < 60 }} unless {{ context.ttlSeconds < 61 }};",
        f"forbid ({A}) when {{ context.ttlSeconds < 61 }} unless {{ context.ttlSeconds < 60 }};",
    ),
    (
        "never-applies",
        f'forbid ({A}) when {{ context.scopes.contains("a") && context.scopes.isEmpty() }};',
        f'forbid ({A}) when {{ !context.scopes.contains("a") && context.scopes.isEmpty() }};',
    ),
    (
        "never-applies",
        f'forbid ({A}) when {{ ["a", "b"].contains(principal.owner) && "c" == principal.owner }};',
        f'forbid ({A}) when {{ ["a", "b"].contains(principal.owner) && principal.owner != "b" }};',
    ),
    (
        "never-applies",
        f"forbid ({A}) when {{ principal is Orchestrator || principal == resource }};",
        f"forbid ({A}) when {{ principal is Agent }};",
    ),
    (
        "never-applies",
        f"forbid ({A}) when {{ 1 > 2 }};",
        f"forbid ({A}) when {{ 1 < 2 }};",
    ),
    (
        "never-applies",
        f'forbid ({A}) when {{ "a" == "b" }};',
        f'forbid ({A}) when {{ "a" != "b" }};',
    ),
    (
        "overruled",
        f"permit ({A}) when {{ {TENANT} }}; {NO} forbid (principal, action, {OF_CAPABILITY});",
        f"permit ({A}) when {{ {TENANT} }}; {NO} forbid (principal, action, resource is Agent);",
    ),
    (
        "overruled",
        f"permit ({A}) when {{ {TENANT} && {SHORT} }}; {NO} forbid ({A}) when {{ {SHORT} }};",
        f"permit ({A}) when {{ {TENANT} }}; {NO} forbid ({A}) when {{ {SHORT} }};",
    ),
    (
        "duplicate",
        f"permit ({A}) when {{ {BOTH} }}; {NO} permit ({A}) when {{ {SHORT} && {TENANT} }};",
        f"permit ({A}) when {{ {BOTH} }}; {NO} permit ({A}) when {{ {TENANT} }};",
    ),
    ("no-conditions", f"permit ({A});", f"forbid ({A});"),
    (
        "no-tenant",
        f'permit ({A}) when {{ principal.tenant like "a*" && resource.audience == "x" }};',
        f"permit ({A}) when {{ resource.tenants.contains(context.task.tenant) }};",
    ),
    (
        "every-principal",
        f"permit (principal, action, resource is Capability) when {{ {TENANT} }};",
        f"permit (principal is Agent, action, resource is Capability) when {{ {TENANT} }};",
    ),
    (
        "every-action",
        f"permit (principal is Agent, action, resource) when {{ {TENANT} }};",
        f"permit ({A}) when {{ {TENANT} }};",
    ),
    (
        "labels",
        f'permit ({A}) when {{ {TENANT} && context.labels.contains("a=b") }};',
        f'forbid ({A}) when {{ {TENANT} && context.labels.contains("a=b") }};',
    ),
]  # fmt: skip


def found(*texts: str) -> tuple[Finding, ...]:
    """Lint policies, each in a file of its own, beside one that is good."""
    sources = tuple(Source(f"{number}.cedar", text) for number, text in enumerate(texts))
    return lint(sources, SCHEMA)


def rules(text: str) -> set[str]:
    """Return what is found about the policy that begins a file."""
    named = f'@id("it") @description("d")\n{text}'
    return {each.rule for each in found(named) if each.policy in {"it", "no", ""} and each.line}


@pytest.mark.parametrize(("rule", "bad", "good"), CASES)
def test_a_rule_finds_what_it_is_for_and_nothing_beside(rule: str, bad: str, good: str) -> None:
    """A policy that shows it, and a near one that does not."""
    assert rule in rules(bad)
    assert rule not in rules(good)


def test_a_policy_without_a_description_is_noted() -> None:
    """Whoever is refused by it wants to know what it is for."""
    assert [each.level for each in found(f'@id("x") forbid ({A});') if each.line] == [Level.NOTE]
    blank = found(f'@id("x") @description(" ") forbid ({A});')
    assert "no-description" in {each.rule for each in blank}


def test_every_rule_has_its_case() -> None:
    """A new rule needs a policy that shows it and one that does not."""
    assert {rule for rule, _, _ in CASES} | {"no-description"} == RULES.keys()


def test_a_finding_knows_its_place_its_policy_and_what_helps() -> None:
    """In the order of files and lines."""
    good = f'@id("a") @description("d")\npermit ({A}) when {{ {TENANT} }};'
    text = (
        f'{good}\n\n@id("b") @description("d")\nforbid ({A}) when {{ context.ttlSeconds + 1 > 2 }};'
    )

    (finding,) = found(good.replace('"a"', '"c"').replace("Request", "Renew"), text)

    assert (finding.file, finding.line, finding.policy) == ("1.cedar", 4, "b")
    assert finding.level is Level.ERROR
    assert "context.ttlSeconds + 1 can overflow" in finding.message
    assert finding.remedy


def test_a_permit_that_can_fail_is_a_warning() -> None:
    """It denies what others permit, but lets nothing through."""
    text = f'@id("a") permit ({A}) when {{ {TENANT} && context.ttlSeconds + 1 > 2 }};'

    assert Level.WARNING in {each.level for each in found(text) if each.rule == "can-fail"}


QUERIES: Final = [
    QUERY,
    by("new-bot"),
    in_task(tickets=("T-1",), on_behalf_of="somebody", depth=3),
    replace(QUERY, ttl_ms=(2**63 - 1), scopes=frozenset()),
    in_task(by("new-bot"), name="acme", depth=2**62),
]
MAY_FAIL: Final = {"can-fail", "fault", "optional", "parsing"}


def outcomes(text: str, queries: list[Query]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return which policies applied, and what went wrong, for each question."""
    judge = engine(text)
    traces = [judge.decide(query).trace for query in queries]
    return [(trace.policies, trace.errors) for trace in traces]


@given(policies("forbid", "no"))
def test_a_forbid_that_is_said_not_to_fail_never_fails(text: str) -> None:
    """Whatever is asked, by whom of the registered ever."""
    permit = f'@id("yes") permit ({A}) when {{ {TENANT} }};'
    said = {finding.rule for finding in found(f"{permit}\n{text}") if finding.policy in {"no", ""}}
    if said & MAY_FAIL or compiled(permit, text).faults:
        return

    for _, errors in outcomes(f"{permit}\n{text}", QUERIES):
        assert errors == ()


@given(policies("permit", "yes"), policies("forbid", "no"))
def test_what_is_said_never_to_apply_or_to_count_never_does(permit: str, forbid: str) -> None:
    """For no question, whatever else the policies say."""
    text = f"{permit}\n{forbid}"
    said = [(each.policy, each.rule) for each in found(text)]
    if compiled(text).faults:
        return

    for applied, errors in outcomes(text, QUERIES):
        if errors:
            continue
        for name in applied:
            assert (name, "never-applies") not in said
            assert (name, "overruled") not in said


@given(
    st.lists(st.one_of(policies("permit", "a"), policies("forbid", "b"), EXPRESSIONS), max_size=3)
)
def test_nothing_that_is_written_breaks_it(texts: list[str]) -> None:
    """Whatever is no policy at all is a fault with its line."""
    findings = found(*texts)

    assert all(finding.message and finding.remedy for finding in findings)
