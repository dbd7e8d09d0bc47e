"""A value in a policy stands for itself: no tenant's name is a pattern, or begins another's."""

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from backends.aws_variables import filled_pattern, has_own, pattern_flaws
from backends.errors import NotMintedError
from tests.fakes.aws import wish

WORDS = st.text(st.sampled_from("ab/:*?${}-.é@ "), max_size=8)
TEMPLATES = st.sampled_from(
    [
        "arn:aws:s3:::orders/${on_behalf_of}/*",
        "arn:aws:s3:::orders/${on_behalf_of}",
        "arn:aws:s3:::${on_behalf_of}-files/*",
        "arn:aws:logs:eu-west-1:123456789012:log-group:${on_behalf_of}:*",
        "arn:aws:s3:::*/${on_behalf_of}",
        "arn:aws:s3:::orders/${on_behalf_of}/${aws:username}/x",
    ]
)


def as_iam(pattern: str) -> "re.Pattern[str]":
    """Read a pattern as IAM does: what is not a wildcard or a variable stands for itself."""
    parts = re.findall(r"\$\{[^}]*\}|[*?]|.", pattern, re.DOTALL)
    return re.compile("".join(map(_as_regex, parts)), re.DOTALL)


def _as_regex(part: str) -> str:
    if part in {"${*}", "${?}", "${$}"}:
        return re.escape(part[2])
    if part.startswith("${"):
        return "[^/]+"  # a variable of IAM's
    return {"*": ".*", "?": "."}.get(part, re.escape(part))


def test_a_value_stands_where_its_variable_stood() -> None:
    """And IAM's own variables stay as they are."""
    text = "arn:aws:s3:::orders/${tenant}/${aws:username}/${*}/*"

    assert filled_pattern(text, wish()) == "arn:aws:s3:::orders/acme/${aws:username}/${*}/*"
    assert has_own(text)
    assert not has_own("${aws:username}/${*}")


@pytest.mark.parametrize("value", ["*", "?", "${aws:username}", "a*", "$", "${*}", "${", "a?c"])
def test_what_is_special_in_a_value_is_not(value: str) -> None:
    """A tenant called ``*`` is a tenant called ``*``."""
    filled = filled_pattern("bucket/${on_behalf_of}/x", wish(on_behalf_of=value))

    found = as_iam(filled)

    assert found.fullmatch(f"bucket/{value}/x")
    assert not found.fullmatch("bucket/other/x")
    assert not found.fullmatch("bucket/alice/x")


@given(TEMPLATES, WORDS, WORDS, st.text(st.sampled_from("ab/:*?${}-x"), max_size=12))
@example("arn:aws:s3:::orders/${on_behalf_of}/*", "a", "a/b", "/x")
def test_no_value_reaches_what_is_anothers(text: str, one: str, other: str, rest: str) -> None:
    """Whatever one of them names, the pattern of the other is not true of it."""
    assume(one != other)
    try:
        first, second = (filled_pattern(text, wish(on_behalf_of=word)) for word in (one, other))
    except NotMintedError:
        return
    named = text.replace("${on_behalf_of}", one).replace("*", rest)
    named = named.replace("${aws:username}", "u")

    assume(as_iam(first).fullmatch(named))
    assert not as_iam(second).fullmatch(named)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("home/${on_behalf_of}/*", ""),
        ("home/${on_behalf_of}/*", "a/b"),
        ("home/${on_behalf_of}/*", "/"),
        ("log-group:${on_behalf_of}:*", "a:b"),
        ("*/${on_behalf_of}", "a/b"),
        ("${on_behalf_of}/${tenant}", "a/b"),
        ("home/${on_behalf_of}/x", "Ωmega"),
        ("home/${on_behalf_of}/x", "a\x00b"),
    ],
)
def test_a_value_that_would_mean_more_is_refused(text: str, value: str) -> None:
    """Nothing is minted, and the message names the variable and not the value."""
    with pytest.raises(NotMintedError, match="on_behalf_of") as raised:
        filled_pattern(text, wish(on_behalf_of=value))

    assert not value or len(value) < 2 or value not in str(raised.value)


@pytest.mark.parametrize("value", ["a:b", "user:alice@acme.example", "Ünal"])
def test_what_parts_nothing_here_may_be_in_a_value(value: str) -> None:
    """A colon in the name of an object is a colon."""
    assert value in filled_pattern("home/${on_behalf_of}/*", wish(on_behalf_of=value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("home/${tennant}/*", "nothing stands for tennant"),
        ("home/${tenant", "nothing stands for ${"),
        ("home/${}", "nothing stands for "),
        ("home/${tenant}*", "touches a wildcard"),
        ("home/?${tenant}", "touches a wildcard"),
        ("home/${tenant}${agent}/x", "touches a wildcard or another variable"),
        ("home/${tenant}${aws:username}", "touches a wildcard or another variable"),
    ],
)
def test_a_pattern_that_could_mean_more_is_found_beforehand(text: str, message: str) -> None:
    """Without any value."""
    assert any(message in found for found, _ in pattern_flaws(text))


@pytest.mark.parametrize("text", ["home/${tenant}/*", "${aws:PrincipalTag/team, 'x'}/*", "${$}x*"])
def test_what_is_right_has_no_flaw(text: str) -> None:
    """IAM's variables are IAM's."""
    assert list(pattern_flaws(text)) == []
