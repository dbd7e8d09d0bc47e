from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import ConfigurationError
from broker.policy.compiled import Source
from broker.policy.formatting import formatted, meaning
from broker.policy.statements import comments

POLICY: Final = """
@id("x") @description("a // b")
permit ( ~principal is Agent~ , ~action in~ [ Action::"A" , Action::"B" ] , resource )
when { if principal has a.b then [ 1 , -2 ] .contains ( 3 ) else { "k" : 1 , b : 2 } .b == 1
&& ! ( principal in Team::"x" ) || principal like "a*" } unless { context .x < 3 + 4 * 5 } ;
"""
TOKENS: Final = [
    token
    for index, part in enumerate(POLICY.replace('"a // b"', '"a_//_b"').split("~"))
    for token in ([part] if index % 2 else part.split())
]
GAPS: Final = ("", " ", "\n", "\n\n", " // c\n", '// d "q\n// e\n', "\n\n//z\n\n", "\r\n")


def written(gaps: Sequence[str]) -> str:
    """Write one policy with something between any two of its tokens."""
    return "".join(f"{token}{gap or ' '}" for token, gap in zip(TOKENS, gaps, strict=True))


GENERATED = st.lists(st.sampled_from(GAPS), min_size=len(TOKENS), max_size=len(TOKENS)).map(written)


@given(st.lists(GENERATED, min_size=1, max_size=3), st.sampled_from(["", "// head\n\n", "//a\n"]))
def test_what_is_laid_out_means_the_same_says_the_same_and_stays_as_it_is(
    policies: list[str], head: str
) -> None:
    """Wherever comments and line ends are."""
    text = head + "\n".join(policies) + "// end"

    laid_out = formatted(Source("f", text))

    assert meaning(laid_out) == meaning(text)
    kept = [comment.strip() for comment in comments(text)]
    assert [comment.strip() for comment in comments(laid_out)] == kept
    assert formatted(Source("f", laid_out)) == laid_out


def test_another_condition_is_another_meaning_and_another_layout_is_not() -> None:
    """The digest sees what decides, annotations included, and nothing else."""
    text = '@id("a") permit (principal, action, resource) when { 1 == 1 };'

    assert meaning(text) == meaning(f"// why\n{text.replace(' ', '  ')}")
    assert meaning(text) != meaning(text.replace("1 == 1", "1 == 2"))
    assert meaning(text) != meaning(text.replace('"a"', '"b"'))


def test_a_comment_about_the_whole_file_stays_apart_from_the_first_policy() -> None:
    """It says nothing of that policy."""
    text = "// About the file.\n\npermit (principal, action, resource);\n"

    assert formatted(Source("f", text)) == text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("permit (principal, action, resource);\npermit (", "f:2: not a Cedar policy"),
        (f"permit (principal, action, resource) when {{ {'(' * 401} }};", "f:1: too complex"),
        ("\nrule;", "f:2: not a Cedar policy"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_line(text: str, fault: str) -> None:
    """Rather than guessed at."""
    with pytest.raises(ConfigurationError) as refused:
        formatted(Source("f", text))

    assert str(refused.value).startswith(fault)


@pytest.mark.parametrize("text", ["", "\n\n", "// nothing yet\n", "// a\n\n// b\n"])
def test_a_file_without_policies_is_laid_out_too(text: str) -> None:
    """Its comments stay."""
    laid_out = formatted(Source("f", text))

    assert comments(laid_out) == comments(text)
    assert formatted(Source("f", laid_out)) == laid_out
