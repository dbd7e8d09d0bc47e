"""The part of the contract that a kind may leave out: to say what is at its target, whose ever.

The broker compares that with its ledger, in both directions, and tells what differs. By an
operator's order it kills what bears the ledger's mark and has no lease; nothing else, ever: a
target may be shared by several ledgers, and by people.
"""

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from backends.contract import Deadline, Sighting

LISTED: Final = 500
"""How many credentials at most one page of an inventory names."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something at a target that bears the prefix of our names, or the mark of a ledger.

    ``epoch`` is the ledger's that it was minted for, as the target keeps it; empty where there is
    no mark that can be read. The mark comes into being with the credential, in one step, and its
    holder cannot change it. ``lease`` is whose it is, by what the target keeps.
    """

    locator: str
    lease: str = ""
    epoch: str = ""
    sighting: Sighting = Sighting.ALIVE
    made_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of an inventory, and which target gave it; ``after`` begins the next, if any."""

    identity: str
    found: tuple[Found, ...]
    after: str = ""


@runtime_checkable
class Inventory(Protocol):
    """What a :class:`~backends.contract.Backend` may offer besides."""

    @property
    def unrecorded_ms(self) -> int:
        """How long something may be there before the ledger knows of it.

        0 where ``locate`` makes nothing, else up to :data:`~backends.contract.UNMINTED_MS`.
        """
        ...

    def inventory(self, after: str, deadline: Deadline) -> Listing:
        """List a page, at most :data:`LISTED`, in the target's own order; the first after ``""``.

        Whatever was there before the first page was asked for, and is there after the last, is on
        some page, once. What is known to be of another target on the same server is on none.

        Raises:
            BackendError: nobody knows.
        """
        ...
