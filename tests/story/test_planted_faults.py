"""The story must fail when something is sabotaged: at the right step, leaving nothing behind."""

import sys
from dataclasses import dataclass, replace

import pytest

from broker.dev.commands import Commands
from tests.fakes.told_story import chapter_of, processes_on, tell

HONEST = Commands()


def planted(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command line of a sabotaged process."""
    return (sys.executable, "-m", f"tests.story.planted_{name}", *arguments)


@dataclass(frozen=True)
class Plant:
    """Sabotaged processes, the step that must find them out, and what it must say it saw."""

    commands: Commands
    step: str
    seen: str


def broker(name: str, step: str, seen: str) -> Plant:
    """Sabotage the broker."""
    return Plant(replace(HONEST, serve=planted(name, "serve")), step, seen)


def resource_server(name: str, step: str, seen: str) -> Plant:
    """Sabotage the resource server."""
    return Plant(replace(HONEST, resource_server=planted(name)), step, seen)


PLANTS = {
    "reaper off": broker("reaper_off", "silent-end", "still accepted"),
    "grant unchecked": broker("grant_unchecked", "done-closed", "the credential l_"),
    "ceiling ignored": broker("ceiling_ignored", "done-explain", "saw no-permit"),
    "receipts lie": broker("receipts_lie", "done-end", "200"),
    "operator unheard": broker("operator_unheard", "forced-end", "still accepted"),
    "broker dies": broker("broker_dies", "done-end", "ReplyLostError"),
    "verifier blind": resource_server("verifier_blind", "done-end", "200"),
    "age ignored": resource_server("age_ignored", "aged-end", "still accepted"),
    "children orphaned": Plant(
        replace(
            HONEST,
            serve=planted("children_kept", "serve"),
            resource_server=planted("path_ignored"),
        ),
        "parent-end",
        "200",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTS)
async def test_the_story_finds_the_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault is found by the step that is there for it, and nothing is left running."""
    plant = PLANTS[name]
    monkeypatch.setattr("broker.dev.visitor.PATIENCE_SECONDS", 4.0)

    told = await tell(plant.commands, steps=chapter_of(plant.step))

    assert told.last_step == plant.step
    assert plant.seen in told.failure
    assert not told.state.exists()
    assert processes_on(told.state) == []


@pytest.mark.slow
async def test_a_bad_end_of_the_broker_is_found() -> None:
    """A broker that was told to stop must say that it stopped well."""
    told = await tell(replace(HONEST, serve=planted("drain_failing", "serve")), steps=[])

    assert told.last_step == "drain"
    assert "expected broker-1 to end with 0; saw 3" in told.failure
    assert not told.state.exists()


@pytest.mark.slow
async def test_a_line_that_is_missing_in_the_audit_trail_is_found() -> None:
    """What the broker wrote down is checked when it has stopped."""
    commands = replace(HONEST, serve=planted("trail_cut", "serve"))

    told = await tell(commands, steps=chapter_of("forced-end"))

    assert told.last_step == "audit"
    assert "expected audit-1.jsonl to be whole" in told.failure


@pytest.mark.slow
async def test_a_setting_up_that_fails_is_told_like_a_step() -> None:
    """A broken `apply` names the step and shows what the command printed."""
    broken = (sys.executable, "-c", "raise SystemExit('policies/10-tasks.cedar:3: no')")

    told = await tell(replace(HONEST, apply=broken), steps=[])

    assert told.last_step == "publish"
    assert "policies/10-tasks.cedar:3: no" in told.failure
    assert processes_on(told.state) == []
