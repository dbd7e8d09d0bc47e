"""Each use is told: by rule, never by path; bounded, and never in the way."""

import asyncio
import json
import stat
from collections.abc import Sequence
from pathlib import Path

from broker.proxy import Use, Uses
from tests.fakes.proxy_lab import HOST, LEASE, TOKEN, Lab, echo


def use(**changes: object) -> Use:
    """Make one."""
    return Use(**({"at_ms": 1_000, "outcome": "answered"} | changes))  # type: ignore[arg-type]  # by name


async def test_a_use_names_rule_and_lease(lab: Lab) -> None:
    """To whoever asks, and in the log."""
    lab.upstream.answer = echo
    child = await lab.inside()
    await child.say(lab.request("/v1/files/private-name?q=private-word"))

    (told,) = await lab.told_uses()

    assert (told.method, told.host, told.port) == ("GET", HOST, lab.upstream.port)
    assert (told.need, told.rule, told.credential) == ("orders", "read", LEASE)
    assert (told.outcome, told.status, told.masked) == ("answered", 200, True)
    text = (lab.folder / "uses.jsonl").read_text()
    line = json.loads(text)
    assert (line["rule"], line["credential"], line["status"]) == ("read", LEASE, 200)
    assert line["at"].endswith("Z")
    assert "private" not in text
    assert TOKEN not in text
    assert lab.stand_in not in text
    assert stat.S_IMODE((lab.folder / "uses.jsonl").stat().st_mode) == 0o600


async def test_a_refusal_is_told_with_its_reason(lab: Lab) -> None:
    """A stray stand-in above all."""
    child = await lab.inside()
    await child.say(lab.request("/v1/orders", more=f"X-A: {lab.stand_in}\r\n"))
    await lab.connect("evil.test:443")

    told = await lab.told_uses()

    assert [(u.outcome, u.problem, u.host) for u in told] == [
        ("refused", "stray-stand-in", HOST),
        ("refused", "undeclared-host", "evil.test"),
    ]


async def test_a_tunnel_is_told_once_it_ends(open_lab: Lab) -> None:
    """Where to, and that no credential went there."""
    child, _ = await open_lab.connect(f"other.test:{open_lab.plain.port}")
    child.writer.close()

    (told,) = await open_lab.told_uses()

    assert (told.outcome, told.method, told.host) == ("tunnelled", "CONNECT", "other.test")
    assert told.credential == ""


class Failing:
    """Cannot take a report."""

    def __init__(self) -> None:
        self.asked = 0
        self.missing: list[int] = []

    async def report(self, uses: Sequence[Use], missing: int = 0) -> None:
        """Fail."""
        self.asked += len(uses)
        self.missing.append(missing)
        raise ConnectionError


async def test_a_report_that_fails_holds_nothing_up(tmp_path: Path) -> None:
    """The log has it all the same."""
    failing = Failing()
    uses = Uses(tmp_path / "uses.jsonl", failing)
    running = asyncio.create_task(uses.run())

    for _ in range(3):
        uses.note(use())
    await uses.stop(running)

    assert failing.asked == 3
    assert len((tmp_path / "uses.jsonl").read_text().splitlines()) == 3


async def test_what_was_not_reported_is_missing_in_the_next_report() -> None:
    """So whoever is told in the end knows how much is not."""
    failing = Failing()
    uses = Uses(reporter=failing)
    for number in range(5_000):
        uses.note(use(status=number))
    await uses.flush()
    uses.note(use())
    await uses.flush()

    assert failing.missing[:2] == [904, 904 + 256]
    assert failing.missing[-1] == 5_000


class _Slow:
    """Hears of uses when it may."""

    def __init__(self) -> None:
        self.heard: list[Use] = []
        self.is_asked = asyncio.Event()
        self.may_hear = asyncio.Event()

    async def report(self, uses: Sequence[Use], missing: int = 0) -> None:
        """Take a batch, some time."""
        assert missing == 0
        self.is_asked.set()
        await self.may_hear.wait()
        self.heard.extend(uses)


async def test_what_is_being_told_when_the_run_ends_is_not_lost() -> None:
    """Nor is what came meanwhile."""
    slow = _Slow()
    uses = Uses(reporter=slow)
    running = asyncio.create_task(uses.run())
    uses.note(use(rule="first"))
    await slow.is_asked.wait()
    uses.note(use(rule="second"))

    stopping = asyncio.create_task(uses.stop(running))
    await asyncio.sleep(0)
    slow.may_hear.set()
    await stopping

    assert [each.rule for each in slow.heard] == ["first", "second"]


async def test_too_many_uses_are_counted_instead_of_kept(tmp_path: Path) -> None:
    """Memory is bounded; what is missing is told."""
    uses = Uses(tmp_path / "uses.jsonl")

    for number in range(5_000):
        uses.note(use(status=number))
    await uses.flush()

    lines = [json.loads(line) for line in (tmp_path / "uses.jsonl").read_text().splitlines()]
    assert [line for line in lines if "dropped" in line] == [{"dropped": 904}]
    assert len(lines) == 4_097
    assert lines[-1]["status"] == 4_999


async def test_a_log_is_not_written_through_a_link(tmp_path: Path) -> None:
    """Whoever can write in the folder cannot have another file written."""
    (tmp_path / "uses.jsonl").symlink_to(tmp_path / "victim")
    uses = Uses(tmp_path / "uses.jsonl")

    uses.note(use())
    await uses.flush()

    assert not (tmp_path / "victim").exists()
