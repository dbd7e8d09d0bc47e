"""Tokens as the platforms make them, through the presets: a full attest with real keys."""

from functools import partial
from typing import Any

import pytest

from broker.attestation.attested import Attested
from broker.attestation.issuer_keys import IssuerKeys
from broker.attestation.keyset import parse_key_set
from broker.attestation.reasons import Reason
from broker.attestation.trusted_issuer import TrustedIssuer
from broker.errors import AttestationError
from broker.model.principal import Kind
from tests.fakes.attestation import TIMING, Watcher, attest_with
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import ScriptedSource, Signer
from tests.fakes.platforms import AWS, POD_UID, claims_of, kubernetes_with
from tests.unit.attestation.test_stanza import preset

YEAR = 31_536_000


class Platform:
    """One preset with its issuer's key, ready to attest."""

    def __init__(self, name: str, **changes: object) -> None:
        self.clock, self.signer, self.name = FakeClock(), Signer(alg="RS256"), name
        declaration = preset(name, **changes).declaration()
        assert declaration is not None
        self.issuer = declaration.issuer
        keys = IssuerKeys(
            ScriptedSource(self.signer.jwks()),
            TIMING,
            issuer="x",
            read=partial(parse_key_set, algorithms=declaration.algorithms),
            clock=self.clock,
            observer=Watcher(),
        )
        self.watcher = Watcher()
        trusted = TrustedIssuer(declaration, keys, clock=self.clock, observer=self.watcher)
        self.attestation = attest_with(trusted, clock=self.clock)

    async def attest(self, **claims: object) -> Attested:
        """Attest an honest token with some claims changed."""
        whole = claims_of(self.name, self.issuer, self.clock, **claims)
        return await self.attestation.attest(self.signer.sign(whole))

    async def reason(self, **claims: object) -> str:
        """Return the word with which such a token is refused."""
        with pytest.raises(AttestationError) as caught:
            await self.attest(**claims)
        return caught.value.reason

    def in_seconds(self, seconds: int) -> int:
        """Return an instant of the tokens."""
        return self.clock.now_ms() // 1000 + seconds


async def test_a_pod_is_who_its_service_account_is_and_which_its_uid_says() -> None:
    """The uid of the pod is the instance, and what policy may read comes along."""
    attested = await Platform("kubernetes").attest()

    assert (attested.kind, attested.name, attested.instance) == (
        Kind.AGENT,
        "invoice-bot",
        POD_UID,
    )
    assert attested.claims["/kubernetes.io/namespace"] == "payments"
    assert attested.claims["/kubernetes.io/node/name"] == "node-1"


async def test_k8_4_two_pods_of_one_account_are_two_instances() -> None:
    """Replicas share the subject and nothing else."""
    platform = Platform("kubernetes")
    one = await platform.attest()
    other = await platform.attest(**kubernetes_with(pod={"name": "b", "uid": "other-uid"}))

    assert (one.name, one.subject) == (other.name, other.subject)
    assert one.instance != other.instance


@pytest.mark.parametrize("pod", [..., {}, {"name": "x"}, {"uid": None}, None, "uid", []])
async def test_k8_1_a_token_that_is_bound_to_no_pod_is_refused(pod: object) -> None:
    """Anybody may hold it: nothing says which running copy it is."""
    assert await Platform("kubernetes").reason(**kubernetes_with(pod=pod)) == Reason.NO_INSTANCE


@pytest.mark.parametrize(
    "audience",
    [
        ["https://kubernetes.default.svc"],
        "https://kubernetes.default.svc.cluster.local",
        ["https://broker.example", "https://kubernetes.default.svc"],
        ["https://k8s.example"],
    ],
)
async def test_k8_2_a_token_for_the_api_server_is_refused(audience: object) -> None:
    """Also when it is for us besides: whoever we are, we could act at the API server."""
    assert await Platform("kubernetes").reason(aud=audience) == Reason.AUDIENCE


async def test_k8_5_a_token_of_a_year_is_refused() -> None:
    """As the API server extends the default mounted ones to."""
    platform = Platform("kubernetes")
    assert await platform.reason(exp=platform.in_seconds(YEAR)) == Reason.LIFETIME
    assert await platform.attest(exp=platform.in_seconds(86_400))
    assert await platform.reason(exp=platform.in_seconds(86_401)) == Reason.LIFETIME


async def test_k8_5_the_bound_of_life_can_be_drawn_in() -> None:
    """To what the pods' specifications ask for."""
    platform = Platform("kubernetes", max_lifetime_seconds=3600)
    assert await platform.attest(exp=platform.in_seconds(3600))
    assert await platform.reason(exp=platform.in_seconds(3601)) == Reason.LIFETIME


async def test_a_legacy_token_without_an_end_is_refused() -> None:
    """Those in Secrets carry no expiry: they are standing secrets."""
    assert await Platform("kubernetes").reason(exp=...) == Reason.NO_EXPIRY


async def test_another_namespace_is_refused() -> None:
    """Its accounts have the same names."""
    claims = kubernetes_with(namespace="evil")
    assert await Platform("kubernetes").reason(**claims) == Reason.CLAIM_MISMATCH


