"""`broker reconcile` in this process, over a world's configuration."""

import asyncio
import json
from typing import Any

import pytest

from broker.cli.main import main
from tests.fakes.world import World


def write_down(world: World) -> None:
    """Let the files of a world say how its ledger and its targets are reached."""
    store = world.config.settings().store

    def change(file: Any) -> None:
        file["targets"] = "targets.yaml"
        file["keys"] = {"directory": str(world.config.keys)}
        file["store"] = {"url": store.url, "namespace": store.namespace}

    world.config.edit("broker.yaml", change)


class Command:
    """The command."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self._config = str(world.config.folder)
        self._capsys = capsys

    async def run(self, *words: str) -> tuple[int, Any]:
        """Run it; return its exit code, and the document or the error that it printed."""
        self._capsys.readouterr()
        line = ["reconcile", *words, "--json", "--config", self._config]
        code = await asyncio.to_thread(main, line)
        told = self._capsys.readouterr()
        reader = json.JSONDecoder()
        if "{\n" in told.out:
            return code, reader.raw_decode(told.out, told.out.index("{\n"))[0]
        return code, reader.raw_decode(told.err, told.err.index("{\n"))[0]["error"]


def differing(document: Any) -> dict[str, str]:
    """Return what differs, by its name there."""
    return {each["locator"]: each["differs"] for each in document["differences"]}


def leave_alone(world: World) -> None:
    """Let brokers believe that somebody looks after every list, for an hour."""
    seconds, _ = world.single.ask("TIME")
    for key in world.single.ask("KEYS", "*{k:*meta"):
        world.single.ask("HSET", key, "looked", str((int(seconds) + 3600) * 1000))
