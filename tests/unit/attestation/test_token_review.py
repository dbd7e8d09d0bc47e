"""Asking a real HTTP server, which answers as an API server does, or lies."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from broker.attestation.assembly import build_attestation
from broker.attestation.attestation import Attestation
from broker.attestation.declared_review import TokenReviewDeclaration
from broker.attestation.reasons import Reason
from broker.attestation.settings import AttestationSettings
from broker.attestation.url_reader import open_key_session
from broker.errors import AttestationError, KeySetUnavailableError
from tests.fakes.api_server import ApiServer
from tests.fakes.attestation import Watcher
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import Signer
from tests.fakes.platforms import AUDIENCE, POD_UID, SA_UID, claims_of
from tests.unit.attestation.test_stanza import preset

ISSUER = "https://k8s.example"
USER: dict[str, Any] = {
    "username": "system:serviceaccount:payments:invoice-bot",
    "uid": SA_UID,
    "groups": ["system:serviceaccounts"],
    "extra": {
        "authentication.kubernetes.io/pod-uid": [POD_UID],
        "authentication.kubernetes.io/pod-name": ["invoice-bot-7c9d-x2x4p"],
    },
}
STATUS: dict[str, Any] = {"authenticated": True, "audiences": [AUDIENCE], "user": USER}


class Cluster:
    """An attestation whose tokens are reviewed by a server in the test's hand."""

    def __init__(
        self, folder: Path, session: ClientSession, server: ApiServer, timeout_s: int
    ) -> None:
        self.clock, self.signer, self.server = FakeClock(), Signer(), server
        self.own_token = folder / "own-token"
        self.own_token.write_text("own-1")
        keys = folder / "keys.json"
        keys.write_bytes(self.signer.jwks())
        stanza = preset(
            "kubernetes",
            keys={"file": str(keys)},
            token_review={
                "url": server.url,
                "token_file": str(self.own_token),
                "timeout_seconds": timeout_s,
            },
        )
        settings = AttestationSettings((stanza,))
        assert not list(settings.faults())
        self.attestation: Attestation = build_attestation(
            settings, session, clock=self.clock, observer=Watcher()
        )
        self._number = 0

    def token(self) -> str:
        """Sign another honest token of the same pod."""
        self._number += 1
        claims = claims_of("kubernetes", ISSUER, self.clock, jti=f"j-{self._number}")
        return self.signer.sign(claims)

    async def refusal(self) -> AttestationError:
        """Return what an honest token is refused with."""
        with pytest.raises(AttestationError) as caught:
            await self.attestation.attest(self.token())
        return caught.value


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    """Run an API server that says yes."""
    fake = ApiServer(STATUS)
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def cluster(
    request: pytest.FixtureRequest, tmp_path: Path, server: ApiServer
) -> AsyncIterator[Cluster]:
    """Trust a cluster whose API server is asked; a server that hangs is not waited for long."""
    parameters = getattr(request.node, "callspec", None)
    hangs = parameters is not None and parameters.params.get("mood") == "hang"
    async with open_key_session() as session:
        yield Cluster(tmp_path, session, server, 1 if hangs else 30)


async def test_the_api_server_is_asked_about_the_token_and_our_audience(cluster: Cluster) -> None:
    """With the broker's own token, which is read anew each time."""
    token = cluster.token()
    assert (await cluster.attestation.attest(token)).instance == POD_UID
    cluster.own_token.write_text("own-2\n")
    await cluster.attestation.attest(cluster.token())

    assert cluster.server.asked[0]["spec"] == {"token": token, "audiences": [AUDIENCE]}
    assert cluster.server.shown == ["Bearer own-1", "Bearer own-2"]


async def test_k8_3_a_deleted_pod_is_noticed_within_seconds(cluster: Cluster) -> None:
    """A yes is remembered for ten seconds, then asked for again."""
    token = cluster.token()
    await cluster.attestation.attest(token)
    cluster.server.status = {"authenticated": False, "error": "pod gone"}

    cluster.clock.advance(9_999)
    await cluster.attestation.attest(token)
    assert len(cluster.server.asked) == 1
    cluster.clock.advance(1)

    with pytest.raises(AttestationError) as caught:
        await cluster.attestation.attest(token)
    assert caught.value.reason == Reason.REVIEW_REFUSED


