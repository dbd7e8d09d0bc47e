"""Who decides is named so that it can be reached, and believed."""

from pathlib import Path
from typing import Any

import pytest

from broker.settings.policy import PolicySettings

FILE = Path("/nowhere")
OPA = "https://opa.example/v1/data/jit/decision"
PDP = "https://pdp.example/tenant"


def faults(**given: Any) -> list[object]:
    """Return where there are faults."""
    return [fault.path[0] for fault in PolicySettings(**given).faults()]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"engine": "opa", "url": OPA},
        {"engine": "opa", "url": "http://127.0.0.1:8181/v1/data/jit"},
        {"engine": "opa", "url": "http://localhost:8181/prefix/v1/data/jit/decision"},
        {"engine": "opa", "url": "https://[::1]/v1/data/a/b"},
        {"engine": "opa", "url": OPA, "cert_file": FILE, "key_file": FILE, "token_file": FILE},
        {"engine": "authzen", "url": PDP, "ca_file": FILE},
        {"engine": "authzen", "url": "http://127.0.0.1:9000", "token_file": FILE},
    ],
    ids=repr,
)
def test_what_can_be_reached_has_no_fault(given: dict[str, Any]) -> None:
    """In this process, on this machine, or by TLS."""
    assert faults(**given) == []


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"url": OPA}, ["url"]),
        ({"ca_file": FILE, "token_file": FILE}, ["ca_file", "token_file"]),
        ({"engine": "opa"}, ["url"]),
        ({"engine": "opa", "url": "http://opa.example/v1/data/jit"}, ["url"]),
        ({"engine": "opa", "url": "https://opa.example"}, ["url"]),
        ({"engine": "opa", "url": "https://opa.example/v1/data/"}, ["url"]),
        ({"engine": "opa", "url": "https://opa.example/v1/data/a//b"}, ["url"]),
        ({"engine": "opa", "url": OPA + "?pretty"}, ["url"]),
        ({"engine": "opa", "url": OPA + "#x"}, ["url"]),
        ({"engine": "opa", "url": "https://me:pw@opa.example/v1/data/jit"}, ["url"]),
        ({"engine": "opa", "url": "ftp://opa.example/v1/data/jit"}, ["url"]),
        ({"engine": "opa", "url": "https:///v1/data/jit"}, ["url"]),
        ({"engine": "opa", "url": "https://opa.example:x/v1/data/jit"}, ["url"]),
        ({"engine": "opa", "url": "https://opa.example/v1/data/jit decision"}, ["url"]),
        ({"engine": "opa", "url": "https://öpa.example/v1/data/jit"}, ["url"]),
        ({"engine": "authzen", "url": "https://pdp.example/"}, ["url"]),
        ({"engine": "authzen", "url": "https://pdp.example/access/v1/evaluation"}, ["url"]),
        ({"engine": "authzen", "url": PDP, "cert_file": FILE}, ["key_file"]),
        ({"engine": "authzen", "url": PDP, "key_file": FILE}, ["cert_file"]),
        ({"engine": "authzen", "url": "http://127.0.0.1:9", "ca_file": FILE}, ["ca_file"]),
    ],
    ids=repr,
)
def test_what_cannot_be_reached_or_believed_is_a_fault(
    given: dict[str, Any], where: list[str]
) -> None:
    """Before anything runs, and not when the first agent asks."""
    assert faults(**given) == where
