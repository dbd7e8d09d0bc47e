from hypothesis import given
from hypothesis import strategies as st

from broker.policy.statements import MAX_MARKS, Statement, statements


def test_each_policy_begins_where_its_first_word_stands() -> None:
    """Comments and blank lines before a policy do not move its line."""
    text = "// a; comment\n\npermit (a);\n\n\n// and another\nforbid\n(b);\n// the end\n"

    assert [(s.line, s.text.strip().splitlines()[-1]) for s in statements(text)] == [
        (3, "permit (a);"),
        (7, "(b);"),
    ]


def test_a_semicolon_in_a_text_or_comment_ends_nothing() -> None:
    """Only a policy's own semicolon ends it; quotes may be escaped."""
    text = 'a "x;\\";y" // ;\n; b;'

    assert [s.line for s in statements(text)] == [1, 2]


def test_what_no_semicolon_ends_is_not_lost() -> None:
    """A forgotten semicolon leaves a last piece, which Cedar will refuse."""
    assert [s.text.strip() for s in statements("a;\nb")] == ["a;", "b"]


def test_nesting_marks_are_counted_outside_texts_and_comments() -> None:
    """Only what can make the parser recurse counts."""
    assert not Statement('"((((" // ((((', 1).is_too_complex
    assert not Statement("(" * MAX_MARKS, 1).is_too_complex
    assert Statement("(" * (MAX_MARKS + 1), 1).is_too_complex
    assert Statement("a && " * (MAX_MARKS + 1), 1).is_too_complex
    assert Statement("if x then y else " * (MAX_MARKS + 1), 1).is_too_complex


@given(st.text(alphabet='ab;"\\/ \n()', max_size=80))
def test_no_text_gets_lost(text: str) -> None:
    """The pieces are consecutive parts of the file; what is left over is comment or blank."""
    pieces = "".join(statement.text for statement in statements(text))

    assert text.startswith(pieces)
    rest = text[len(pieces) :]
    assert all(not line.strip() or line.strip().startswith("//") for line in rest.split("\n"))