REFUSED: dict[str, dict[str, Any]] = {
    "no": {"authenticated": False},
    "truthy": {"authenticated": "true"},
    "one": {"authenticated": 1},
    "silent": {"authenticated": ...},
    "no audiences": {"audiences": ...},
    "none": {"audiences": []},
    "another audience": {"audiences": ["https://kubernetes.default.svc"]},
    "audience as text": {"audiences": AUDIENCE},
    "another account": {"user": {**USER, "username": "system:serviceaccount:payments:other"}},
    "an account made anew": {"user": {**USER, "uid": "other"}},
    "another pod": {"user": {**USER, "extra": {"authentication.kubernetes.io/pod-uid": ["other"]}}},
    "two pods": {
        "user": {**USER, "extra": {"authentication.kubernetes.io/pod-uid": [POD_UID, "other"]}}
    },
    "no pod": {"user": {**USER, "extra": {}}},
    "nobody": {"user": ...},
    "user as text": {"user": "system:serviceaccount:payments:invoice-bot"},
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
async def test_anything_but_a_clear_yes_about_this_bearer_is_a_no(
    cluster: Cluster, change: dict[str, Any]
) -> None:
    """The answer has to name our audience, this account and this pod."""
    whole = {**STATUS, **change}
    cluster.server.status = {name: part for name, part in whole.items() if part is not ...}

    assert (await cluster.refusal()).reason == Reason.REVIEW_REFUSED


@pytest.mark.parametrize(
    "mood", ["error", "forbidden", "garbage", "twice", "other", "giant", "redirect", "hang"]
)
async def test_an_api_server_that_fails_or_lies_opens_nothing(cluster: Cluster, mood: str) -> None:
    """No answer is no yes; that it is nobody's fault but the server's shows in the error."""
    cluster.server.mood = mood

    error = await cluster.refusal()

    assert isinstance(error, KeySetUnavailableError)
    assert error.reason == Reason.REVIEW_UNAVAILABLE


async def test_an_api_server_that_failed_is_left_alone_for_a_second(cluster: Cluster) -> None:
    """A storm of tokens during an outage asks once; afterwards all goes on by itself."""
    cluster.server.mood = "error"
    for _ in range(5):
        await cluster.refusal()
    assert len(cluster.server.asked) == 1

    cluster.server.mood = "good"
    cluster.clock.advance(1_000)

    assert await cluster.attestation.attest(cluster.token())


async def test_a_missing_own_token_is_an_outage(cluster: Cluster) -> None:
    """Nothing is asked without it."""
    cluster.own_token.unlink()

    assert (await cluster.refusal()).reason == Reason.REVIEW_UNAVAILABLE
    assert cluster.server.asked == []


async def test_a_token_that_is_bad_by_itself_is_shown_to_nobody(cluster: Cluster) -> None:
    """The review comes last: unauthenticated callers cannot make us ask."""
    forged = Signer(kid="k1", alg="ES384").sign(
        claims_of("kubernetes", ISSUER, cluster.clock), alg="ES256"
    )
    expired = cluster.signer.sign(
        claims_of("kubernetes", ISSUER, cluster.clock, exp=1_000_000_100, iat=1_000_000_000)
    )
    for token in (forged, expired):
        with pytest.raises(AttestationError):
            await cluster.attestation.attest(token)

    assert cluster.server.asked == []


@pytest.mark.parametrize("mood", ["hang"])
async def test_a_hanging_api_server_is_not_asked_by_everybody_at_once(
    cluster: Cluster, mood: str
) -> None:
    """Sixteen wait for it, the others for them, and all within the same bound."""
    cluster.server.mood = mood
    callers = [asyncio.create_task(cluster.refusal()) for _ in range(40)]

    errors = await asyncio.gather(*callers)

    assert 1 <= len(cluster.server.asked) <= 16
    assert {error.reason for error in errors} == {Reason.REVIEW_UNAVAILABLE}


@pytest.mark.parametrize(
    ("member", "value"),
    [("url", "http://10.0.0.1/"), ("url", ""), ("timeout_seconds", 0), ("timeout_seconds", 31)],
)
def test_a_review_that_cannot_be_is_a_fault(member: str, value: Any) -> None:
    """Tokens are never sent without TLS, and nobody waits for ever."""
    whole: dict[str, Any] = {"url": "https://k8s.example:6443", "token_file": Path("/t")}

    faults = TokenReviewDeclaration(**{**whole, member: value}).faults()

    assert [fault.path for fault in faults] == [(member,)]
    assert list(TokenReviewDeclaration(**whole).faults()) == []
