"""Targets and the capabilities that name them: every fault with file, line and remedy."""

from pathlib import Path
from typing import Any

import pytest

from broker.cli.main import main
from broker.errors import ConfigurationError
from broker.governance.bundle import Bundle
from broker.settings.load import load_document
from broker.settings.settings import Settings
from broker.targets.settings import load_targets
from tests.fakes.policy import CONFIG
from tests.fakes.target_files import Files

TARGET: dict[str, Any] = {
    "name": "orders-db",
    "kind": "postgres",
    "options": {"host": "localhost", "database": "orders", "admin": "broker", "sslmode": "disable"},
}
CAPABILITY: dict[str, Any] = {
    "name": "orders-db",
    "backend": "postgres",
    "target": "orders-db",
    "audience": "postgres:orders",
    "scopes": ["orders:read"],
    "tenants": ["acme"],
    "max_ttl_seconds": 600,
    "default_ttl_seconds": 300,
    "template": {"scopes": {"orders:read": [{"privileges": ["SELECT"], "tables": ["orders"]}]}},
}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Files without a fault."""
    return Files(tmp_path, TARGET, CAPABILITY)


def test_what_is_right_has_no_fault(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """And the command says so."""
    assert files.faults() == []
    assert main(["config", "check", "--config", str(files.folder / "broker.yaml")]) == 0
    assert "is good" in capsys.readouterr().out


TARGET_FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "kind": ({"kind": "oracle"}, "targets[0].kind", "no such kind"),
    "option": ({"options": TARGET["options"] | {"hots": "x"}}, "options.hots", "no such setting"),
    "far": ({"options": TARGET["options"] | {"host": "db.example"}}, "sslmode", "in the clear"),
    "two hosts": ({"options": TARGET["options"] | {"host": "a,b"}}, "options.host", "not one host"),
    "deadline": ({"deadline_ms": 5}, "targets[0].deadline_ms", ""),
    "too often": ({"reconcile_seconds": 3}, "targets[0].reconcile_seconds", "too often"),
    "name": ({"name": "Orders DB"}, "targets[0].name", ""),
}


@pytest.mark.parametrize("name", TARGET_FAULTS)
def test_a_faulty_target_is_found_with_its_line(files: Files, name: str) -> None:
    """Whether it is ours or the kind's own."""
    change, key, message = TARGET_FAULTS[name]
    files.target |= change

    found = [f for f in files.faults() if f.file.endswith("targets.yaml")]

    assert [f for f in found if key in f.key and message in f.message and f.line > 0]


def test_a_target_that_is_nowhere_is_told_whatever_else_is_wrong(files: Files) -> None:
    """A type in the same file, and in the file of the targets."""
    files.capability |= {"target": "other", "renewable": "perhaps"}
    files.target |= {"deadline_ms": 5}

    found = {fault.key: fault.message for fault in files.faults()}

    assert found["capabilities[3].target"] == "no target is called other"
    assert {"capabilities[3].renewable", "targets[0].deadline_ms"} <= found.keys()


def test_a_target_that_is_only_faulty_is_not_called_absent(files: Files) -> None:
    """It is there, and what is wrong with it is said where it stands."""
    files.target |= {"deadline_ms": 5}

    assert not [fault for fault in files.faults() if "called" in fault.message]


GRANT: dict[str, Any] = {"privileges": ["SELECT"], "tables": ["orders"]}


def scopes(**grant: Any) -> dict[str, Any]:
    """Write a template with one grant that is somehow else."""
    return {"template": {"scopes": {"orders:read": [GRANT | grant]}}}


CAPABILITY_FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no such target": ({"target": "other"}, "target", "no target is called other"),
    "unknown variable": (scopes(schema="t_${tennant}"), "schema", "nothing stands for tennant"),
    "unfinished variable": (scopes(tables=["t_${tenant"]), "tables", "nothing stands for"),
    "misplaced privilege": (scopes(privileges=["EXECUTE"]), "privileges", "no EXECUTE"),
    "unknown privilege": (scopes(privileges=["DROP"]), "privileges", ""),
    "nothing granted on": (scopes(tables=[]), "orders:read", "one kind of object"),
    "scope without grants": (
        {"scopes": ["orders:read", "orders:write"]},
        "template.scopes",
        "does not say what orders:write gives",
    ),
    "grants without scope": (
        {"template": {"scopes": {**CAPABILITY["template"]["scopes"], "x": [GRANT]}}},
        "template.scopes.x",
        "no scope of the capability",
    ),
    "no template": ({"template": {}}, "template.scopes", "missing"),
}


@pytest.mark.parametrize("name", CAPABILITY_FAULTS)
def test_a_faulty_capability_is_found_with_its_line(files: Files, name: str) -> None:
    """Held to its target, and to what the kind says of templates."""
    change, key, message = CAPABILITY_FAULTS[name]
    files.capability |= change

    found = [f for f in files.faults() if f.file.endswith("capabilities.yaml")]

    assert [f for f in found if key in f.key and message in f.message and f.line > 1], found


def test_what_does_not_end_by_itself_is_not_had_in_an_emergency(files: Files) -> None:
    """A login that only we could take away again is no door that closes (I9)."""
    files.capability |= {"break_glass": {"max_ttl_seconds": 300, "scopes": ["orders:read"]}}

    (found,) = [fault for fault in files.faults() if fault.key.endswith(".break_glass")]

    assert "does not end what it gave by itself" in found.message
    assert found.line > 1


def test_an_emergency_is_within_the_capability_and_an_hour(files: Files) -> None:
    """Of our own tokens, which end by themselves."""
    rule = {"max_ttl_seconds": 3_601, "scopes": ["orders:write"], "alarm": "never"}
    for name in ("target", "template"):
        del files.capability[name]
    files.capability |= {"backend": "jwt", "audience": "https://orders.example"}
    files.capability |= {"break_glass": rule}
    wrong = {fault.key.rpartition("break_glass.")[2] for fault in files.faults()}
    files.capability |= {"break_glass": {"max_ttl_seconds": 601, "scopes": ["orders:write"]}}
    beyond = {fault.key.rpartition("break_glass.")[2] for fault in files.faults()}
    files.capability |= {"break_glass": {"max_ttl_seconds": 600, "scopes": ["orders:read"]}}

    assert {"max_ttl_seconds", "alarm"} <= wrong
    assert beyond == {"max_ttl_seconds", "scopes[0]"}
    assert files.faults() == []


def test_a_kind_needs_a_target_and_our_tokens_have_none(files: Files) -> None:
    """Both are faults of the capability alone."""
    del files.capability["target"]
    (missing,) = [f for f in files.faults() if f.key.endswith(".target")]
    files.capability |= {"backend": "jwt", "target": "orders-db"}
    found = [f.message for f in files.faults() if f.key.endswith((".target", ".template"))]

    assert "where does postgres mint" in missing.message
    assert found == ["our own tokens have none"] * 2


def test_a_broker_does_not_start_on_faulty_targets(files: Files) -> None:
    """It would find out when an agent asks."""
    files.target["options"] = {}

    with pytest.raises(ConfigurationError, match=r"targets\.yaml"):
        load_targets(files.write())


def test_bundles_without_targets_read_as_they_always_did() -> None:
    """What was published before there were targets has the same text, and the same digest."""
    settings = load_document(CONFIG / "broker.yaml", Settings)

    raw = Bundle.from_files(settings.bundle).to_bytes()

    assert b'"target"' not in raw
    assert b'"template"' not in raw
