from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.dev.configure import Addresses, shipped, write

ADDRESSES = Addresses("unix:///tmp/x/redis.sock", "http://127.0.0.1:9001", (9002, 9003))


def read(file: Path) -> dict[str, Any]:
    """Read a YAML file."""
    document: dict[str, Any] = yaml.safe_load(file.read_text())
    return document


@pytest.fixture
def written(tmp_path: Path) -> list[Path]:
    """The files of two brokers."""
    return write(shipped(), tmp_path, ADDRESSES)


def test_only_addresses_differ_from_what_is_shipped(written: list[Path]) -> None:
    """The story runs on the configuration that users get: same limits, same policies."""
    before = read(shipped() / "broker.yaml")

    after = read(written[0])

    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"issuer", "listen", "store", "keys", "audit"}
    assert {**after["listen"], "port": 0} == {**before["listen"], "port": 0}
    assert {**after["store"], "url": ""} == {**before["store"], "url": ""}


def test_brokers_share_the_ledger_the_keys_and_the_issuer(written: list[Path]) -> None:
    """Two brokers are one service: only the port and the audit file are each one's own."""
    first, second = (read(file) for file in written)

    assert {name for name in first if first[name] != second[name]} == {"listen", "audit"}
    assert first["issuer"] == ADDRESSES.brokers[0] == "http://127.0.0.1:9002"
    assert (first["listen"]["port"], second["listen"]["port"]) == (9002, 9003)


def test_the_issuer_of_workload_tokens_is_the_one_that_runs(written: list[Path]) -> None:
    """By itself and in the parts of platforms that it plays; and no other is trusted."""
    declared, *played = read(written[0].parent / "issuers.yaml")["issuers"]

    assert declared["issuer"] == "http://127.0.0.1:9001"
    assert declared["keys"] == {"url": "http://127.0.0.1:9001/jwks"}
    assert [each["issuer"] for each in played] == [
        "http://127.0.0.1:9001/cluster",
        "http://127.0.0.1:9001/ci",
    ]


def test_everything_else_is_copied_to_the_letter(written: list[Path]) -> None:
    """Agents, capabilities and policies are those that are shipped."""
    for source in shipped().rglob("*"):
        if source.is_file() and source.name != "issuers.yaml":
            copy = written[0].parent / source.relative_to(shipped())
            assert copy.read_bytes() == source.read_bytes()
