"""The capabilities of a configuration, as far as scanning has a use for them."""

from pathlib import Path

import msgspec

from broker.errors import ConfigurationError
from broker.governance.bundle import Bundle
from broker.scanning.replacing import Offer
from broker.settings.load import Reading
from broker.settings.settings import Settings
from broker.targets.capabilities import check_targets
from broker.targets.settings import read_targets


def read_offers(file: Path) -> tuple[Offer, ...]:
    """Read what a configuration declares.

    Raises:
        ConfigurationError: something in it is wrong; it carries every fault.
    """
    reading = Reading()
    settings = reading.read(file, Settings)
    bundle = targets = None
    if settings is not None:
        bundle = Bundle.read(settings.value.bundle, reading)
        targets = read_targets(settings.value.targets, reading)
        document = bundle.document if bundle else None
        check_targets(settings.value.targets, settings.value.bundle, document, reading)
    reading.finish()
    if bundle is None or targets is None:
        raise ConfigurationError(f"{file}: nothing could be read")
    options = {each.record.name: msgspec.structs.asdict(each.options) for each in targets}
    return tuple(
        Offer(each.name, each.backend, each.audience, options.get(each.target_name, {}))
        for each in bundle.document.capabilities
    )
