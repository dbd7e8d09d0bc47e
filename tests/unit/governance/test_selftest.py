"""Policies are tried out before they count."""

from pathlib import Path

import pytest

from broker.governance.bundle import Bundle
from tests.fakes.bundles import BundleFolder

EXTRA = "policies/50-extra.cedar"


@pytest.fixture
def folder(tmp_path: Path) -> BundleFolder:
    """The shipped bundle, to be spoiled."""
    return BundleFolder(tmp_path)


@pytest.mark.parametrize(
    ("scope", "condition", "what"),
    [
        ("principal, action, resource", "true", "RequestCredential to an agent"),
        ("principal is Agent, action, resource", "true", "ExtendTask to an agent"),
        ("principal is Orchestrator, action, resource", "true", "OpenTask to an orchestrator"),
        (
            'principal is Agent, action == Action::"RequestCredential", resource',
            'context.task.tenant == "acme"',
            "RequestCredential to an agent",
        ),
        (
            'principal, action == Action::"RenewCredential", resource == Capability::"orders-api"',
            '["orders:read"].containsAll(context.scopes)',
            "RenewCredential to an agent",
        ),
        (
            'principal is Agent, action == Action::"RequestCredential", resource is Capability',
            "!context.task.tickets.isEmpty() && context.task has onBehalfOf",
            "RequestCredential to an agent",
        ),
        (
            'principal is Agent, action == Action::"DelegateTask", resource == Agent::"stock-bot"',
            "!(principal has risk)",
            "DelegateTask to an agent",
        ),
    ],
)
def test_a_policy_that_lets_strangers_in_is_caught(
    folder: BundleFolder, scope: str, condition: str, what: str
) -> None:
    """Whoever is not registered is allowed nothing; the policy that says otherwise is named."""
    folder.write(EXTRA, f'\n@id("lax") permit ({scope})\nwhen {{ {condition} }};\n')

    assert f"50-extra.cedar:2 policies.lax: allows {what} that is not registered" in folder.told()


def test_a_policy_that_wants_approval_of_a_stranger_is_caught_too(folder: BundleFolder) -> None:
    """Nobody may be asked to approve what an unregistered caller wants."""
    folder.write(EXTRA, '@id("lax") @approval("x") permit (principal, action, resource);')

    assert any("policies.lax: allows" in fault for fault in folder.told())


def test_a_policy_that_reads_what_is_registered_is_not_caught(folder: BundleFolder) -> None:
    """The built-in questions refuse no sound policy."""
    folder.write(
        EXTRA,
        '@id("team") permit (principal in Team::"finance", action, resource is Capability)'
        ' when { context.task.tenant == "acme" };'
        '@id("own") permit (principal is Agent, action == Action::"OpenTask", resource is Agent)'
        ' when { principal == resource && principal.tenant == "globex" };',
    )
    (folder.files.policies / "tests.yaml").unlink()

    assert Bundle.from_files(folder.files).document.policies[2].file == "50-extra.cedar"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  ttlSeconds: Long,", "  ttlMinutes: Long,"),
        ("  depth: Long,", "  depth: String,"),
        ("  onBehalfOf?: String,", ""),
        ("  instance?: String,", ""),
        ("principal: [Orchestrator, Agent, Person],", "principal: [Agent, Person],"),
        ("action RequestCredential, RenewCredential", "action RequestCredential"),
        ("  purpose: String,", ""),
    ],
)
def test_a_schema_that_does_not_fit_the_broker_is_caught(
    folder: BundleFolder, old: str, new: str
) -> None:
    """A schema under which the broker's own questions are ill-formed would deny everything."""
    folder.edit("schema.cedarschema", old, new)
    for path in folder.files.policies.iterdir():
        path.unlink()
    folder.write(EXTRA, '@id("x") permit (principal in Team::"finance", action, resource);')

    (fault, *_) = folder.told()

    assert fault.startswith("schema.cedarschema:0 schema: ")


