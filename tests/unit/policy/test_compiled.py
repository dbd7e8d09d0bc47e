import json

import pytest

from broker.policy.compiled import Source, compile_policies
from tests.fakes.policy import PERMIT_ALL, SCHEMA, compiled


def told(*texts: str) -> list[str]:
    """Compile what is faulty and return what is told of it."""
    return [f"{f.file}:{f.line} {f.key}: {f.message}" for f in compiled(*texts).faults]


def test_sound_policies_compile_under_their_names() -> None:
    """A policy is called by its ``@id`` from here on, not by its position."""
    result = compiled(PERMIT_ALL, '@id("none") forbid (principal, action, resource);')

    assert result.faults == ()
    assert [(p.name, p.file, p.line) for p in result.policies] == [
        ("all", "0.cedar", 1),
        ("none", "1.cedar", 1),
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("permit (principal, action, resource);", ": a policy without a name"),
        ('@id("X y") permit (principal, action, resource);', "X y: @id is malformed"),
        (
            '@id("b") @max_ttl_second("9") permit (principal, action, resource);',
            "b: @max_ttl_second means nothing",
        ),
        (
            '@id("b") @max_ttl_seconds("9s") permit (principal, action, resource);',
            "b: @max_ttl_seconds is malformed",
        ),
        (
            '@id("b") @max_ttl_seconds("0") permit (principal, action, resource);',
            "b: @max_ttl_seconds is malformed",
        ),
        (
            '@id("b") @max_ttl_seconds("-1") permit (principal, action, resource);',
            "b: @max_ttl_seconds is malformed",
        ),
        (
            '@id("b") @max_ttl_seconds("\uff11") permit (principal, action, resource);',
            "b: @max_ttl_seconds is malformed",
        ),
        ('@id("b") @scopes("") permit (principal, action, resource);', "b: @scopes is malformed"),
        (
            '@id("b") @scopes("a  b") permit (principal, action, resource);',
            "b: @scopes is malformed",
        ),
        ('@id("b") @approval permit (principal, action, resource);', "b: @approval is malformed"),
        (
            '@id("b") @scopes("a") forbid (principal, action, resource);',
            "b: @scopes on a forbid binds nobody",
        ),
        ('@id("b") permit (principal == ?principal, action, resource);', ": a template"),
        ("permit (principal action);", ": not a Cedar policy: unexpected token `action`"),
        (
            '@id("b") permit (principal, action, resource)',
            ": not a Cedar policy: unexpected end of input",
        ),
        (
            '@id("b") permit (principal, action == Action::"Fly", resource);',
            'b: unrecognized action `Action::"Fly"`',
        ),
    ],
)
def test_a_faulty_policy_is_named_with_its_line(text: str, fault: str) -> None:
    """What is wrong in the second file, third line, is told so."""
    assert f"1.cedar:3 {fault}" in told(PERMIT_ALL, "// first\n\n" + text)


def test_a_fact_that_may_be_absent_is_asked_for_first() -> None:
    """A forbid that reads an optional fact without ``has`` would be skipped: it is not accepted."""
    text = (
        '@id("f") forbid (principal is Agent, action, resource) when { principal.risk == "high" };'
    )

    (fault,) = told(PERMIT_ALL, text)

    assert fault.startswith("1.cedar:1 f: unable to guarantee safety of access to optional")


def test_a_fact_that_the_schema_does_not_know_is_a_fault() -> None:
    """A mistyped attribute would make a forbid that never strikes."""
    text = (
        '@id("f") forbid (principal is Agent, action, resource) when { principal.rsk == "high" };'
    )

    (fault,) = told(PERMIT_ALL, text)

    assert "attribute `rsk` on entity type `Agent` not found" in fault


def test_a_name_is_taken_once() -> None:
    """Two policies of one name would be one in every trace."""
    assert told(PERMIT_ALL, f"\n{PERMIT_ALL}") == ["1.cedar:2 all: the name is taken by 0.cedar:1"]


def test_all_faults_of_all_files_come_together() -> None:
    """Neither a broken file nor a broken policy hides the others."""
    faults = told("permit (;", "permit (principal, action, resource);", "forbid ();")

    assert [fault.partition(" ")[0] for fault in faults] == [
        "0.cedar:1",
        "1.cedar:1",
        "2.cedar:1",
        "schema:0",
    ]


def test_policies_that_permit_nothing_are_a_fault() -> None:
    """A bundle that denies everything is a mistake, not a decision."""
    assert told('@id("f") forbid (principal, action, resource);') == [
        "schema:0 : no permit anywhere"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "entity A { x: Strin };",
        "entity",
        "entity A { x: " + "{a: " * 40 + "Long" + "}" * 40 + " };",
    ],
)
def test_an_unreadable_schema_is_a_fault(text: str) -> None:
    """It is told, and the policies' own faults with it."""
    result = compile_policies((Source("p", "permit (;"),), Source("s", text))

    assert result.schema is None
    assert {fault.file for fault in result.faults} == {"s", "p"}


@pytest.mark.parametrize(
    "condition",
    [
        "(" * 50_000 + "true" + ")" * 50_000,
        "true" + " && true" * 50_000,
        "context" + ".a" * 50_000,
        "[" * 50_000 + "]" * 50_000,
        "if true then true else " * 50_000 + "true",
        "1" + "+1" * 50_000 + " == 1",
        "!" * 50_000 + "true",
    ],
)
def test_a_monstrous_policy_is_refused_and_does_not_kill_the_process(condition: str) -> None:
    """Cedar's parser would overrun its stack on these, which no Python code could survive."""
    text = '@id("x") permit (principal, action, resource) when { ' + condition + " };"

    assert told(PERMIT_ALL, text) == ["1.cedar:1 : too complex"]


def test_the_digest_follows_what_decides_and_nothing_else() -> None:
    """Another text is another version, another file name is not."""
    base = compile_policies((Source("a", PERMIT_ALL),), SCHEMA).digest
    renamed = compile_policies((Source("b", PERMIT_ALL),), SCHEMA).digest
    edited = compile_policies((Source("a", PERMIT_ALL + "\n"),), SCHEMA).digest
    split = compile_policies((Source("a", PERMIT_ALL), Source("b", "")), SCHEMA).digest

    assert base == renamed
    assert len({base, edited, split}) == 3
    assert json.dumps(base)
