"""Policies as Hypothesis writes them: sound ones, and some that can go wrong when evaluated."""

from typing import Final

from hypothesis import strategies as st

SCOPE: Final = (
    'principal is Agent, action in [Action::"RequestCredential", Action::"RenewCredential"], '
    "resource is Capability"
)

NUMBERS: Final = st.sampled_from(
    [
        *("0", "1", "60", "120", "9223372036854775807", "context.ttlSeconds", "context.task.depth"),
        *("(context.ttlSeconds + 60)", "(context.ttlSeconds * 2)", "(-context.task.depth)"),
        *("(1 + 2)", "(9223372036854775807 + 1)", "(context.ttlSeconds - 9223372036854775807)"),
    ]
)
TEXTS: Final = st.sampled_from(
    [
        *(
            '"acme"',
            '"low"',
            '"active"',
            "principal.tenant",
            "principal.status",
            "context.task.name",
        ),
        *('Agent::"invoice-bot".tenant', 'Agent::"ghost".tenant', 'Agent::"ghost".status'),
        "resource.audience",
    ]
)
SETS: Final = st.sampled_from(
    ["resource.tenants", "context.scopes", "context.task.tickets", '["acme", "globex"]']
)
GUARDED: Final = st.sampled_from(
    [
        '(principal has risk && principal.risk == "low")',
        '(!(principal has risk) || principal.risk == "high")',
        '(if resource has dataClass then resource.dataClass == "internal" else false)',
        '(Agent::"ghost" has tenant && Agent::"ghost".status == "active")',
        '(!(Agent::"ghost" has tenant) || Agent::"ghost".tenant == "acme")',
        '(Agent::"ghost" has tenant || Agent::"ghost".tenant == "acme")',
        '(context.task has onBehalfOf && context.task.onBehalfOf == "somebody")',
        'principal in Team::"finance"',
        '(datetime("2026-01-01").offset(duration("1d")) > datetime("2026-01-01"))',
        "true",
        "false",
    ]
)
ATOMS: Final = st.one_of(
    st.builds("({} {} {})".format, NUMBERS, st.sampled_from(["<", "<=", ">", "=="]), NUMBERS),
    st.builds("({} {} {})".format, TEXTS, st.sampled_from(["==", "!="]), TEXTS),
    st.builds("{}.contains({})".format, SETS, TEXTS),
    st.builds("{}.isEmpty()".format, SETS),
    GUARDED,
)
EXPRESSIONS: Final = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("(if {} then {} else {})".format, inner, inner, inner),
    ),
    max_leaves=5,
)
CLAUSES: Final = st.lists(
    st.builds("{} {{ {} }}".format, st.sampled_from(["when", "unless"]), EXPRESSIONS), max_size=3
).map("\n".join)


def policies(effect: str, name: str) -> st.SearchStrategy[str]:
    """Policies of one effect, under one name."""
    return st.builds(f'@id("{name}") {effect} ({SCOPE})\n{{}};'.format, CLAUSES)
