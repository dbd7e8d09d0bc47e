"""The client's calls to a broker that wants nonces: once more, and never for ever (RFC 9449 §8)."""

from collections.abc import AsyncIterator
from itertools import count

import jwt
import pytest
from aiohttp import web

from broker.client.api_errors import NonceWantedError, ProofRejectedError
from broker.client.backoff import Backoff
from broker.client.endpoint import Endpoint, open_session
from broker.client.transport import Call, Transport
from broker.proof.dpop_key import DpopKey
from broker.proof.nonces import NONCE_HEADER
from tests.fakes import broker_server
from tests.fakes.broker_server import BrokerServer, Seen

ROUTE = "POST /v1/x"
CALL = Call("POST", ("v1", "x"), json={}, proves_key=True)
WANTED = {"type": "https://jit-broker.example/problems/use-dpop-nonce", "status": 400}


@pytest.fixture
async def broker() -> AsyncIterator[BrokerServer]:
    """Return a running broker."""
    async with broker_server.running(BrokerServer()) as server:
        yield server


@pytest.fixture
async def transport(broker: BrokerServer) -> AsyncIterator[Transport]:
    """Return a transport with a key."""

    async def token() -> str:
        return "workload"

    async with open_session() as session:
        endpoint = Endpoint(broker.url, token, session, key=DpopKey.generate())
        yield Transport(endpoint, new_backoff=lambda: Backoff(first_seconds=0))


def refuse(broker: BrokerServer, nonce: str, body: object = WANTED, status: int = 400) -> None:
    """Lay a refusal ready that brings a nonce."""
    broker.answer(ROUTE, body, status=status, headers={NONCE_HEADER: nonce})


def nonces(broker: BrokerServer) -> list[object]:
    """Return the nonce of each proof that came."""
    proofs = [seen.headers["DPoP"] for seen in broker.requests(ROUTE)]
    claims = [jwt.decode(proof, options={"verify_signature": False}) for proof in proofs]
    assert len({each["jti"] for each in claims}) == len(claims)
    return [each.get("nonce") for each in claims]


async def test_a_refused_call_is_sent_once_more_with_the_nonce(
    broker: BrokerServer, transport: Transport
) -> None:
    """Also one that is not repeatable: nothing was done; and the next one has it at once."""
    refuse(broker, "n-1")
    broker.answer(ROUTE, {})

    await transport.done(CALL)
    await transport.done(CALL)

    assert nonces(broker) == [None, "n-1", "n-1"]


async def test_the_newest_nonce_is_used_whatever_the_answer_was(
    broker: BrokerServer, transport: Transport
) -> None:
    """§8.2: also a good one brings it."""
    broker.answer(ROUTE, {}, headers={NONCE_HEADER: "n-1"})
    broker.answer(ROUTE, {}, headers={NONCE_HEADER: "n-2"})

    for _ in range(3):
        await transport.done(CALL)

    assert nonces(broker) == [None, "n-1", "n-2"]


async def test_a_broker_that_is_never_content_is_not_asked_for_ever(
    broker: BrokerServer, transport: Transport
) -> None:
    """Although each of its nonces is another."""
    numbers = count()

    async def never(_: Seen) -> web.Response:
        headers = {NONCE_HEADER: f"n-{next(numbers)}"}
        return web.json_response(WANTED, status=400, headers=headers)

    broker.reply(ROUTE, never)

    with pytest.raises(NonceWantedError):
        await transport.done(CALL)
    assert nonces(broker) == [None, "n-0"]


async def test_the_nonce_that_was_just_refused_is_not_tried_again(
    broker: BrokerServer, transport: Transport
) -> None:
    """It is no news."""
    refuse(broker, "n-1")

    for _ in range(2):
        with pytest.raises(NonceWantedError):
            await transport.done(CALL)

    assert nonces(broker) == [None, "n-1", "n-1"]


@pytest.mark.parametrize("headers", [{}, {NONCE_HEADER: 'a"b'}])
async def test_a_refusal_without_a_nonce_is_not_tried_again(
    broker: BrokerServer, transport: Transport, headers: dict[str, str]
) -> None:
    """Nor with one that is none."""
    broker.answer(ROUTE, WANTED, status=400, headers=headers)

    with pytest.raises(NonceWantedError):
        await transport.done(CALL)
    assert nonces(broker) == [None]


async def test_another_refusal_is_not_tried_again(
    broker: BrokerServer, transport: Transport
) -> None:
    """Although it brings a nonce, for the next time."""
    other = {"type": "https://jit-broker.example/problems/invalid-dpop-proof", "status": 400}
    refuse(broker, "n-1", other)

    with pytest.raises(ProofRejectedError):
        await transport.done(CALL)
    assert nonces(broker) == [None]


async def test_an_oauth_error_asks_for_it_too(broker: BrokerServer, transport: Transport) -> None:
    """RFC 9449 §8's own form."""
    refuse(broker, "n-1", {"error": "use_dpop_nonce", "error_description": "x"})
    broker.answer(ROUTE, {})

    await transport.done(CALL)

    assert nonces(broker) == [None, "n-1"]
