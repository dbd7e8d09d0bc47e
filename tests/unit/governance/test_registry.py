from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec
import pytest

from broker.errors import AttestationError
from broker.facts.facts import Facts
from broker.governance.base_facts import base_of
from broker.governance.document import BundleDocument
from broker.governance.records import (
    AgentRecord,
    IdentityRecord,
    OperatorRecord,
    OrchestratorRecord,
    ResourceServerRecord,
    Risk,
    Status,
    TenantRecord,
)
from broker.governance.registry import Registry
from broker.model.capability import CheckMode
from broker.model.principal import Kind, Principal
from broker.proof.confirmation import Binding, Confirmation
from tests.fakes.facts import changes, put


@dataclass(frozen=True)
class Shown:
    """What an attestor shows."""

    kind: Kind = Kind.AGENT
    name: str = "bot"
    tenant: str = ""
    instance: str = "pod-1"
    issuer: str = "https://issuer.example"
    subject: str = "sub"
    expires_at_ms: int = 5_000
    claims: Mapping[str, str | int | bool] = field(default_factory=lambda: {"env": "prod"})
    evidence: str = "its name"
    begins_at_ms: int = 1_000
    bound_to: Confirmation | None = None
    session: str = ""


def document(status: Status = Status.ACTIVE) -> BundleDocument:
    """Register one of each kind."""
    return BundleDocument(
        tenants=(TenantRecord(name="acme"), TenantRecord(name="globex")),
        teams=(),
        agents=(AgentRecord(name="bot", tenant="acme", owner="o", purpose="p", status=status),),
        orchestrators=(OrchestratorRecord(name="ci", tenants=("acme", "globex")),),
        operators=(
            OperatorRecord(name="alice", tenants=("acme",)),
            OperatorRecord(name="root", tenants=("*",)),
        ),
        capabilities=(),
        resource_servers=(
            ResourceServerRecord(
                audience="https://api.example", check=CheckMode.FEED, tenants=("acme",)
            ),
        ),
        schema="",
        policies=(),
    )


REGISTRY = Registry(document())


def refused(shown: Shown, registry: Registry = REGISTRY) -> str:
    """Return why somebody is refused."""
    with pytest.raises(AttestationError) as caught:
        registry.resolve(shown)
    assert caught.value.code == "unauthenticated"
    return caught.value.reason


def test_a_registered_agent_becomes_a_principal() -> None:
    """The tenant comes from the registry, everything else from the evidence."""
    assert REGISTRY.resolve(Shown()) == Principal(
        kind=Kind.AGENT,
        name="bot",
        tenants=frozenset({"acme"}),
        instance="pod-1",
        issuer="https://issuer.example",
        subject="sub",
        expires_at_ms=5_000,
        claims={"env": "prod"},
        evidence="its name",
        begins_at_ms=1_000,
    )


def test_the_key_that_evidence_is_bound_to_comes_along() -> None:
    """Whoever lets a caller in has to see it."""
    key = Confirmation(Binding.DPOP, "A" * 43)

    assert REGISTRY.resolve(Shown(bound_to=key)).bound_to == key


@pytest.mark.parametrize(
    ("shown", "tenants"),
    [
        (Shown(Kind.ORCHESTRATOR, "ci"), {"acme", "globex"}),
        (Shown(Kind.OPERATOR, "alice"), {"acme"}),
        (Shown(Kind.OPERATOR, "root"), {"*"}),
        (Shown(Kind.RESOURCE, "https://api.example"), {"acme"}),
        (Shown(tenant="acme"), {"acme"}),
        (Shown(Kind.ORCHESTRATOR, "ci", tenant="globex"), {"globex"}),
        (Shown(Kind.OPERATOR, "root", tenant="globex"), {"globex"}),
    ],
)
def test_tenants_come_from_the_registry(shown: Shown, tenants: set[str]) -> None:
    """Evidence that names one of them confines its bearer to that one."""
    assert REGISTRY.resolve(shown).tenants == tenants


@pytest.mark.parametrize(
    "shown",
    [
        Shown(name="nobody"),
        Shown(name="Bot"),
        Shown(name="bot "),
        Shown(name=""),
        Shown(Kind.ORCHESTRATOR, "bot"),
        Shown(Kind.OPERATOR, "ci"),
        Shown(Kind.OPERATOR, "https://api.example"),
        Shown(Kind.RESOURCE, "https://api.example/"),
        Shown(Kind.RESOURCE, "*"),
        Shown(tenant="globex"),
        Shown(tenant="*"),
        Shown(Kind.ORCHESTRATOR, "ci", tenant="elsewhere"),
        Shown(Kind.ORCHESTRATOR, "ci", tenant="*"),
        Shown(Kind.OPERATOR, "alice", tenant="*"),
    ],
)
def test_who_is_not_registered_so_is_nobody(shown: Shown) -> None:
    """Another name, another kind, another tenant, or a tenant wider than registered."""
    assert refused(shown) == "unregistered"


@pytest.mark.parametrize(
    ("status", "reason"),
    [(Status.SUSPENDED, "suspended"), (Status.RETIRED, "unregistered")],
)
def test_an_agent_that_is_not_active_is_refused(status: Status, reason: str) -> None:
    """A suspended agent may come back, a retired one is nobody any more."""
    assert refused(Shown(), Registry(document(status))) == reason


