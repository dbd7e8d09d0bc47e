"""The audit trails that the story's brokers left."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from broker.audit.heads import head_of
from broker.audit.verify import verify
from broker.dev.step import expect
from broker.settings.store import StoreSettings


async def check_trails(files: Sequence[Path], store: StoreSettings) -> str:
    """Check that each broker's trail is whole, up to the end that the ledger knows of.

    Raises:
        StepFailedError: one is not, or says nothing.
    """
    lines = 0
    for file in files:
        found = await asyncio.to_thread(verify, file, head=await head_of(file, store))
        expect(found.is_whole, expected=f"{file.name} to be whole", seen=found.faults)
        expect(found.lines > 0, expected=f"{file.name} to tell something", seen="no line")
        lines += found.lines
    return f"{lines} lines"