@pytest.mark.parametrize(
    "sub",
    [
        "repo:acme/billing:ref:refs/heads/main",
        "repo:acme@42/billing@700123:ref:refs/heads/main",
        "repo:acme/billing:environment:production",
        "repository_id:700123:ref:refs/heads/main",
    ],
)
async def test_gh_1_every_form_of_the_subject_is_the_same_repository(sub: str) -> None:
    """Ids decide, so the old form, the immutable one and customised ones are all alike."""
    attested = await Platform("github-actions").attest(sub=sub)

    assert (attested.name, attested.subject) == ("invoice-bot", sub)
    assert attested.instance == "700123/9001/1/31001"


async def test_gh_2_the_same_name_with_another_id_is_another_repository() -> None:
    """A name can be registered again after a rename; an id cannot."""
    claims = {"sub": "repo:acme@43/billing@700124:ref:refs/heads/main", "repository_id": "700124"}
    assert await Platform("github-actions").reason(**claims) == Reason.CLAIM_MISMATCH


async def test_gh_2_an_owner_can_be_pinned_by_its_id() -> None:
    """Then repositories are registered by theirs, and other owners' are refused."""
    platform = Platform(
        "github-actions", claims={"verified": {"repository_owner_id": "42"}}, map={}
    )
    assert (await platform.attest()).name == "700123"
    assert await platform.reason(repository_owner_id="43") == Reason.CLAIM_MISMATCH


async def test_gh_3_siblings_of_a_matrix_are_told_apart() -> None:
    """They share run and attempt; the job's check run is their own."""
    platform = Platform("github-actions")
    one, other = await platform.attest(), await platform.attest(check_run_id="31002")
    again = await platform.attest(run_attempt="2")

    assert len({one.instance, other.instance, again.instance}) == 3


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "issue_comment", ""])
async def test_gh_4_what_anybody_can_start_is_refused(event: str) -> None:
    """Who opens a pull request decides what runs in it."""
    assert await Platform("github-actions").reason(event_name=event) == Reason.CLAIM_MISMATCH


@pytest.mark.parametrize("claim", ["run_id", "run_attempt", "check_run_id", "repository_id"])
async def test_a_run_that_is_not_named_whole_is_refused(claim: str) -> None:
    """Without one of them two jobs could look alike."""
    assert await Platform("github-actions").reason(**{claim: ...}) == Reason.NO_INSTANCE


async def test_an_enterprise_has_an_issuer_of_its_own() -> None:
    """Its tokens are accepted from it, and the public issuer's are not."""
    own = "https://token.actions.githubusercontent.com/acme-inc"
    platform = Platform("github-actions", issuer=own)

    assert (await platform.attest()).issuer == own
    public = "https://token.actions.githubusercontent.com"
    assert await platform.reason(iss=public) == Reason.UNTRUSTED_ISSUER


async def test_a_google_machine_is_its_account_and_its_instance() -> None:
    """The unique id of the account, and the id of the machine."""
    attested = await Platform("google", **MAPPED).attest()

    assert (attested.name, attested.instance) == ("invoice-bot", "4152438463275543")


MAPPED: dict[str, Any] = {
    "map": {"name": {"claim": "sub", "values": {"108200000000000000001": "invoice-bot"}}}
}


async def test_a_google_function_has_only_its_account() -> None:
    """Two copies look alike, which `config check` warns of; nobody's machine is imitated."""
    attested = await Platform("google", **MAPPED).attest(google=...)
    assert attested.instance == "sub:108200000000000000001"


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "108200000000000000002"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": 1},
        {"google": {"compute_engine": {"instance_id": ["4152438463275543"]}}},
    ],
)
async def test_other_google_accounts_are_refused(claims: dict[str, object]) -> None:
    """Half the world has one."""
    reasons = {Reason.CLAIM_MISMATCH, Reason.CLAIM_MALFORMED}
    assert await Platform("google", **MAPPED).reason(**claims) in reasons


async def test_an_aws_role_on_a_machine_is_the_role_and_the_machine() -> None:
    """Names with slashes and colons are pointed to, and come through whole."""
    attested = await Platform("aws").attest()

    assert attested.name == "invoice-bot"
    assert attested.instance == "arn:aws:ec2:eu-west-1:123456789012:instance/i-0abc"


async def test_an_aws_role_without_a_machine_stands_for_itself() -> None:
    """As for a function: all copies look alike."""
    attested = await Platform("aws").attest(**{AWS: {"aws_account": "123456789012"}})
    assert attested.instance == "sub:arn:aws:iam::123456789012:role/invoice-bot"


@pytest.mark.parametrize(
    "sub",
    [
        "arn:aws:iam::123456789012:user/invoice-bot",
        "arn:aws:iam::999999999999:role/invoice-bot",
        "arn:aws:iam::123456789012:role-evil/invoice-bot",
    ],
)
async def test_b25_other_aws_principals_are_refused(sub: str) -> None:
    """A prefix ends with a delimiter, so no sibling begins with it."""
    assert await Platform("aws").reason(sub=sub) == Reason.CLAIM_MISMATCH


@pytest.mark.parametrize("name", ["kubernetes", "github-actions", "google", "aws"])
async def test_every_claim_that_a_platform_makes_is_declared(name: str) -> None:
    """Nothing of an honest token is reported as unknown."""
    platform = Platform(name, **(MAPPED if name == "google" else {}))
    await platform.attest()
    assert platform.watcher.unknown == []
