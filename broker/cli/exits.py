"""How the `broker` command ends. Scripts may rely on these numbers."""

from typing import Final

OK: Final = 0
"""It was done."""

REFUSED: Final = 1
"""The broker refused, the thing does not exist, or what was checked is not as it must be."""

USAGE: Final = 2
"""The command line is wrong; nothing was sent."""

UNAVAILABLE: Final = 3
"""No broker answered, or it gives no access now; try again later."""

NOT_REACHED: Final = 4
"""What is waited for (`--wait`, or people's consent) has not come; what was ordered stands."""

IRREVOCABLE: Final = 5
"""What was waited for will not come: some credentials die only of age."""

PARTLY_READ: Final = 6
"""Nothing was found, but a part of what should have been looked through could not be read."""

TRY_LATER: Final = 75
"""`run`: no broker answered, or it gives no access now; nothing was started (EX_TEMPFAIL)."""

NOT_GIVEN: Final = 77
"""`run`: it was refused; nothing was started (EX_NOPERM)."""

CONFIGURATION: Final = 78
"""The configuration is wrong; every fault was printed (EX_CONFIG of sysexits.h)."""

TAKEN_AWAY: Final = 79
"""`run`: a credential was taken away while the command ran, and it was ended for that."""

NOT_EXECUTABLE: Final = 126
"""`run`: the command is there and cannot be executed; nothing was opened."""

NOT_FOUND: Final = 127
"""`run`: there is no such command; nothing was opened."""

INTERRUPTED: Final = 130
"""Ctrl-C (128 + SIGINT, as shells count)."""

BROKEN_PIPE: Final = 141
"""Whoever read our output went away (128 + SIGPIPE)."""

TERMINATED: Final = 143
"""SIGTERM (128 + SIGTERM)."""

MEANINGS: Final = {
    OK: "it was done; with --wait: everything has come as far as was asked",
    REFUSED: "it was refused, does not exist, or what was checked is not as it must be",
    USAGE: "the command line is wrong; nothing was sent",
    UNAVAILABLE: "no broker answered, it gives no access now, or the order stands in a part only",
    NOT_REACHED: "what is waited for (--wait, or people's consent) has not come; the order stands",
    IRREVOCABLE: "what --wait asks for will not come: some credentials die only of age",
    PARTLY_READ: "nothing was found in what could be read, but a part could not be",
    TRY_LATER: "run: no broker answered, or it gives no access now; nothing was started",
    NOT_GIVEN: "run: it was refused; nothing was started",
    CONFIGURATION: "the configuration is wrong; every fault was printed",
    TAKEN_AWAY: "run: a credential was taken away, and the command was ended for that",
    NOT_EXECUTABLE: "run: the command cannot be executed; nothing was opened",
    NOT_FOUND: "run: there is no such command; nothing was opened",
    INTERRUPTED: "interrupted by Ctrl-C",
    BROKEN_PIPE: "whoever read the output went away",
    TERMINATED: "ended by SIGTERM",
}
"""Every exit code, for `broker help exit-codes` and docs/cli.md."""
