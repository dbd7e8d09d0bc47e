"""Vault targets and capabilities: every fault with file, line and key."""

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.target_files import Files

TARGET: dict[str, Any] = {
    "name": "vault",
    "kind": "vault",
    "options": {
        "address": "https://vault.example:8200",
        "login": {"method": "jwt", "role": "jit-broker", "audience": "vault.example"},
        "token_role": "jit",
        "mounts": [
            {"mount": "database", "engine": "database", "death": "lease"},
            {"mount": "ssh", "engine": "ssh", "death": "age"},
            {"mount": "kv", "engine": "kv", "death": "never"},
        ],
    },
}
SECRET: dict[str, Any] = {"mount": "database", "path": "creds/orders", "policies": ["orders"]}
CAPABILITY: dict[str, Any] = {
    "name": "orders-db",
    "backend": "vault",
    "target": "vault",
    "audience": "postgres:orders",
    "scopes": ["orders:read"],
    "tenants": ["acme"],
    "max_ttl_seconds": 600,
    "default_ttl_seconds": 300,
    "template": {"scopes": {"orders:read": SECRET}},
}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Files without a fault."""
    return Files(tmp_path, TARGET, CAPABILITY)


@pytest.mark.parametrize(
    "login",
    [
        {"method": "jwt", "role": "jit-broker"},
        {"method": "jwt", "role": "jit-broker", "token_file": "token"},
        {"method": "approle", "role_id": "r", "secret_id_file": "secret"},
        {"method": "kubernetes", "role": "jit-broker"},
    ],
)
def test_what_is_right_has_no_fault(files: Files, login: dict[str, str]) -> None:
    """Whichever way one logs in."""
    files.target["options"]["login"] = login

    assert files.faults() == []


ONE: dict[str, Any] = {"mount": "database", "engine": "database", "death": "lease"}
OPTION_FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "far": ({"address": "http://vault.example"}, "options.address", "in the clear"),
    "address": ({"address": "vault.example:8200"}, "options.address", "no address"),
    "user": ({"address": "https://u:p@vault.example"}, "options.address", "no address"),
    "namespace": ({"namespace": "a/../b"}, "options.namespace", "no path"),
    "no mounts": ({"mounts": []}, "options.mounts", "empty"),
    "engine": (
        {"mounts": [{"mount": "kv", "engine": "kv", "death": "lease"}]},
        "options.mounts[0].death",
        "does not die so",
    ),
    "twice": ({"mounts": [dict(ONE), dict(ONE)]}, "mounts[1].mount", "already"),
    "stored secret": (
        {"login": {"method": "approle", "role_id": "r", "secret_id": "s"}},
        "options.login",
        "",
    ),
    "method": ({"login": {"method": "token", "token": "s.x"}}, "options.login", ""),
    "both": (
        {"login": {"method": "jwt", "role": "r", "audience": "a", "token_file": "f"}},
        "options.login.audience",
        "own tokens",
    ),
}


@pytest.mark.parametrize("name", OPTION_FAULTS)
def test_a_faulty_target_is_found_with_its_line(files: Files, name: str) -> None:
    """Before a broker starts on it."""
    change, key, message = OPTION_FAULTS[name]
    files.target["options"] |= change

    found = [f for f in files.faults() if f.file.endswith("targets.yaml")]

    assert [f for f in found if key in f.key and message in f.message and f.line > 0], found


def secret(**changes: Any) -> dict[str, Any]:
    """Write a template whose secret is somehow else."""
    return {"template": {"scopes": {"orders:read": SECRET | changes}}}


TEMPLATE_FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "mount": (secret(mount="databse"), "orders:read.mount", "does not declare it"),
    "variable": (secret(path="creds/${tennant}"), "path", "nothing stands for tennant"),
    "traversal": (secret(path="creds/../sys"), "path", "no segment"),
    "query": (secret(path="creds/a?b"), "path", "no segment"),
    "empty segment": (secret(path="creds//a"), "path", "no segment"),
    "policy": (secret(policies=["root"]), "policies", "no credential is given it"),
    "no policy": (secret(policies=[]), "policies", "could do nothing"),
    "standing": (secret(mount="kv", path="data/a"), "standing", "for ever"),
    "body": (secret(body={"a": ["${x}"]}), "body.a[0]", "nothing stands for x"),
    "scope": ({"scopes": ["orders:read", "orders:write"]}, "template.scopes", "orders:write gives"),
    "short": ({"default_ttl_seconds": 1}, "default_ttl_seconds", "lives 2 s at least"),
    "long": (
        {**secret(mount="ssh", path="issue/bots"), "max_ttl_seconds": 7_200},
        "max_ttl_seconds",
        "nobody could take it back",
    ),
}


@pytest.mark.parametrize("name", TEMPLATE_FAULTS)
def test_a_faulty_capability_is_found_with_its_line(files: Files, name: str) -> None:
    """Held to its target, and to what its mount promises."""
    change, key, message = TEMPLATE_FAULTS[name]
    files.capability |= change

    found = [f for f in files.faults() if f.file.endswith("capabilities.yaml")]

    assert [f for f in found if key in f.key and message in f.message and f.line > 1], found


def test_a_standing_secret_is_permitted_by_name(files: Files) -> None:
    """The name is that of its path, once more."""
    files.capability |= secret(mount="kv", path="data/a", standing="kv/data/a")

    assert files.faults() == []


@pytest.mark.parametrize(
    ("at", "refused"),
    [
        ({"mount": "database"}, 1),
        ({"mount": "ssh", "path": "issue/bots"}, 0),
        ({"mount": "kv", "path": "data/a", "standing": "kv/data/a"}, 1),
    ],
    ids=["lease", "age", "never"],
)
def test_in_an_emergency_there_is_only_what_states_its_own_end(
    files: Files, at: dict[str, Any], refused: int
) -> None:
    """What a lease's end undoes is its engine's matter, and its owner's statements' (I9)."""
    files.capability |= secret(**at) | {
        "break_glass": {"max_ttl_seconds": 300, "scopes": ["orders:read"]}
    }

    told = [fault.message for fault in files.faults() if fault.key.endswith(".break_glass")]

    assert len(told) == refused
    assert all("does not end what it gave by itself" in each for each in told)
