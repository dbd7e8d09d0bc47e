"""Session policies: exactly the statements that are meant, and two denials, always."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.aws_policy import MAX_POLICY, Statement, instant, require_size, session_policy
from backends.aws_template import (
    AwsTemplate,
    longest_policy,
    source_identity_of,
    statements_of,
    tags_of,
    template_flaws,
)
from backends.errors import NotMintedError
from tests.fakes.aws import READ, template, wish

END_MS = 1_764_417_600_999  # 2025-11-29T12:00:00.999Z
DENIALS = [
    {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": "2025-11-29T12:00:00Z"}},
    },
    {"Effect": "Deny", "Action": ["sts:*", "iam:*"], "Resource": "*"},
]


def written(given: AwsTemplate, **changes: Any) -> list[dict[str, Any]]:
    """Return the statements of a session's policy."""
    wanted = wish(template=given, **changes)
    policy = session_policy(statements_of(given, wanted.scopes), wanted, END_MS)
    document = json.loads(policy)
    assert document["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = document["Statement"]
    return found


def test_a_policy_says_what_its_scopes_give_and_the_denials() -> None:
    """Variables are filled in; the name of a statement is not sent."""
    more = Statement(sid="Put", effect="Allow", action=("s3:PutObject",), resource=("a", "b"))
    given = template(scopes={"orders:read": (READ,), "orders:write": (READ, more)}, policy=(more,))

    found = written(given, scopes=("orders:read", "orders:write"))

    put = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": ["a", "b"]}
    get = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::orders/acme/*",
    }
    assert found == [put, get, *DENIALS]


def test_a_policy_that_says_nothing_still_denies() -> None:
    """Managed policies may give; the inline one ends the session all the same."""
    given = template(scopes={"orders:read": ()}, policy_arns=("arn:aws:iam::aws:policy/X",))

    assert written(given) == DENIALS


def test_there_is_no_needless_blank() -> None:
    """Some servers read no other form, and every character counts."""
    text = session_policy([READ], wish(), END_MS)

    assert ": " not in text
    assert ", " not in text


@given(st.text(max_size=60))
def test_no_value_adds_a_statement_or_takes_one_away(value: str) -> None:
    """Whatever is in it: quotes, braces, another policy."""
    both = Statement(
        effect="Allow",
        action="s3:ListBucket",
        resource="arn:aws:s3:::b",
        condition={"StringLike": {"s3:prefix": ("${on_behalf_of}/*",), "aws:x": "${tenant}"}},
    )
    try:
        found = written(template(scopes={"orders:read": (both,)}), on_behalf_of=value)
    except NotMintedError:
        return

    assert [set(each) for each in found] == [
        {"Effect", "Action", "Resource", "Condition"},
        {"Effect", "Action", "Resource", "Condition"},
        {"Effect", "Action", "Resource"},
    ]
    assert found[1:] == DENIALS
    assert list(found[0]["Condition"]["StringLike"]) == ["s3:prefix", "aws:x"]


@given(st.integers(min_value=0, max_value=4_102_444_800_000))
def test_no_session_outlives_its_lease(milliseconds: int) -> None:
    """The rest of a second is cut off."""
    assert instant(milliseconds) <= instant(milliseconds + 1)
    assert instant(milliseconds) == instant(milliseconds - milliseconds % 1000)


def test_a_policy_that_aws_would_not_take_is_never_sent() -> None:
    """Nor is it left out: a session without its denials is none of ours."""
    require_size("x" * (MAX_POLICY - 3), ("abc",))
    with pytest.raises(NotMintedError, match="2049 characters"):
        require_size("x" * (MAX_POLICY - 2), ("abc",))


def test_a_policy_that_may_grow_too_large_is_found_beforehand() -> None:
    """With every scope at once, and the longest names that there are."""
    many = tuple(
        Statement(effect="Allow", action=f"s3:Get{n}", resource="arn:aws:s3:::b/${tenant}/x")
        for n in range(20)
    )
    given = template(scopes={"a": many[:10], "b": many[10:]})

    (flaw,) = template_flaws(given, frozenset({"a", "b"}))

    assert longest_policy(given) > MAX_POLICY
    assert "and AWS takes 2048" in flaw.message
    assert not list(template_flaws(template(), frozenset({"orders:read"})))


@given(st.text(st.sampled_from("ab/é"), min_size=1, max_size=64))
def test_what_was_found_small_enough_is_small_enough(tenant: str) -> None:
    """The estimate is of the worst."""
    given = template(scopes={"orders:read": (READ,)})
    try:
        policy = session_policy([READ], wish(template=given, tenant=tenant), END_MS)
    except NotMintedError:
        return

    assert len(policy) <= longest_policy(given)


STATEMENT: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}

FLAWS: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "no action": ({"Action": []}, ("Action",), "one of Action and NotAction"),
    "two actions": ({"NotAction": "s3:*"}, ("Action",), "one of Action and NotAction"),
    "no resource": ({"Resource": []}, ("Resource",), "one of Resource and NotResource"),
    "odd action": ({"Action": "s3:Get ${tenant}"}, ("Action",), "is no action"),
    "unknown variable": ({"Resource": "x/${tennant}"}, ("Resource",), "nothing stands for"),
    "joined": ({"Resource": "x/${tenant}*"}, ("Resource",), "touches a wildcard"),
    "foreign letters": ({"Resource": "x/Ω"}, ("Resource",), "no policy can hold"),
    "operator": (
        {"Condition": {"StringIs": {"aws:x": "y"}}},
        ("Condition", "StringIs"),
        "no operator of IAM",
    ),
    "variable in a number": (
        {"Condition": {"NumericEquals": {"aws:x": "${tenant}"}}},
        ("Condition", "NumericEquals", "aws:x"),
        "reads no variables",
    ),
    "nothing to compare with": (
        {"Condition": {"StringEquals": {"aws:x": []}}},
        ("Condition", "StringEquals", "aws:x"),
        "is empty",
    ),
}


@pytest.mark.parametrize("name", FLAWS)
def test_what_is_wrong_with_a_statement_is_found(name: str) -> None:
    """With the key that it stands under."""
    change, path, message = FLAWS[name]
    statement = msgspec.convert({**STATEMENT, **change}, Statement)

    assert [f for f in statement.faults() if f.path == path and message in f.message]


@pytest.mark.parametrize("key", ["Principal", "effect", "Effects"])
def test_what_is_no_part_of_a_session_policy_is_refused(key: str) -> None:
    """It has no principal: it is its session's."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**STATEMENT, key: "x"}, Statement)


def test_conditions_are_written_as_iam_reads_them() -> None:
    """Truth and numbers are text there."""
    condition = {"Bool": {"aws:SecureTransport": True}, "NumericLessThan": {"s3:max-keys": 7}}
    statement = msgspec.convert({**STATEMENT, "Condition": condition}, Statement)

    (found, *_) = written(template(scopes={"orders:read": (statement,)}))

    assert not list(statement.faults())
    assert found["Condition"] == {
        "Bool": {"aws:SecureTransport": "true"},
        "NumericLessThan": {"s3:max-keys": "7"},
    }


def test_tags_and_source_identity_are_filled_in_or_refused() -> None:
    """AWS's rules for them are kept before it is asked."""
    given = template(tags={"user": "${on_behalf_of}"}, source_identity="${on_behalf_of}")

    assert tags_of(given, wish()) == {"user": "alice"}
    assert source_identity_of(given, wish()) == "alice"
    assert source_identity_of(template(), wish()) == ""
    for value in ("", "a*", "x" * 257, "a\x00"):
        with pytest.raises(NotMintedError, match="tag user"):
            tags_of(given, wish(on_behalf_of=value))
    for value in ("", "a", "a:b", "aws:x", "x" * 65, "ä" * 3):
        with pytest.raises(NotMintedError, match="source identity"):
            source_identity_of(given, wish(on_behalf_of=value))
