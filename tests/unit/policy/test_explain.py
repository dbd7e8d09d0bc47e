"""An operator reads why, in the words of the policies."""

import json

from broker.policy.explanation import MAX_POLICIES, ConditionFinding, PolicyFinding
from tests.fakes.policy import PERMIT_ALL, QUERY, by, engine
from tests.fakes.replace import replace

READS = """\
@id("reads")
permit (principal is Agent, action == Action::"RequestCredential", resource is Capability)
when { principal.tenant == "globex" && (context.ttlSeconds < 90 || context.task.depth > 2) }
unless { context.labels.contains("(odd) \\" text") || context.scopes.contains("orders:read") };
"""
ELSEWHERE = '@id("elsewhere") permit (principal, action == Action::"OpenTask", resource);'
FORBIDS = """\
@id("forbids")
forbid (principal is Agent, action, resource)
when { principal has risk && principal.risk == "high" };
"""


def test_each_condition_of_each_fitting_policy_is_told() -> None:
    """Nearest to applying first, in the policies' own words; what is about else is left out."""
    explanation = engine(READS, ELSEWHERE, FORBIDS).explain(QUERY)

    assert (explanation.outcome, explanation.reason) == ("deny", "no-permit")
    assert explanation.considered == (
        PolicyFinding(
            "forbids",
            "forbid",
            (
                ConditionFinding("when", "principal has risk", holds=True),
                ConditionFinding("when", 'principal.risk == "high"', holds=False),
            ),
        ),
        PolicyFinding(
            "reads",
            "permit",
            (
                ConditionFinding("when", 'principal.tenant == "globex"', holds=False),
                ConditionFinding(
                    "when", "(context.ttlSeconds < 90) || (context.task.depth > 2)", holds=True
                ),
                ConditionFinding("unless", 'context.labels.contains("(odd) \\" text")', holds=True),
                ConditionFinding("unless", 'context.scopes.contains("orders:read")', holds=False),
            ),
        ),
    )
    assert [c.text for c in explanation.considered[1].failing] == [
        'principal.tenant == "globex"',
        'context.scopes.contains("orders:read")',
    ]
    assert explanation.missing == (
        'reads: when principal.tenant == "globex"',
        'reads: unless context.scopes.contains("orders:read")',
    )


def test_a_fact_that_is_missing_is_told() -> None:
    """The condition that could not be evaluated says what it lacked."""
    explanation = engine(READS, FORBIDS).explain(by("new-bot"))

    (condition,) = explanation.considered[-1].failing[1:]
    assert condition.text == 'principal.risk == "high"'
    assert "does not have the attribute" in condition.error
    assert "risk" in condition.error


def test_an_entity_that_is_missing_is_told() -> None:
    """Nobody by that name is registered, and the trace's missing lines say so."""
    explanation = engine(READS).explain(by("never-registered"))

    assert explanation.reason == "evaluation-error"
    assert explanation.missing[0].startswith('reads: when principal.tenant == "globex" (entity')
    assert "does not exist" in explanation.missing[0]
    assert 'Agent::"never-registered"' not in explanation.facts


def test_a_permission_is_explained_too() -> None:
    """What applied, and that nothing is missing."""
    explanation = engine(PERMIT_ALL, READS).explain(QUERY)

    assert explanation.outcome == "permit"
    assert explanation.determining == ("all",)
    assert [finding.applies for finding in explanation.considered] == [True, False]
    assert explanation.missing == ()


def test_an_approval_is_explained_by_whom_it_needs() -> None:
    """The reason names the groups."""
    explanation = engine(
        '@id("a") @approval("oncall") permit (principal, action, resource);'
    ).explain(QUERY)

    assert (explanation.outcome, explanation.reason) == ("needs-approval", "oncall")


def test_a_question_that_cannot_be_put_is_explained_as_that() -> None:
    """Nothing is considered; the error says why."""
    explanation = engine(PERMIT_ALL).explain(replace(QUERY, capability=None))

    assert (explanation.outcome, explanation.reason) == ("deny", "engine-error")
    assert explanation.considered == ()
    assert explanation.errors == ("UnfitFactError: a credential is asked for without a capability",)


def test_an_explanation_is_json() -> None:
    """It goes out as it is."""
    explanation = engine(READS).explain(QUERY)

    told = json.loads(json.dumps(explanation.to_json()))

    assert told["considered"][0]["conditions"][0] == {
        "kind": "when",
        "text": 'principal.tenant == "globex"',
        "holds": False,
        "error": "",
    }


def test_an_explanation_is_bounded() -> None:
    """Of very many policies some are listed, and it says that there are more."""
    texts = [
        f'@id("p{n}") permit (principal, action, resource) when {{ context.ttlSeconds > 999 }};'
        for n in range(MAX_POLICIES + 1)
    ]

    explanation = engine(*texts).explain(QUERY)

    assert len(explanation.considered) == MAX_POLICIES
    assert explanation.truncated
    assert len(explanation.missing) == 16


def test_what_a_permit_is_bound_to_is_told() -> None:
    """The obligations of all permits that apply together."""
    once = PERMIT_ALL.replace("permit", '@evidence("single-use") @binding("any") permit', 1)
    short = (
        '@id("short") @max_ttl_seconds("60") @scopes("b a") permit (principal, action, resource);'
    )

    explanation = engine(once, short).explain(QUERY)

    assert explanation.outcome == "permit"
    assert explanation.obligations == (
        "max_ttl_seconds 60",
        "scopes a b",
        "binding dpop or mtls",
        "evidence single-use",
    )


def test_a_deny_and_a_permit_without_terms_oblige_to_nothing() -> None:
    """There is nothing to show."""
    assert engine(PERMIT_ALL).explain(QUERY).obligations == ()
    assert engine(READS).explain(QUERY).obligations == ()