ONLY_POD = AgentRecord(
    name="bot",
    tenant="acme",
    owner="o",
    purpose="p",
    status=Status.ACTIVE,
    identities=(IdentityRecord(issuer="https://issuer.example", subject="pod:*"),),
)
CONFINED = Registry(msgspec.structs.replace(document(), agents=(ONLY_POD,)))


def test_an_agent_is_shown_by_its_stated_identities() -> None:
    """What is stated is let in."""
    assert CONFINED.resolve(Shown(subject="pod:7")).name == "bot"


@pytest.mark.parametrize(
    "shown",
    [
        Shown(),
        Shown(subject="pod"),
        Shown(issuer="https://other.example", subject="pod:7"),
        Shown(issuer="", subject=""),
    ],
)
def test_other_evidence_than_its_own_does_not_show_an_agent(shown: Shown) -> None:
    """A trusted issuer that names the agent is not enough where identities are stated."""
    assert refused(shown, CONFINED) == "identity-not-allowed"


def test_who_was_let_in_before_is_confirmed_by_the_same_rule() -> None:
    """A caller resolved by a revision without identities is nobody by one that states others."""
    caller = REGISTRY.resolve(Shown())

    with pytest.raises(AttestationError) as caught:
        CONFINED.confirm(caller)

    assert caught.value.reason == "identity-not-allowed"


def test_identities_of_an_agent_are_nothing_to_other_kinds() -> None:
    """An orchestrator of another subject is who it is."""
    assert CONFINED.resolve(Shown(Kind.ORCHESTRATOR, "ci")).name == "ci"


def test_inactive_and_unknown_look_the_same_outside() -> None:
    """The error's code, which alone reaches the caller, does not tell one from the other."""
    codes = set()
    for registry, shown in [
        (Registry(document(Status.SUSPENDED)), Shown()),
        (REGISTRY, Shown(name="nobody")),
    ]:
        with pytest.raises(AttestationError) as caught:
            registry.resolve(shown)
        codes.add(caught.value.code)

    assert len(codes) == 1


def test_the_principal_does_not_share_the_evidence() -> None:
    """What is done to the attested claims later changes nothing."""
    claims: dict[str, str | int | bool] = {"env": "prod"}
    principal = REGISTRY.resolve(replace(Shown(), claims=claims))

    claims["env"] = "dev"

    assert principal.claims == {"env": "prod"}


def test_an_agents_record_is_there_whatever_its_status() -> None:
    """Operators look at those who may not act, too."""
    record = Registry(document(Status.RETIRED)).agent("bot")

    assert record is not None
    assert record.status is Status.RETIRED
    assert REGISTRY.agent("nobody") is None
    assert msgspec.structs.asdict(record)["owner"] == "o"


LOGGED = Facts(base=base_of(document())).changed(
    changes(
        put("person:ann"),
        put("agent:log-bot", identities=("https://issuer.example pod:*",), risk="low", quota=5),
        put("agent:off-bot", status="suspended"),
        put("agent:gone-bot", status="retired"),
        put("agent:globex-bot", "globex"),
    ),
    1,
)
OVER = REGISTRY.over(LOGGED)


def test_an_agent_of_the_facts_log_alone_is_registered() -> None:
    """In its tenant, by its identities; the bundle's own are as they were."""
    assert OVER.resolve(Shown(name="log-bot", subject="pod:1")).tenants == {"acme"}
    assert OVER.resolve(Shown(name="globex-bot")).tenants == {"globex"}
    assert OVER.resolve(Shown()) == REGISTRY.resolve(Shown())


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (Shown(name="log-bot"), "identity-not-allowed"),
        (Shown(name="log-bot", subject="pod:1", tenant="globex"), "unregistered"),
        (Shown(name="off-bot"), "suspended"),
        (Shown(name="gone-bot"), "unregistered"),
        (Shown(name="acme/log-bot"), "unregistered"),
        (Shown(Kind.ORCHESTRATOR, "log-bot"), "unregistered"),
        (Shown(Kind.OPERATOR, "ann"), "unregistered"),
    ],
)
def test_of_the_log_nobody_else_is_anybody(shown: Shown, reason: str) -> None:
    """The rules are those of the bundle's agents; people are no callers."""
    assert refused(shown, OVER) == reason


def test_who_is_in_no_facts_is_nobody_again() -> None:
    """A registry over other facts knows their agents and no others."""
    caller = OVER.resolve(Shown(name="log-bot", subject="pod:1"))

    with pytest.raises(AttestationError):
        OVER.over(Facts(base=LOGGED.base)).confirm(caller)


def test_a_name_that_the_bundle_registers_is_the_bundles() -> None:
    """Whatever the log says of it."""
    taken = Facts(base=base_of(document())).changed(
        changes(put("agent:bot", "globex", owner="person:eve")), 1
    )

    record = REGISTRY.over(taken).agent("bot")

    assert record is not None
    assert (record.tenant, record.owner) == ("acme", "o")


def test_an_agent_of_the_log_has_a_record_like_any_other() -> None:
    """With all that is said of it."""
    record = OVER.agent("log-bot")

    assert record is not None
    assert (record.risk, record.quota, record.status) == (Risk.LOW, 5, Status.ACTIVE)
    assert record.identities == (IdentityRecord(issuer="https://issuer.example", subject="pod:*"),)
