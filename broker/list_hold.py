"""A deny list that one broker has taken, kept for as long as it works on it and no longer.

The claim is short and renewed while the broker lives: one that dies delays the others by seconds.
Before anything is written the ledger is told until when that may take effect. Whoever follows a
writer that died does not wait for that: it writes at once, and is not *sure* of the list before.
"""

import asyncio
from types import TracebackType
from typing import Final, Self

import structlog

from backends.errors import BackendError, Trouble
from broker.errors import BrokerError
from broker.model.ban import ListName
from broker.store.ban_ledger import BanLedger

HIDE_MS: Final = 3_000
"""For how long a list is taken at a time."""

_BEAT_S: Final = 1.0

_log = structlog.get_logger(__name__)


class Hold:
    """Keeps a list. Leaving it ends only the keeping: releasing says what came of it."""

    def __init__(self, ledger: BanLedger, name: ListName, fence: int) -> None:
        self._ledger = ledger
        self._name = name
        self._fence = fence
        self._beating: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._beating = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)

    async def require(self, sending_ms: int) -> None:
        """Let a write begin that may take effect for so long.

        Raises:
            BackendError: another broker has taken the list: what would be written may be older.
            BrokerError: the ledger does not say.
        """
        is_ours = await self._ledger.hold(
            self._name, self._fence, hide_ms=HIDE_MS, sending_ms=sending_ms
        )
        if not is_ours:
            raise BackendError(Trouble.BUSY, "another broker writes this list")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            try:
                if not await self._ledger.hold(self._name, self._fence, hide_ms=HIDE_MS):
                    return
            except BrokerError as error:
                _log.warning("deny-list-not-held", target=self._name.target, why=str(error))
