"""Part B of the dangers, on who vouches for whom: several issuers, each with real keys."""

import itertools

import pytest

from broker.attestation.reasons import Reason
from broker.errors import AttestationError
from tests.fakes.attestation import attest_with, honest_claims, trust
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import EC_256, EC_256_OTHER, ScriptedSource, Signer, encode

ISSUERS = {
    "a": ("https://a.example", Signer(key=EC_256)),
    "b": ("https://b.example", Signer(key=EC_256_OTHER)),
}


class World:
    """Two trusted issuers whose keys bear the same name."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sources = {
            name: ScriptedSource(signer.jwks()) for name, (_, signer) in ISSUERS.items()
        }
        self.attestation = attest_with(
            *(
                trust(self.sources[name], self.clock, name=name, issuer=url)
                for name, (url, _) in ISSUERS.items()
            ),
            clock=self.clock,
        )

    def token(self, claimed: str, signed_by: str, **claims: object) -> str:
        """Sign with one issuer's key a token that claims to be another's."""
        url = ISSUERS[claimed][0] if claimed in ISSUERS else claimed
        return ISSUERS[signed_by][1].sign(honest_claims(self.clock, iss=url, **claims))

    async def reason_of(self, token: str) -> str:
        """Return the word with which a token is refused."""
        with pytest.raises(AttestationError) as caught:
            await self.attestation.attest(token)
        return caught.value.reason


@pytest.mark.parametrize(("claimed", "signed_by"), list(itertools.product("ab", "ab")))
async def test_b11_only_the_diagonal_is_accepted(claimed: str, signed_by: str) -> None:
    """B11: Storm-0558, CVE-2024-53861; one issuer's key never speaks for the other."""
    world = World()
    token = world.token(claimed, signed_by)
    if claimed == signed_by:
        assert (await world.attestation.attest(token)).issuer == ISSUERS[claimed][0]
    else:
        assert await world.reason_of(token) == Reason.SIGNATURE


@pytest.mark.parametrize(
    "issuer",
    [
        *["https://a.example/", "https://A.example", "HTTPS://a.example", "https://a.example:443"],
        *["https://a.exampl", "https://a.example.evil.example", "https://evil.example/a.example"],
        *["https://a.example\0", " https://a.example", "a.example", "https://a.example#", ""],
        *["https://\u0430.example", "https://a%2eexample", "https://x@a.example", "*"],
    ],
)
async def test_b11_an_issuer_is_compared_letter_by_letter(issuer: str) -> None:
    """B11: CVE-2024-53861 (a part of the issuer matched); nothing is folded or resolved."""
    world = World()
    assert await world.reason_of(world.token(issuer, "a")) == Reason.UNTRUSTED_ISSUER


@pytest.mark.parametrize("issuer", [None, 0, True, [], ["https://a.example"], {"a": 1}, ...])
async def test_b11_an_issuer_is_a_text(issuer: object) -> None:
    """B11, B17: of another type, or missing, it is nobody's."""
    world = World()
    token = ISSUERS["a"][1].sign(honest_claims(world.clock, iss=issuer))
    assert await world.reason_of(token) == Reason.UNTRUSTED_ISSUER


async def test_b28_an_unknown_issuer_makes_nobody_look_anywhere() -> None:
    """B28, C8: no unauthenticated token causes a fetch, nor a look for keys."""
    world = World()
    for number in range(50):
        await world.reason_of(world.token(f"https://{number}.example", "a"))
    assert all(source.fetches == 0 for source in world.sources.values())


async def test_b11_a_key_of_one_issuer_in_the_other_set_costs_only_itself() -> None:
    """B11: an issuer that publishes foreign keys vouches with them for itself alone."""
    world = World()
    world.sources["b"].document = encode({"keys": ISSUERS["a"][1].members})

    assert (await world.attestation.attest(world.token("b", "a"))).issuer == "https://b.example"
    assert (await world.attestation.attest(world.token("a", "a"))).issuer == "https://a.example"
    assert await world.reason_of(world.token("a", "b")) == Reason.SIGNATURE


async def test_b11_what_is_remembered_of_one_issuer_serves_no_other() -> None:
    """A15, A18: a remembered proof belongs to the whole token and its issuer."""
    world = World()
    honest = world.token("a", "a")
    await world.attestation.attest(honest)
    head, _, signature = honest.split(".")
    other = world.token("b", "b").split(".")[1]
    assert await world.reason_of(f"{head}.{other}.{signature}") == Reason.SIGNATURE
    world.sources["a"].document = encode({"keys": []})
    world.clock.advance(10_000)
    world.attestation.tick()
    assert (await world.attestation.attest(world.token("b", "b"))).issuer == "https://b.example"


async def test_b7_unknown_kids_cause_one_look_per_cool_down() -> None:
    """B7: GHSA-fhv5, GHSA-2gx3; however many come, known keys go on at once."""
    world = World()
    await world.attestation.attest(world.token("a", "a"))
    for number in range(500):
        signer = Signer(kid=f"x{number}", key=EC_256)
        token = signer.sign(honest_claims(world.clock, iss="https://a.example"))
        assert await world.reason_of(token) == Reason.UNKNOWN_KEY
    assert world.sources["a"].fetches == 1
    assert await world.attestation.attest(world.token("a", "a", jti="j-2"))
