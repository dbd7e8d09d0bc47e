"""Pages of the documentation that are run word for word."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).parents[2] / "docs"
_FENCE: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PYTHON: Final = "python - <<'END_OF_BLOCK'\n{}END_OF_BLOCK\n"


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What a reader types, and what the page says that it prints: nothing, or an own block."""

    runs: str
    shows: str = ""


class Guide:
    """The fenced blocks of one page, in their order."""

    def __init__(self, page: str) -> None:
        text = (DOCS / page).read_text(encoding="utf-8")
        self.blocks = [Block(*match) for match in _FENCE.findall(text)]

    def of(self, language: str) -> list[str]:
        """Return the blocks of one language."""
        return [block.text for block in self.blocks if block.language == language]

    @property
    def script(self) -> str:
        """Everything that a reader runs, as one script that stops at the first failure."""
        runs = {"sh": "{}", "python": _PYTHON}
        parts = [
            runs[block.language].replace("{}", block.text)
            for block in self.blocks
            if block.language in runs
        ]
        return "set -euo pipefail\n" + "".join(parts)

    @property
    def turns(self) -> list[Turn]:
        """Every block of commands, with the text below it."""
        turns: list[Turn] = []
        for block in self.blocks:
            if block.language == "sh":
                turns.append(Turn(block.text))
            elif block.language == "text":
                turns[-1] = Turn(turns[-1].runs, block.text)
        return turns

    @property
    def printed(self) -> str:
        """Everything that the page says will be printed."""
        return "".join(self.of("text"))
