"""How bringing a deny list to what must stand in it went, and how each list is known to be."""

from dataclasses import dataclass

from broker.model.ban import ListName


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round of writing, or of looking, came to.

    ``stands``: what must stand was read back, ``entries`` and a cut-off (``cut_ms``; 0: none),
    as of ``revision``. ``room`` and ``free`` are what its entries may weigh and what is left of it.
    ``lost`` counts what had stood, had to, and stood no more. ``trouble`` says in a word why it
    does not stand.
    """

    revision: int = 0
    stands: bool = False
    entries: frozenset[str] = frozenset()
    cut_ms: int = 0
    room: int = 0
    free: int = 0
    lost: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """What was last read back of a list, by whatever broker. ``told``: losses told already."""

    entries: frozenset[str] = frozenset()
    cut_ms: int = 0
    told: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """How a list is known to be, by the ledger's clock.

    ``confirmed_at_ms``: when what must stand was last read back (0: never); ``failing_since_ms``:
    since when that did not succeed (0: it does), with ``trouble``; ``is_idle``: nothing needs to
    stand there; ``lost`` and ``lost_at_ms``: how often entries that stood were found gone, and when
    last (0: never). ``room`` and ``free`` as of the last reading.
    """

    name: ListName
    now_ms: int
    wanted: int = 0
    is_idle: bool = True
    is_cut: bool = False
    confirmed_at_ms: int = 0
    failing_since_ms: int = 0
    trouble: str = ""
    lost: int = 0
    lost_at_ms: int = 0
    room: int = 0
    free: int = 0

    @property
    def unconfirmed_ms(self) -> int:
        """For how long nobody knows that what must stand there does; 0 where nothing must."""
        since_ms = self.confirmed_at_ms or self.failing_since_ms
        return self.now_ms - since_ms if since_ms and not self.is_idle else 0
