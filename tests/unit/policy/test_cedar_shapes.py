"""Requests are checked against the schema once for each shape, and shown in part after that."""

import json

from cedarpy import AuthzResult, is_authorized

from broker.model.decision import Deny, Permit
from broker.model.principal import Kind
from broker.policy.cedar import CedarEngine
from broker.policy.compiled import Source, compile_policies
from broker.policy.engine import DenyReason
from tests.fakes.policy import (
    ENTITIES,
    PERMIT_ALL,
    PRINCIPAL,
    QUERY,
    SCHEMA,
    by,
    compiled,
    engine,
    in_task,
)
from tests.fakes.replace import replace

ORCHESTRATOR = replace(QUERY, principal=replace(PRINCIPAL, kind=Kind.ORCHESTRATOR))


def test_a_request_that_does_not_fit_the_schema_never_passes() -> None:
    """Not at first, not again, and not after one that fits: an orchestrator gets no credential."""
    judge = engine(PERMIT_ALL)

    answers = [judge.decide(query) for query in (ORCHESTRATOR, QUERY, ORCHESTRATOR)]

    assert [type(answer) for answer in answers] == [Deny, Permit, Deny]
    assert answers[2].reason == DenyReason.ENGINE_ERROR
    assert "not valid for" in answers[2].trace.errors[0]


def test_the_first_request_of_each_shape_is_checked_against_the_schema() -> None:
    """Those that follow are shown what a policy mentions, and nothing else."""
    asked = []

    def authorize(request: dict, *rest: object) -> AuthzResult:
        asked.append((request["context"], rest[2]))
        return is_authorized(request, *rest)

    condition = "context.ttlSeconds > context.task.depth && context.task has onBehalfOf"
    policies = compiled(f'@id("x") permit (principal, action, resource) when {{ {condition} }};')
    judge = CedarEngine(policies, ENTITIES, revision=1, authorize=authorize)
    for on_behalf_of in ("alice", ""):
        for ttl_ms in (60_000, 61_000):
            judge.decide(in_task(replace(QUERY, ttl_ms=ttl_ms), on_behalf_of=on_behalf_of))

    # The refusals look for what is missing, and so ask twice.
    checked = [is_checked is not None for _, is_checked in asked]
    assert checked == [True, False, True, False, False, False]
    shown = {"ttlSeconds": 61, "task": {"depth": 0, "onBehalfOf": "alice"}}
    assert json.loads(asked[1][0]) == shown
    assert json.loads(asked[4][0]) == {"ttlSeconds": 61, "task": {"depth": 0}}
    assert asked[2][0].keys() >= {"task", "caller", "ceiling", "scopes", "ttlSeconds", "labels"}


GROUPED = Source(
    "schema",
    SCHEMA.text.replace(
        "action RequestCredential, RenewCredential appliesTo",
        'action Credential;\naction RequestCredential, RenewCredential in [Action::"Credential"]'
        " appliesTo",
    ),
)


def test_groups_of_actions_hold_for_every_request() -> None:
    """Also for those that are not checked against the schema that declares them."""
    text = '@id("x") permit (principal, action in Action::"Credential", resource);'
    policies = compile_policies((Source("0.cedar", text),), GROUPED)
    judge = CedarEngine(policies, ENTITIES, revision=1)

    for name in ("invoice-bot", "new-bot", "invoice-bot"):
        assert isinstance(judge.decide(by(name)), Permit)
