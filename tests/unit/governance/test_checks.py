"""What the parts of a bundle must mean to each other."""

import json
from pathlib import Path

import pytest

from broker.governance.bundle import Bundle
from tests.fakes.bundles import BundleFolder


@pytest.fixture
def folder(tmp_path: Path) -> BundleFolder:
    """The shipped bundle, to be spoiled."""
    return BundleFolder(tmp_path)


CONFLICTS = [
    (
        "agents.yaml",
        "tenant: globex",
        "tenant: glbex",
        "agents[3].tenant: no tenant is called glbex",
    ),
    (
        "agents.yaml",
        "teams: [finance]",
        "teams: [x, finance]",
        "agents[0].teams[0]: no team is called x",
    ),
    ("agents.yaml", "[report-bot]", "[ghost]", "teams[0].members[0]: no agent is called ghost"),
    (
        "agents.yaml",
        "name: helper-bot",
        "name: report-bot",
        "agents[2].name: report-bot is there already",
    ),
    (
        "agents.yaml",
        "    tenants: [acme]",
        "    tenants: [none]",
        "orchestrators[0].tenants[0]: no tenant is called none",
    ),
    ("agents.yaml", '["*"]', "[none]", "operators[1].tenants[0]: no tenant is called none"),
    (
        "capabilities.yaml",
        "tenants: [acme]",
        "tenants: [none]",
        "capabilities[1].tenants[0]: no tenant is called none",
    ),
    (
        "capabilities.yaml",
        "name: reports-read",
        "name: orders-api",
        "capabilities[1].name: orders-api is there already",
    ),
    (
        "capabilities.yaml",
        "tenants: [acme]",
        "tenants: [globex]",
        "capabilities[1].tenants[0]: globex is not served by https://reports.example",
    ),
    (
        "capabilities.yaml",
        "default_ttl_seconds: 120",
        "default_ttl_seconds: 301",
        "capabilities[1].default_ttl_seconds: above max_ttl_seconds",
    ),
    (
        "capabilities.yaml",
        "scopes: [reports:read]",
        "scopes: []",
        "capabilities[1].scopes: empty, so nobody could use it",
    ),
    (
        "resource_servers.yaml",
        "staleness_ms: 5000",
        "staleness_ms: 0",
        "resource_servers[0].staleness_ms: no bound at all",
    ),
    (
        "resource_servers.yaml",
        "staleness_ms: 5000",
        "cache_ms: 5",
        "resource_servers[0].cache_ms: only what is introspected is cached",
    ),
    (
        "policies/tests.yaml",
        "capability: orders-api",
        "capability: ordrs-api",
        "tests[8].capability: no capability is called ordrs-api",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "fault"), CONFLICTS)
def test_what_does_not_fit_together_is_told_where_it_stands(
    folder: BundleFolder, file: str, old: str, new: str, fault: str
) -> None:
    """Names that nobody has, names that two have, limits that contradict each other."""
    line = folder.edit(file, old, new)

    told = folder.told()

    lines = [text.partition(" ")[0] for text in told if text.partition(" ")[2] == fault]
    assert lines == [f"{Path(file).name}:{line}"], told


NAMES = [case for case in CONFLICTS if "called" in case[3] or "is there already" in case[3]]


@pytest.mark.parametrize(("file", "old", "new", "fault"), NAMES)
def test_a_type_that_is_wrong_elsewhere_hides_no_name(
    folder: BundleFolder, file: str, old: str, new: str, fault: str
) -> None:
    """Who mends one thing at a time needs one run for each: everything is told in one."""
    line = folder.edit(file, old, new)
    folder.edit("agents.yaml", "    status: active", "    status: 7")
    folder.edit("resource_servers.yaml", "check: introspect", "check: [introspect]")

    told = folder.told()

    assert f"{Path(file).name}:{line} {fault}" in told
    assert sum("agents[0].status" in text for text in told) == 1
    assert sum("resource_servers[0]" in text or "[1].check" in text for text in told) == 1


UNREADABLE = [
    ("  - name: acme", "  - name: 7"),
    ("  - name: acme", "  - nmae: acme"),
    ("tenants:\n", "tenants: 5\nx:\n"),
    ("tenants:\n", "x:\n"),
    ("tenants:", "tenants: ["),
]


@pytest.mark.parametrize(("old", "new"), UNREADABLE)
def test_a_name_that_cannot_be_read_makes_no_other_unknown(
    folder: BundleFolder, old: str, new: str
) -> None:
    """Of a section that is not whole nobody can say what it lacks."""
    folder.edit("agents.yaml", old, new)

    told = folder.told()

    assert told
    assert not [text for text in told if "no tenant is called" in text]


def test_a_question_about_a_credential_names_the_capability(folder: BundleFolder) -> None:
    """Without it the question is always denied, and an expectation would prove nothing."""
    line = folder.edit("policies/tests.yaml", "  - name: an agent reads\n", "  - name: a read\n")
    folder.edit("policies/tests.yaml", "    capability: orders-api\n", "")

    assert folder.told() == [
        f"tests.yaml:{line} tests[8].capability: does not go with RequestCredential"
    ]


@pytest.mark.parametrize("name", ["", "*", "a:b", "a@b", "a b", "-a", "a/b", "é", "a\n", "x" * 65])
def test_a_name_that_means_something_elsewhere_is_refused(folder: BundleFolder, name: str) -> None:
    """Names stand in keys, cuts and logs: no separator, no control, no wildcard."""
    folder.edit("agents.yaml", "name: stock-bot", f"name: {json.dumps(name)}")

    assert [fault.partition(": ")[0].split()[1] for fault in folder.told()] == ["agents[3].name"]


@pytest.mark.parametrize(("ttl", "is_taken"), [(300, True), (301, False)])
@pytest.mark.parametrize("is_registered", [True, False])
def test_a_token_that_nothing_can_revoke_lives_five_minutes_at_most(
    folder: BundleFolder, ttl: int, *, is_taken: bool, is_registered: bool
) -> None:
    """An audience that checks offline, or that nobody registered, caps the lifetime."""
    folder.edit("capabilities.yaml", " max_ttl_seconds: 300", f" max_ttl_seconds: {ttl}")
    if is_registered:
        folder.edit("resource_servers.yaml", "check: introspect", "check: offline")
    else:
        folder.edit("resource_servers.yaml", "reports.example", "elsewhere.example")

    if is_taken:
        offline = Bundle.from_files(folder.files).offline_capabilities
        assert offline == (() if is_registered else ("reports-read",))
    else:
        (fault,) = folder.told()
        assert "capabilities[1].max_ttl_seconds: above 300 seconds" in fault


def test_the_cap_on_offline_tokens_is_a_setting(folder: BundleFolder) -> None:
    """Who wants longer ones says so where everybody sees it."""
    folder.edit("capabilities.yaml", "offline_max_ttl_seconds: 300", "offline_max_ttl_seconds: 600")
    folder.edit("capabilities.yaml", " max_ttl_seconds: 300", " max_ttl_seconds: 600")
    folder.edit("resource_servers.yaml", "check: introspect", "check: offline")

    assert Bundle.from_files(folder.files).document.offline_max_ttl_seconds == 600
