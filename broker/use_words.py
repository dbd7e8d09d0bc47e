"""How the uses of credentials are told: one spelling, for whoever tells them and whoever is told.

Every word of it comes from the agent's side, so each has a small alphabet and a length: it can be
stored, listed and shown as it is.
"""

import re
from typing import Final

OUTCOMES: Final = ("answered", "tunnelled", "refused", "cut", "broken")
"""Answered; passed on unseen; refused by the proxy; cut with its credential's end; broken off."""

USING: Final = frozenset({"answered", "cut", "broken"})
"""With a credential, these are a use of it: its target has seen it, or was about to."""

MOST_ROWS: Final = 32
"""Rows of one batch."""

MOST_TIMES: Final = 1_000_000
"""How often one row of a batch may say that it happened."""

MOST_UNTOLD: Final = 1_000_000_000
"""How many exchanges one batch may say to be missing."""

MOST_PORT: Final = 65_535
LEAST_STATUS: Final = 100
MOST_STATUS: Final = 999

METHOD: Final = r"[A-Z][A-Z-]{0,31}"
HOST: Final = r"[a-z0-9][a-z0-9.-]{0,252}|[0-9a-f:]{2,39}"
"""The name of a host in lower case, or an address."""

LABEL: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
"""Of a need, a rule."""

PROBLEM: Final = r"[a-z][a-z0-9-]{0,63}"

_WORDS: Final = {
    name: re.compile(pattern, re.ASCII)
    for name, pattern in {
        "method": METHOD,
        "host": HOST,
        "need": LABEL,
        "rule": LABEL,
        "problem": PROBLEM,
    }.items()
}
WORDS: Final = tuple(_WORDS)
"""The members that are words; each may be empty."""


def is_word(member: str, text: str) -> bool:
    """Tell whether a member may be told like this."""
    return text == "" or _WORDS[member].fullmatch(text) is not None
