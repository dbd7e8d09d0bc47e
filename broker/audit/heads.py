"""What the ledger knows of the end of an audit trail: without it a cut-off end does not show."""

from pathlib import Path

from broker.audit.json_lines import sink_name
from broker.errors import ConfigurationError
from broker.settings.store import StoreSettings
from broker.store.connect import connect
from broker.store.feed_cursors import Cursor
from broker.store.feed_log import FeedLog


async def head_of(file: Path, settings: StoreSettings) -> Cursor:
    """Ask the ledger for the last line that it was told to be stored in a trail.

    Raises:
        ConfigurationError: the ledger knows no such trail.
        StoreUnavailableError: the ledger does not answer.
    """
    link = await connect(settings)
    try:
        sinks = await FeedLog(link, settings.namespace).cursors.all()
    finally:
        await link.close()
    name = sink_name(file)
    if name not in sinks:
        known = ", ".join(sinks) or "none"
        raise ConfigurationError(f"the ledger knows no trail {name} of {file} (it knows {known})")
    return sinks[name]
