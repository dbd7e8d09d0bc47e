"""How far a report has come, as an exit code; and waiting for more."""

from collections import Counter

import pytest

from broker.cli import exits
from broker.cli.reach import Level, exit_code, wait_for
from broker.client.results import Receipt, Report


def report(*states: str) -> Report:
    """A report with receipts in these states."""
    receipts = tuple(
        Receipt(
            credential=f"l_{number}",
            task="t",
            capability="orders-api",
            kind="jwt",
            audience="x",
            state=state,
            detail="",
            revoked_at=None,
            expires_at=None,
        )
        for number, state in enumerate(states)
    )
    return Report(durability="os", counts=dict(Counter(states)), receipts=receipts)


REACHED = [
    ([], Level.CONFIRMED, exits.OK),
    (["confirmed", "expired"], Level.CONFIRMED, exits.OK),
    (["confirmed", "accepted"], Level.CONFIRMED, exits.NOT_REACHED),
    (["confirmed", "accepted"], Level.ACCEPTED, exits.OK),
    (["requested"], Level.ACCEPTED, exits.NOT_REACHED),
    (["requested", "irrevocable"], Level.LEDGER, exits.OK),
    (["pending"], Level.LEDGER, exits.NOT_REACHED),
    (["confirmed", "irrevocable"], Level.CONFIRMED, exits.IRREVOCABLE),
    (["accepted", "irrevocable"], Level.CONFIRMED, exits.NOT_REACHED),
    (["pending", "requested"], None, exits.OK),
]


@pytest.mark.parametrize(("states", "level", "code"), REACHED)
def test_the_exit_code_tells_what_was_reached(
    states: list[str], level: Level | None, code: int
) -> None:
    """What is left to old age alone is another code than what may still come."""
    assert exit_code(Counter(states), level) == code


class Told:
    """Remembers what was told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, int]] = []

    def tell(self, what: str, done: int, total: int) -> None:
        """Remember."""
        self.lines.append((what, done, total))


async def test_waiting_reads_again_until_it_is_reached() -> None:
    """And tells each time how far it is."""
    reports = iter([report("requested", "confirmed"), report("confirmed", "confirmed")])
    told = Told()

    async def fetch() -> Report:
        return next(reports)

    last = await wait_for(fetch, Level.CONFIRMED, 20, told)

    assert told.lines == [("confirmed", 1, 2), ("confirmed", 2, 2)]
    assert last.counts == {"confirmed": 2}


@pytest.mark.parametrize("states", [["requested"], ["irrevocable"]])
async def test_waiting_ends_when_the_time_is_up_or_nothing_more_can_come(states: list[str]) -> None:
    """What was read last is what is shown."""

    async def fetch() -> Report:
        return report(*states)

    seconds = 0.0 if states == ["requested"] else 1_000.0
    assert (await wait_for(fetch, Level.CONFIRMED, seconds, Told())).counts == {states[0]: 1}
