"""What the ledger knows of the end of an audit trail: without it a cut-off end does not show."""

from pathlib import Path

from broker.audit.json_lines import sink_name
from broker.errors import ConfigurationError
from broker.settings.store import StoreSettings
from broker.store.connect import connect
from broker.store.feed_cursors import Cursor
from broker.store.feed_log import FeedLog


async def head_of(file: Path, settings: StoreSettings, *, name: str = "") -> Cursor:
    """Ask the ledger for the last line that it was told to be stored in a trail.

    ``name`` is what the settings call the trail, if they name it.

    Raises:
        ConfigurationError: the ledger knows no such trail.
        StoreUnavailableError: the ledger does not answer.
    """
    link = await connect(settings)
    try:
        sinks = await FeedLog(link, settings.namespace).cursors.all()
    finally:
        await link.close()
    name = name or sink_name(file)
    if name not in sinks:
        known = ", ".join(sinks) or "none"
        raise ConfigurationError(f"the ledger knows no trail {name} of {file} (it knows {known})")
    return sinks[name]
