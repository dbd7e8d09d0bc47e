"""What every verifier promises, however it learns of revocations: feed, introspection, offline."""

from collections.abc import AsyncIterator

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.client.deny import CutDenial, Denial, IdDenial
from broker.client.endpoint import Endpoint, open_session
from broker.client.errors import (
    CannotVerifyError,
    KeysUnavailableError,
    ScopeMissingError,
    TaskMismatchError,
    TokenExpiredError,
    TokenMalformedError,
    TokenRevokedError,
    TokenUntrustedError,
    VerificationError,
)
from broker.client.introspection import Introspection
from broker.client.keys import VerificationKey
from broker.client.liveness import OfflineLiveness
from broker.client.transport import Transport
from broker.client.verifier import MAX_LEEWAY_MS, MAX_SKEW_MS, Verifier
from tests.fakes import broker_server
from tests.fakes import token_mint as mint
from tests.fakes.broker_server import BrokerServer
from tests.fakes.clock import FakeClock
from tests.fakes.knowing import Subject, by_feed, by_introspection, verifier_of
from tests.fakes.rows import named

EXP_MS = (mint.NOW_MS // 1000 + 300) * 1000
LATER = EXP_MS // 1000 + 60


@pytest.fixture
def clock() -> FakeClock:
    """Return clocks at the time of the tokens."""
    return FakeClock(now_ms=mint.NOW_MS)


@pytest.fixture(params=["feed", "introspect", "offline"])
async def subject(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[Subject]:
    """Return each way of knowing in turn."""
    if request.param == "offline":
        yield Subject("offline", OfflineLiveness(), None, None)
    elif request.param == "feed":
        yield by_feed(clock)
    else:
        async with broker_server.running(BrokerServer()) as broker, open_session() as session:

            async def token() -> str:
                return "workload"

            transport = Transport(Endpoint(broker.url, token, session), timeout_seconds=2)
            yield by_introspection(broker, Introspection(transport, clock))


@pytest.fixture
def verifier(subject: Subject, clock: FakeClock) -> Verifier:
    """Return a verifier without leeway."""
    return verifier_of(subject, clock)


@pytest.mark.parametrize("kid", [mint.ED_KID, mint.EC_KID])
async def test_a_good_token_is_verified(verifier: Verifier, kid: str) -> None:
    """Signed by either kind of key."""
    token = await verifier.verify(mint.token(kid=kid))

    assert (token.agent, token.task, token.jti) == ("helper", mint.CHILD, mint.LEASE)


@pytest.mark.parametrize("scopes", [(), ["orders:read"], {"orders:read", "orders:write"}])
async def test_granted_scopes_are_enough(verifier: Verifier, scopes: tuple[str, ...]) -> None:
    """All that is asked for has been granted, whatever collection asks."""
    await verifier.verify(mint.token(), scopes=scopes)


@pytest.mark.parametrize(
    "scopes", [["orders:admin"], ["orders:read", "orders:admin"], ["orders"], [""], ["ORDERS:READ"]]
)
async def test_one_missing_scope_is_too_few(verifier: Verifier, scopes: list[str]) -> None:
    """Scopes are whole words; the error names what was needed."""
    with pytest.raises(ScopeMissingError) as caught:
        await verifier.verify(mint.token(), scopes=scopes)

    assert caught.value.scopes == set(scopes)


async def test_one_text_is_no_collection_of_scopes(verifier: Verifier) -> None:
    """A slip in the caller's code must not demand single letters."""
    with pytest.raises(TypeError):
        await verifier.verify(mint.token(), scopes="orders:read")


@pytest.mark.parametrize(("task", "is_it"), [(mint.CHILD, True), (mint.ROOT, False), ("", False)])
async def test_a_token_belongs_to_one_task(verifier: Verifier, task: str, *, is_it: bool) -> None:
    """A resource of one task is closed to its parent and to nobody's task."""
    if is_it:
        await verifier.verify(mint.token(), task=task)
    else:
        with pytest.raises(TaskMismatchError):
            await verifier.verify(mint.token(), task=task)


@pytest.mark.parametrize("leeway_ms", [0, 1, MAX_LEEWAY_MS])
@pytest.mark.parametrize("offset_ms", [-1, 0, 1])
async def test_a_token_dies_at_its_exp(
    subject: Subject, clock: FakeClock, leeway_ms: int, offset_ms: int
) -> None:
    """A millisecond before exp (and the leeway) it lives; at that instant it is dead."""
    verifier = verifier_of(subject, clock, leeway_ms=leeway_ms)
    clock.advance(EXP_MS + leeway_ms + offset_ms - clock.now_ms())

    if offset_ms < 0:
        await verifier.verify(mint.token())
    else:
        with pytest.raises(TokenExpiredError):
            await verifier.verify(mint.token())


@pytest.mark.parametrize(("offset_ms", "is_good"), [(-1, True), (0, True), (1, False)])
async def test_a_token_of_the_far_future_is_refused(
    verifier: Verifier, clock: FakeClock, offset_ms: int, *, is_good: bool
) -> None:
    """A little skew is forgiven, at most the bound."""
    issued_ms = clock.now_ms() + MAX_SKEW_MS + offset_ms
    text = mint.token(iat_ms=issued_ms, iat=issued_ms // 1000)

    if is_good:
        await verifier.verify(text)
    else:
        with pytest.raises(TokenUntrustedError):
            await verifier.verify(text)


@pytest.mark.parametrize("leeway_ms", [-1, MAX_LEEWAY_MS + 1])
async def test_a_leeway_is_small(subject: Subject, clock: FakeClock, leeway_ms: int) -> None:
    """It would prolong every token."""
    with pytest.raises(ValueError, match="leeway_ms"):
        verifier_of(subject, clock, leeway_ms=leeway_ms)


@pytest.mark.parametrize(("issuer", "audience"), [("", "a"), ("i", "")])
async def test_what_is_trusted_must_be_named(clock: FakeClock, issuer: str, audience: str) -> None:
    """An empty setting must not match an empty claim."""
    with pytest.raises(ValueError, match="issuer and audience"):
        Verifier(
            issuer,
            audience,
            keys=mint.fixed_keys(),
            liveness=OfflineLiveness(),
            clock=clock,
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://broker.example/"},
        {"iss": "https://broker"},
        {"iss": "https://broker.example.evil"},
        {"iss": "HTTPS://BROKER.EXAMPLE"},
        {"iss": ""},
        {"iss": ...},
        {"iss": [mint.ISSUER]},
        {"aud": "https://orders.example/"},
        {"aud": "https://billing.example"},
        {"aud": [mint.AUDIENCE]},
        {"aud": [mint.AUDIENCE, "https://billing.example"]},
        {"aud": {mint.AUDIENCE: 1}},
        {"aud": ""},
        {"aud": []},
        {"aud": ...},
    ],
)
async def test_issuer_and_audience_are_exactly_ours(
    verifier: Verifier, changes: dict[str, object]
) -> None:
    """No prefix, no case folding, no list: byte for byte."""
    with pytest.raises(TokenUntrustedError):
        await verifier.verify(mint.token(**changes))


def _header(**changes: object) -> dict[str, object]:
    return {"alg": "EdDSA", "kid": mint.ED_KID, "typ": "at+jwt", **changes}


@pytest.mark.parametrize(
    "header",
    [
        _header(alg="none"),
        _header(alg="None"),
        _header(alg=""),
        _header(alg="HS256"),
        _header(alg="RS256"),
        _header(alg="ES256"),
        _header(alg="Ed25519"),
        _header(alg="eddsa"),
        _header(kid=mint.EC_KID),
        _header(alg="ES256", kid=mint.EC_KID),
        _header(kid="unknown"),
        _header(kid="../ed-1"),
    ],
)
async def test_algorithm_and_key_belong_together(
    verifier: Verifier, header: dict[str, object]
) -> None:
    """The key decides the algorithm; a header cannot choose another, nor another key."""
    text = mint.sign(mint.encode(mint.claims()), kid=mint.ED_KID, header=header)

    with pytest.raises(TokenUntrustedError):
        await verifier.verify(text)


def _public_key_spellings() -> list[bytes]:
    public = mint.ed25519_key().public_key()
    form = serialization.PublicFormat
    encoding = serialization.Encoding
    pem = public.public_bytes(encoding.PEM, form.SubjectPublicKeyInfo)
    return [
        pem,
        pem.strip(),
        b"\xef\xbb\xbf" + pem,
        public.public_bytes(encoding.DER, form.SubjectPublicKeyInfo),
        public.public_bytes(encoding.OpenSSH, form.OpenSSH),
        public.public_bytes(encoding.Raw, form.Raw),
        mint.encode(mint.key_set()["keys"][0]),
        mint.encode(mint.key_set()),
        b"\0",
    ]


@pytest.mark.parametrize("secret", named(_public_key_spellings()))
@pytest.mark.parametrize("alg", ["HS256", "EdDSA"])
async def test_a_public_key_is_no_hmac_secret(verifier: Verifier, alg: str, secret: bytes) -> None:
    """Everybody knows the public key, in whatever spelling."""
    head = mint.segment(mint.encode(_header(alg=alg)))
    signing_input = f"{head}.{mint.segment(mint.encode(mint.claims()))}"
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(signing_input.encode())

    with pytest.raises(TokenUntrustedError):
        await verifier.verify(f"{signing_input}.{mint.segment(mac.finalize())}")


async def test_another_keys_signature_is_refused(verifier: Verifier) -> None:
    """Under our key's name, by a key of the same kind."""
    forged = jwt.encode(
        mint.claims(),
        Ed25519PrivateKey.generate(),
        algorithm="EdDSA",
        headers={"kid": mint.ED_KID, "typ": "at+jwt"},
    )

    with pytest.raises(TokenUntrustedError):
        await verifier.verify(forged)


async def test_every_changed_character_is_refused(verifier: Verifier) -> None:
    """Whichever character of a good token is another one, it is no good token."""
    good = mint.token()
    for position in range(0, len(good), 7):
        other = "A" if good[position] != "A" else "B"
        with pytest.raises(VerificationError):
            await verifier.verify(good[:position] + other + good[position + 1 :])


@pytest.mark.parametrize(
    "name", sorted(name for name in mint.claims() if name not in ("iss", "aud"))
)
async def test_a_signed_token_with_a_claim_missing_is_refused(
    verifier: Verifier, name: str
) -> None:
    """Even the broker's own signature does not make up for it."""
    with pytest.raises(TokenMalformedError):
        await verifier.verify(mint.token(**{name: ...}))


async def test_a_token_that_verifies_elsewhere_and_here_is_read_alike(verifier: Verifier) -> None:
    """PyJWT agrees on what a good token says."""
    text = mint.token()

    token = await verifier.verify(text)
    public = mint.ed25519_key().public_key()
    other = jwt.decode(
        text,
        public,
        algorithms=["EdDSA"],
        options={
            "verify_signature": True,
            "verify_exp": False,
            "verify_iat": False,
            "verify_aud": False,
        },
    )

    assert (other["jti"], other["exp"] * 1000) == (token.jti, token.expires_at_ms)


@pytest.mark.parametrize(
    "denial",
    [
        IdDenial(mint.LEASE, LATER),
        IdDenial(mint.CHILD, LATER),
        IdDenial(mint.ROOT, LATER),
        CutDenial("all", "", "", mint.NOW_MS, LATER),
        CutDenial("agent", "helper", "acme", mint.NOW_MS, LATER),
    ],
)
async def test_a_revoked_token_is_refused(
    subject: Subject, clock: FakeClock, denial: Denial
) -> None:
    """As soon as the way of knowing knows; offline it is not known, which the broker reports."""
    verifier = verifier_of(subject, clock)
    await verifier.verify(mint.token())
    if subject.deny is None:
        clock.advance(EXP_MS - 1 - clock.now_ms())
        await verifier.verify(mint.token())
        return

    subject.deny(denial)

    with pytest.raises(TokenRevokedError):
        await verifier.verify(mint.token())


async def test_without_the_broker_nothing_is_let_in(subject: Subject, clock: FakeClock) -> None:
    """Not knowing is refused with an error that says whose failure it is (I5)."""
    verifier = verifier_of(subject, clock)
    await verifier.verify(mint.token())
    if subject.lose_broker is None:
        return

    subject.lose_broker(clock)
    exp = clock.now_ms() // 1000 + 60

    with pytest.raises(CannotVerifyError):
        await verifier.verify(mint.token(exp=exp))


async def test_a_dead_signature_never_reaches_the_broker(clock: FakeClock) -> None:
    """Strangers cannot make a resource server ask questions."""
    async with broker_server.running(BrokerServer()) as broker, open_session() as session:

        async def token() -> str:
            return "workload"

        transport = Transport(Endpoint(broker.url, token, session), timeout_seconds=2)
        verifier = verifier_of(by_introspection(broker, Introspection(transport, clock)), clock)
        for text in ["x", mint.token(aud="other"), mint.token()[:-4] + "AAAA"]:
            with pytest.raises(VerificationError):
                await verifier.verify(text)

    assert broker.seen == []


async def test_unavailable_keys_are_an_error_of_their_own(
    subject: Subject, clock: FakeClock
) -> None:
    """The token may be good; this server cannot tell."""

    class NoKeys:
        async def find(self, kid: str) -> VerificationKey | None:
            raise KeysUnavailableError(kid)

    verifier = Verifier(
        mint.ISSUER, mint.AUDIENCE, keys=NoKeys(), liveness=subject.liveness, clock=clock
    )

    with pytest.raises(KeysUnavailableError):
        await verifier.verify(mint.token())
