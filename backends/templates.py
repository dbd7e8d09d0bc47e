"""Variables in templates: ``${tenant}`` stands for one word of the wish, and only for that.

What comes out is a value, never code: a backend quotes it as whatever it is used for.
"""

import re
from collections.abc import Iterator
from typing import Final

from backends.contract import Wish

VARIABLES: Final = ("tenant", "agent", "task", "lease", "capability", "on_behalf_of")
"""What a template may name: each the text that the lease has."""

_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")


def unknown_variables(text: str) -> Iterator[str]:
    """Find what a text names and nothing stands for, an unfinished ``${`` included."""
    yield from (name for name in _VARIABLE.findall(text) if name not in VARIABLES)
    if "${" in _VARIABLE.sub("", text):
        yield "${"


def filled(text: str, wish: Wish) -> str:
    """Put the wish's words in; a word is never looked at for variables again."""
    return _VARIABLE.sub(lambda found: str(getattr(wish, found[1])), text)
