"""Credentials that are bound to a key, for programs without an event loop."""

from collections.abc import Iterator

import pytest

from broker.client.bearer import Presented
from broker.client.errors import KeyNeededError, KeyUnprovenError, ProofRefusedError
from broker.client.results import Ceiling
from broker.client.sync_api import SyncBrokerClient
from broker.client.sync_verifier import open_sync_verifier
from broker.clock import SystemClock
from broker.proof.dpop import read_proof
from broker.proof.dpop_key import DpopKey
from tests.fakes import answers, serving_thread
from tests.fakes import token_mint as mint
from tests.fakes.broker_server import BrokerServer

KEY = DpopKey.generate()
NOW_S = SystemClock().now_ms() // 1000
BASE = "https://orders.example"
ISSUE = f"/v1/tasks/{answers.TASK}/credentials"


@pytest.fixture
def broker() -> Iterator[BrokerServer]:
    """Return a broker that binds what it issues, and has keys."""
    with serving_thread.running(BrokerServer()) as server:
        server.answer("POST /v1/tasks", answers.task())
        server.answer(f"POST /v1/tasks/{answers.TASK}/heartbeat", answers.task())
        server.answer(f"POST {ISSUE}", {**answers.issued(), "token_type": "DPoP"})
        done = answers.report(task=answers.task(state="completed", alive=False))
        server.answer(f"POST /v1/tasks/{answers.TASK}/complete", done)
        server.answer("GET /.well-known/jwks.json", mint.key_set())
        yield server


def workload() -> str:
    """Return the workload token."""
    return "workload"


def test_the_key_is_proven_and_shows_what_it_was_given_for(broker: BrokerServer) -> None:
    """To the broker when asking, and to the resource server when using."""
    ceiling = [Ceiling("orders-api", ("orders:read",))]
    with (
        SyncBrokerClient(broker.url, workload, key=KEY) as client,
        client.task(name="n", agent="a", tenant="acme", ceiling=ceiling, ttl_seconds=60) as task,
    ):
        held = task.credential("orders-api", scopes=("orders:read",))
        headers = held.headers("GET", BASE + "/orders")
        with pytest.raises(KeyNeededError):
            held.authorization()

    (asked,) = [seen for seen in broker.seen if seen.path == ISSUE]
    to_broker, to_orders = read_proof(asked.headers["DPoP"]), read_proof(headers["DPoP"])
    assert (to_broker.method, to_broker.url) == ("POST", broker.url + ISSUE)
    assert (to_orders.method, to_orders.url) == ("GET", BASE + "/orders")
    assert {to_broker.key.thumbprint, to_orders.key.thumbprint} == {KEY.thumbprint}
    assert headers["Authorization"] == "DPoP canary-token"


def test_a_verifier_without_a_loop_checks_the_request_of_a_bound_token(
    broker: BrokerServer,
) -> None:
    """Its method, path and proof; without them, or with others, the token is refused."""
    times = {"iat": NOW_S, "iat_ms": NOW_S * 1000, "exp": NOW_S + 6 * 3600}
    token = mint.token(**times, cnf={"jkt": KEY.thumbprint})

    def presented(method: str, path: str) -> Presented:
        proof = KEY.proof("GET", BASE + "/orders", token=token)
        return Presented((f"DPoP {token}",), method=method, path=path, proofs=(proof,))

    with open_sync_verifier(
        broker.url, audience=mint.AUDIENCE, issuer=mint.ISSUER, check="offline", base_url=BASE
    ) as verifier:
        good = presented("GET", "/orders")
        assert verifier.verify(token, presented=good).agent == "helper"
        assert verifier.admit(presented("GET", "/orders")).agent == "helper"
        for bad in (good, presented("POST", "/orders"), presented("GET", "/admin")):
            with pytest.raises(ProofRefusedError):
                verifier.admit(bad)
        with pytest.raises(KeyUnprovenError):
            verifier.verify(token)
