"""Which of a caller's files cannot be read is said, whichever it is."""

from pathlib import Path

import pytest

from broker.cli.caller import Caller
from broker.cli.desk import sentence
from broker.client.errors import TokenSourceError


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (None, "from mine: check --token-file."),
        ("mine", "from mine: check --token-file."),
        ("the-opener's", "from the-opener's: check the option that names it."),
    ],
    ids=["unnamed", "own", "another"],
)
def test_the_token_that_cannot_be_read_is_named(file: str | None, told: str) -> None:
    """A run has two: the agent's, and its opener's."""
    error = TokenSourceError("the token source failed")
    error.__cause__ = FileNotFoundError(2, "No such file", file) if file else None

    assert sentence(error, "https://b.example", Caller(Path("mine"))).endswith(told)
