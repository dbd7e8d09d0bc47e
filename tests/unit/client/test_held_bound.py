"""How a held credential shows itself when it is bound to the agent's key (RFC 9449 §7.1)."""

import pytest

from broker.client.errors import KeyNeededError
from broker.client.held import Asked, HeldCredential
from broker.client.results import IssuedCredential
from broker.proof.dpop import ProofChecker, Target
from broker.proof.dpop_key import DpopKey
from broker.proof.replays import MemoryReplays
from tests.fakes.clock import FakeClock
from tests.fakes.delivered import issued

URL = "https://orders.example/orders"


async def never(*, idempotency_key: str) -> IssuedCredential:
    """Renew nothing."""
    pytest.fail(f"nothing is due yet ({idempotency_key})")


def hold(clock: FakeClock, token_type: str, key: DpopKey | None = None) -> HeldCredential:
    """Return a credential that was just got."""
    first = issued(token_type=token_type)
    return HeldCredential(first, Asked.now(clock), never, clock=clock, key=key)


@pytest.mark.parametrize("token_type", ["DPoP", "dpop"])
async def test_a_bound_credential_is_shown_with_a_proof_for_the_request(token_type: str) -> None:
    """Made anew each time, by the client's key, and naming the token."""
    clock = FakeClock()
    key = DpopKey.generate(clock)
    held = hold(clock, token_type, key)
    checker = ProofChecker(clock, MemoryReplays(clock))

    for _ in range(2):
        headers = await held.headers("GET", URL + "?page=2")
        assert headers["Authorization"] == "DPoP token-1"
        target = Target("GET", URL)
        shown = await checker.check(headers["DPoP"], target, token="token-1")
        assert shown.thumbprint == key.thumbprint


async def test_an_unbound_credential_is_a_bearer_token_also_with_a_key() -> None:
    """The broker says which it is; a proof would be refused."""
    clock = FakeClock()
    held = hold(clock, "Bearer", DpopKey.generate(clock))

    headers = await held.headers("GET", URL)

    assert headers == await held.authorization() == {"Authorization": "Bearer token-1"}


async def test_a_bound_credential_has_no_header_that_is_enough() -> None:
    """Rather than one that resource servers refuse."""
    clock = FakeClock()

    with pytest.raises(KeyNeededError) as refused:
        await hold(clock, "DPoP", DpopKey.generate(clock)).authorization()

    assert "headers(method, url)" in refused.value.remedy


async def test_without_the_key_a_bound_credential_cannot_be_shown() -> None:
    """Such as one that another part of the program asked for."""
    with pytest.raises(KeyNeededError):
        await hold(FakeClock(), "DPoP").headers("GET", URL)
