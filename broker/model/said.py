"""What the agent's side says of the uses of its credentials: a claim, and never more than that."""

import msgspec

from broker.use_words import USING


class _Alike(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What exchanges have in common that are told as one."""

    outcome: str
    credential: str = ""
    """The lease whose credential was put in; empty when none was."""
    need: str = ""
    rule: str = ""
    method: str = ""
    host: str = ""
    port: int = 0
    status: int = 0
    problem: str = ""
    masked: bool = False
    """The answers held the credential, which the agent did not get."""


class SaidUse(_Alike, frozen=True, kw_only=True, omit_defaults=True):
    """Exchanges that were alike, and how often there was one.

    When is by the clock of whoever says it; nothing is decided by that.
    """

    times: int
    first_at_ms: int
    last_at_ms: int

    @property
    def is_use(self) -> bool:
        """Tell whether a credential was used, as far as this says."""
        return self.credential != "" and self.outcome in USING


class SaidBatch(msgspec.Struct, frozen=True):
    """What is said at once. ``untold`` more exchanges are known to be missing."""

    uses: tuple[SaidUse, ...]
    untold: int = 0


class SaidKind(_Alike, frozen=True, kw_only=True, omit_defaults=True):
    """What makes exchanges alike, as it is shown of a whole task."""

    capability: str = ""


class SaidTotal(msgspec.Struct, frozen=True):
    """How often such an exchange was said to be, and when that was said last (ledger's clock)."""

    kind: SaidKind
    times: int
    said_at_ms: int


class SaidOfTask(msgspec.Struct, frozen=True):
    """All that was said of one task: the kinds that are kept, and how many of others there were.

    ``untold`` is how many the agent's side knows to be missing.
    """

    task: str
    uses: tuple[SaidTotal, ...] = ()
    others: int = 0
    untold: int = 0
    said_at_ms: int = 0
