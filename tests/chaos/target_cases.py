"""Where a broker dies that mints or kills at a target."""

from typing import Final

MINTING: Final = ("mint.reserved", "mint.minted", "mint.activated")
KILLING: Final = ("kill.done", "kill.noted")
POINTS: Final = frozenset((*MINTING, *KILLING))
