"""Where a broker dies that mints, renews or kills at a target."""

from typing import Final

MINTING: Final = ("mint.reserved", "mint.minted", "mint.activated")
KILLING: Final = ("kill.done", "kill.noted")
PROLONGING: Final = ("prolong.granted", "prolong.done", "prolong.noted")
LISTING: Final = ("ban.listed", "ban.written")
"""Where a target refuses by a list."""

CUTTING: Final = ("ban.laid", "ban.swept")
"""Where such a list is full."""

POINTS: Final = frozenset((*MINTING, *KILLING, *PROLONGING, *LISTING, *CUTTING))