@pytest.mark.parametrize(
    ("vector", "fault"),
    [
        (
            (
                "expect: deny, action: RequestCredential, caller: agent:invoice-bot,"
                " task: {tenant: acme, agent: invoice-bot}, capability: orders-api,"
                " scopes: [orders:read]"
            ),
            "expected deny, policy answers allow by agents-read",
        ),
        (
            (
                "expect: allow, action: RequestCredential, caller: agent:never-registered,"
                " task: {tenant: acme, agent: x}, capability: orders-api, scopes: [orders:read]"
            ),
            "expected allow, policy answers deny (evaluation-error; ",
        ),
        (
            (
                "expect: approval, action: OpenTask, caller: orchestrator:ci-orchestrator,"
                " task: {tenant: acme, agent: invoice-bot}"
            ),
            "expected approval, policy answers allow by orchestrators-open-tasks",
        ),
        (
            (
                "expect: allow, policies: [another], action: OpenTask,"
                " caller: orchestrator:ci-orchestrator, task: {tenant: acme, agent: invoice-bot}"
            ),
            "expected policies another, got orchestrators-open-tasks",
        ),
        (
            (
                "expect: deny, reason: forbidden, action: OpenTask,"
                " caller: orchestrator:ci-orchestrator, task: {tenant: globex, agent: stock-bot}"
            ),
            "expected reason forbidden, got no-permit",
        ),
        (
            (
                "expect: allow, max_ttl_seconds: 60, action: RequestCredential,"
                " caller: agent:invoice-bot, capability: orders-api, scopes: [orders:write],"
                " task: {tenant: acme, agent: invoice-bot, tickets: [T]}"
            ),
            "expected max_ttl_seconds 60000 ms, got 120000",
        ),
        (
            (
                "expect: allow, single_use: true, action: OpenTask,"
                " caller: orchestrator:ci-orchestrator, task: {tenant: acme, agent: invoice-bot}"
            ),
            "expected single_use true, got false",
        ),
    ],
)
def test_an_expectation_that_does_not_hold_is_caught(
    folder: BundleFolder, vector: str, fault: str
) -> None:
    """Nothing is published while policies answer otherwise than was written down."""
    folder.write("policies/tests.yaml", f"tests:\n  - {{name: v, {vector}}}\n")

    (told,) = folder.told()

    assert told.startswith(f"tests.yaml:2 tests[0]: v: {fault}")


def test_approval_can_be_expected(folder: BundleFolder) -> None:
    """All three answers can be written down."""
    folder.write(
        EXTRA,
        '@id("a") @approval("oncall") permit (principal is Agent, action == Action::"OpenTask",'
        ' resource) when { principal.tenant == "globex" };',
    )
    folder.write(
        "policies/tests.yaml",
        "tests:\n  - {name: v, expect: approval, action: OpenTask, caller: agent:stock-bot,"
        " task: {tenant: globex, agent: stock-bot}}\n",
    )

    assert Bundle.from_files(folder.files)


def test_an_expectation_that_no_caller_could_send_is_a_fault(folder: BundleFolder) -> None:
    """A label that the door refuses proves nothing about policy."""
    line = folder.edit("policies/tests.yaml", "labels: {ticket: OPS-1}", "labels: {__entity: x}")

    (told,) = folder.told()

    assert told.startswith(f"tests.yaml:{line} tests[11].labels: has a key that begins with")


def test_weakening_a_policy_breaks_what_is_written_down(folder: BundleFolder) -> None:
    """The shipped expectations notice when the shipped policies are loosened."""
    weakenings = [
        ("policies/20-credentials.cedar", "unless { context.task.tickets.isEmpty() }", ""),
        ("policies/90-limits.cedar", 'principal.risk == "high"', 'principal.risk == "none"'),
        ("policies/10-tasks.cedar", "principal.tenants.contains(context.task.tenant) &&", ""),
        ("policies/10-tasks.cedar", "unless { context.task.depth > 4 }", ""),
    ]

    for file, old, new in weakenings:
        text = (folder.folder / file).read_text()
        folder.edit(file, old, new)
        assert any(" tests[" in fault for fault in folder.told()), old
        folder.write(file, text)
    assert Bundle.from_files(folder.files)
