"""What an account must have, worked out from what is declared; and what is done about the rest."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from backends.aws_bootstrap import NotPlannedError, Plan, PlannedRole, Wanted, plan, wanted_of
from backends.aws_bootstrap_account import State, Step, look
from backends.aws_errors import AnsweredError
from backends.aws_shapes import Ambient, AwsOptions, DenyWriter, ViaRole, WebIdentity
from backends.errors import Trouble

ROLE = "arn:aws:iam::123456789012:role/"
ISSUER = "https://broker.example/tenant"
HOST = "broker.example/tenant"
BY_TOKEN = AwsOptions(account="123456789012", region="eu-central-1", web_identity=WebIdentity())
BY_KEYS = AwsOptions(account="123456789012", region="eu-central-1", ambient=Ambient())
BROKER = ROLE + "broker"


def wanted(
    options: AwsOptions = BY_TOKEN, principal: str = "", **templates: Mapping[str, object]
) -> Wanted:
    """Declare capabilities of two tenants by their templates; without any, one."""
    declared = {
        name: (["acme", "umbra"], {"role_arn": f"{ROLE}orders", "scopes": {}, **template})
        for name, template in (templates or {"orders": {}}).items()
    }
    return wanted_of(options, declared, issuer=ISSUER, principal=principal)


def planned(*arguments: Any, **templates: Mapping[str, object]) -> Plan:
    """Work it out."""
    return plan(wanted(*arguments, **templates))


def role(found: Plan, name: str = "orders") -> PlannedRole:
    """Return one of its roles."""
    return next(each for each in found.roles if each.name == name)


def test_a_role_trusts_the_broker_s_word_for_its_capability_alone() -> None:
    """Which is said by audience and subject."""
    trust = role(planned()).trust

    assert trust["Principal"] == {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{HOST}"}
    assert trust["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    assert trust["Condition"] == {
        "StringEquals": {f"{HOST}:aud": "sts.amazonaws.com", f"{HOST}:sub": ["capability:orders"]}
    }


def test_a_role_of_two_capabilities_trusts_both() -> None:
    """And has the longer of their maxima."""
    found = role(planned(a={}, b={"max_session_seconds": 7200, "tags": {"t": "x"}}))

    subjects = found.trust["Condition"]["StringEquals"][f"{HOST}:sub"]
    assert subjects == ["capability:a", "capability:b"]
    assert found.longest_s == 7200
    assert found.trust["Action"] == ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]


@pytest.mark.parametrize(
    ("subject", "operator", "said"),
    [
        ("tenant:${tenant}", "StringEquals", ["tenant:acme", "tenant:umbra"]),
        ("x:${capability}:${agent}", "StringLike", ["x:orders:*"]),
    ],
)
def test_what_is_known_of_a_subject_is_said(subject: str, operator: str, said: list[str]) -> None:
    """A pattern stands only for what a task alone can tell; the audience is none."""
    options = AwsOptions(
        account="123456789012", region="x", web_identity=WebIdentity(subject=subject)
    )

    tests = role(planned(options)).trust["Condition"]

    assert tests[operator][f"{HOST}:sub"] == said
    assert tests["StringEquals"][f"{HOST}:aud"] == "sts.amazonaws.com"


def test_a_broker_with_keys_is_named_and_no_provider_is_made() -> None:
    """With the external ids of those who give one."""
    template = {"external_id": "ours", "source_identity": "${task}"}

    found = planned(BY_KEYS, BROKER, orders=template)

    assert found.provider is None
    trust = role(found).trust
    assert trust["Principal"] == {"AWS": BROKER}
    assert trust["Action"] == ["sts:AssumeRole", "sts:SetSourceIdentity"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": ["ours"]}}


def test_an_external_id_is_not_asked_for_when_one_capability_gives_none() -> None:
    """It could not take the role any more."""
    found = planned(BY_KEYS, BROKER, a={"external_id": "ours"}, b={})

    assert "Condition" not in role(found).trust


def test_a_broker_with_keys_must_be_named() -> None:
    """Nobody else is trusted in its place."""
    with pytest.raises(NotPlannedError, match="--principal ARN"):
        planned(BY_KEYS)


def test_the_role_in_between_takes_these_roles_and_they_trust_it() -> None:
    """It has no boundary: it must ask STS."""
    via = ViaRole(role_arn=f"{ROLE}in/between")
    options = AwsOptions(
        account="123456789012", region="x", web_identity=WebIdentity(), via_role=via
    )

    found = planned(options)

    between = role(found, "between")
    assert between.path == "/in/"
    assert between.boundary == ""
    (may,) = between.policies["jit-broker"]["Statement"]
    assert may["Resource"] == [f"{ROLE}orders"]
    assert between.trust["Condition"]["StringEquals"][f"{HOST}:sub"] == ["jit-broker"]
    assert role(found).trust["Principal"] == {"AWS": via.role_arn}


def test_the_writer_writes_into_the_roles_of_capabilities_and_nothing_else() -> None:
    """Four operations on inline policies, of these roles."""
    writer = DenyWriter(role_arn=f"{ROLE}writer")
    options = AwsOptions(
        account="123456789012",
        region="x",
        web_identity=WebIdentity(),
        kill="deny",
        deny_writer=writer,
    )

    found = planned(options, a={"role_arn": f"{ROLE}a"}, b={"role_arn": f"{ROLE}b"})

    (may,) = role(found, "writer").policies["jit-broker"]["Statement"]
    assert may["Resource"] == [f"{ROLE}a", f"{ROLE}b"]
    assert {action.removesuffix("RolePolicy") for action in may["Action"]} == {
        "iam:Delete",
        "iam:Get",
        "iam:ListRolePolicies",
        "iam:Put",
    }
    assert role(found, "writer").trust["Condition"]["StringEquals"][f"{HOST}:sub"] == [
        "jit-broker-deny"
    ]


def test_every_role_of_a_capability_has_the_boundary() -> None:
    """Which denies what would outlive a session."""
    found = planned(a={"role_arn": f"{ROLE}a"}, b={"role_arn": f"{ROLE}b"})

    assert {each.boundary for each in found.roles} == {found.boundary.arn}
    denied = [s for s in found.boundary.document["Statement"] if s["Effect"] == "Deny"]
    assert denied[0]["Action"] == ["iam:*", "sts:*"]


class Recorder:
    """Answers from a table, and notes what it was asked to change."""

    def __init__(self, **answers: Mapping[str, Any]) -> None:
        self._answers = answers
        self.changes: list[tuple[str, dict[str, object]]] = []

    def __call__(self, operation: str, /, **parameters: object) -> Mapping[str, Any]:
        """Answer; what is not in the table is not there."""
        if not operation.startswith("get_"):
            self.changes.append((operation, parameters))
            return {}
        if operation not in self._answers:
            raise AnsweredError(Trouble.REFUSED, "NoSuchEntity")
        return self._answers[operation]


def steps(iam: Recorder, what: str) -> list[Step]:
    """Look, and return what is said of some things."""
    with_prints = wanted_of(
        BY_TOKEN,
        {"orders": (["acme"], {"role_arn": f"{ROLE}orders", "scopes": {}})},
        issuer=ISSUER,
        thumbprints=["AA"],
    )
    return [step for step in look(iam, plan(with_prints)) if step.what.startswith(what)]


def mended(steps: list[Step]) -> None:
    """Carry out what is to be done."""
    for step in steps:
        if step.mend is not None:
            step.mend()


def test_a_provider_gets_another_audience_and_certificate_and_keeps_its_own() -> None:
    """What it knows already is not taken from it. No peer has these calls."""
    known = {"ClientIDList": ["theirs"], "ThumbprintList": ["bb"]}
    iam = Recorder(get_open_id_connect_provider=known)

    found = steps(iam, "provider")
    mended(found)

    assert [step.state for step in found] == [State.DIFFERENT, State.DIFFERENT]
    (added, audience), (updated, prints) = iam.changes
    assert added == "add_client_id_to_open_id_connect_provider"
    assert audience["ClientID"] == "sts.amazonaws.com"
    assert updated == "update_open_id_connect_provider_thumbprint"
    assert prints["ThumbprintList"] == ["bb", "AA"]


def test_a_provider_that_knows_both_is_left() -> None:
    """However its certificates are written."""
    known = {"ClientIDList": ["sts.amazonaws.com"], "ThumbprintList": ["aa"]}

    (step,) = steps(Recorder(get_open_id_connect_provider=known), "provider")

    assert step.state is State.THERE


@pytest.mark.parametrize("is_text", [True, False])
def test_a_statement_that_says_the_same_is_ours_whatever_its_order(*, is_text: bool) -> None:
    """Nor does it matter what it is called, or whether IAM answers text."""
    trust = dict(role(planned()).trust)
    trust["Sid"] = "Somebodys"
    trust["Action"] = "sts:AssumeRoleWithWebIdentity"
    stands: object = {"Version": "2012-10-17", "Statement": trust}
    answer = {"AssumeRolePolicyDocument": json.dumps(stands) if is_text else stands}

    found = steps(Recorder(get_role={"Role": answer}), f"role {ROLE}orders, whom")

    assert [step.state for step in found] == [State.THERE]


def test_what_iam_says_no_to_is_not_taken_for_missing() -> None:
    """Nothing is made in the place of what may not be looked at."""

    def denied(operation: str, /, **parameters: object) -> Mapping[str, Any]:
        del operation, parameters
        raise AnsweredError(Trouble.REFUSED, "AccessDenied")

    with pytest.raises(AnsweredError, match="AccessDenied"):
        list(look(denied, planned()))
