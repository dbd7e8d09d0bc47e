import io
import re
from typing import Final

import pytest
import yaml

from broker.scanning.engine import OUR_RULES, KingfisherEngine
from broker.scanning.kinds import kinds
from broker.scanning.looking import look_through
from broker.scanning.surfaces import surface_of
from tests.unit.scanning.vectors import VECTORS

RULES: Final = {rule["id"]: rule for rule in yaml.safe_load(OUR_RULES.read_text())["rules"]}

FOUND: Final = [
    pytest.param(rule, text, id=f"{rule}-{number}")
    for rule, vector in VECTORS.items()
    for number, text in enumerate(vector.found)
]
MISSED: Final = [
    pytest.param(rule, text, id=f"{rule}-{number}")
    for rule, vector in VECTORS.items()
    for number, text in enumerate(vector.missed)
]


def rules_of(engine: KingfisherEngine, path: str, text: str) -> set[str]:
    """Return the rules that count in a text."""
    source = io.BytesIO(f"first line\n{text}\nlast line\n".encode())
    return {match.rule for match in look_through(source, path, surface_of(path), engine)}


def test_every_rule_of_ours_has_vectors_of_both_sorts() -> None:
    """A rule that nobody tries is a rule that nobody knows."""
    assert set(VECTORS) == set(RULES)
    assert all(vector.found and vector.missed for vector in VECTORS.values())


@pytest.mark.parametrize(("rule", "text"), FOUND)
def test_a_rule_finds_what_it_is_for(rule: str, text: str, engine: KingfisherEngine) -> None:
    """By itself: no other rule of ours is needed for it."""
    assert rule in rules_of(engine, VECTORS[rule].path, text)


@pytest.mark.parametrize(("rule", "text"), MISSED)
def test_a_near_miss_is_no_finding_of_any_rule(
    rule: str, text: str, engine: KingfisherEngine
) -> None:
    """What is one step away from a secret is none."""
    assert rules_of(engine, VECTORS[rule].path, text) == set()


def test_every_rule_of_the_library_belongs_to_a_kind(engine: KingfisherEngine) -> None:
    """Also those that come with its next version."""
    assert kinds()[-1].rules == ("*",)
    assert len(engine.rule_names) > 400


def test_no_pattern_of_ours_repeats_a_bounded_number_of_times_at_length() -> None:
    """Large bounds make automata that take minutes to build."""
    bounds = [
        (name, int(most))
        for name, rule in RULES.items()
        for most in re.findall(r"\{\d+,(\d+)\}", rule["pattern"])
    ]

    assert [each for each in bounds if each[1] > 32] == []


HOSTILE: Final = {
    "assignments": b"password=",
    "names": b"secret_",
    "schemes": b"postgres://",
    "logins": b"a://b:c",
    "clients": b"mysql -x ",
    "armour": b"-----BEGIN PRIVATE KEY-----",
    "machines": b"machine a login b ",
    "flags": b" --token",
    "quotes": b'token "',
    "tokens": b"eyJhbGciOiJIUzI1NiJ9.",
    "curls": b"curl -u ",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_on_one_line_is_looked_through(name: str, engine: KingfisherEngine) -> None:
    """Within the engine's patience: what takes longer is given up, and told, by TimeoutError."""
    unit = HOSTILE[name]

    matches = engine.matches(unit * (1024 * 1024 // len(unit)), "x.txt")

    assert isinstance(matches, list)
