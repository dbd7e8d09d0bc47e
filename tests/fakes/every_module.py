"""All modules of the product, imported: so every class of it is known."""

import importlib
import pkgutil
from typing import Final

import broker

NOT_HERE: Final = frozenset({"broker.tools.langchain"})
"""Adapters to frameworks that the lock file does not have; they define no error."""


def import_every_module() -> None:
    """Import them all."""
    for module in pkgutil.walk_packages(broker.__path__, "broker."):
        if not module.name.endswith("__main__") and module.name not in NOT_HERE:
            importlib.import_module(module.name)
