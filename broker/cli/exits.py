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

CONFIGURATION: Final = 78
"""The configuration is wrong; every fault was printed (EX_CONFIG of sysexits.h)."""

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
    CONFIGURATION: "the configuration is wrong; every fault was printed",
    INTERRUPTED: "interrupted by Ctrl-C",
    BROKEN_PIPE: "whoever read the output went away",
    TERMINATED: "ended by SIGTERM",
}
"""Every exit code, for `broker help exit-codes` and docs/cli.md."""
