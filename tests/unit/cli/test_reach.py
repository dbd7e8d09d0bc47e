"""How far a report has come, as an exit code."""

import pytest

from broker.cli import exits
from broker.cli.reach import exit_code
from broker.client.levels import Level
from broker.client.results import Receipt

REACHED = [
    ([], Level.CONFIRMED, exits.OK),
    (["confirmed", "expired"], Level.CONFIRMED, exits.OK),
    (["confirmed", "accepted"], Level.CONFIRMED, exits.NOT_REACHED),
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
    receipts = [
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
    ]

    assert exit_code(receipts, level) == code
