import asyncio
from collections.abc import AsyncIterator

import pytest

from broker.client.errors import (
    BrokerUnreachableError,
    ClosedError,
    ScopeMissingError,
    TaskMismatchError,
    TokenRevokedError,
)
from broker.client.open_verifier import open_verifier
from broker.client.sync_verifier import open_sync_verifier
from broker.clock import SystemClock
from tests.fakes import feed_server
from tests.fakes import token_mint as mint
from tests.fakes.resource_broker import ResourceBroker
from tests.fakes.until import until

NOW_S = SystemClock().now_ms() // 1000


@pytest.fixture
async def broker() -> AsyncIterator[ResourceBroker]:
    """Return a running broker."""
    async with feed_server.running(ResourceBroker()) as server:
        yield server


async def workload() -> str:
    """Return this server's own token."""
    return "workload-token"


def token(**claims: object) -> str:
    """Return a token that is good now."""
    times = {"iat": NOW_S, "iat_ms": NOW_S * 1000, "exp": NOW_S + 6 * 3600}
    return mint.token(**{**times, **claims})


async def test_a_followed_verifier_judges_at_once_and_hears_of_a_revocation(
    broker: ResourceBroker,
) -> None:
    """Opened means: keys and view are there."""
    async with open_verifier(
        broker.url,
        audience=mint.AUDIENCE,
        issuer=mint.ISSUER,
        token_source=workload,
        max_age_ms=60_000,
        subscriber="orders-pod-1",
    ) as verifier:
        verified = await verifier.verify(token(), capability="orders-api", tenant="acme")
        assert verified.agent == "helper"

        broker.kill({"task": mint.ROOT, "exp": NOW_S + 6 * 3600})
        await until(lambda: ("orders-pod-1", broker.seq) in broker.acknowledged)
        with pytest.raises(TokenRevokedError):
            await verifier.verify(token())


async def test_an_asking_verifier_asks(broker: ResourceBroker) -> None:
    """With this server's own token, and no feed."""
    async with open_verifier(
        broker.url,
        audience=mint.AUDIENCE,
        issuer=mint.ISSUER,
        token_source=workload,
        check="introspect",
    ) as verifier:
        await verifier.verify(token())
        broker.introspection = {"active": False}
        with pytest.raises(TokenRevokedError):
            await verifier.verify(token())

    assert set(broker.authorizations) == {"Bearer workload-token"}
    assert broker.requests == []


async def test_an_offline_verifier_needs_no_token_of_its_own(broker: ResourceBroker) -> None:
    """Only the public keys are fetched."""
    async with open_verifier(
        broker.url, audience=mint.AUDIENCE, issuer=mint.ISSUER, check="offline"
    ) as verifier:
        await verifier.verify(token())

    assert broker.authorizations == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"check": "feed"}, "token_source"),
        ({"check": "introspect"}, "token_source"),
        ({"check": "maybe", "token_source": workload}, "check must be"),
        ({"check": "offline", "audience": ""}, "audience"),
        ({"check": "offline", "leeway_ms": 60_000}, "leeway_ms"),
    ],
)
async def test_arguments_that_do_not_fit_are_named(
    broker: ResourceBroker, options: dict[str, object], says: str
) -> None:
    """Before anything is started; nothing of it is left."""
    before = asyncio.all_tasks()
    arguments = {"audience": mint.AUDIENCE, **options}

    with pytest.raises(ValueError, match=says):
        async with open_verifier(broker.url, **arguments):  # type: ignore[arg-type]
            pytest.fail("it must not open")

    assert asyncio.all_tasks() == before


async def test_a_broker_that_says_nothing_is_not_waited_for_for_ever(
    broker: ResourceBroker,
) -> None:
    """A start that cannot succeed says so."""
    broker.faults.silent = True

    with pytest.raises(BrokerUnreachableError, match="feed"):
        async with open_verifier(
            broker.url, audience=mint.AUDIENCE, token_source=workload, open_within_seconds=0.2
        ):
            pytest.fail("it must not open")


async def test_a_plain_call_verifies_without_a_loop(broker: ResourceBroker) -> None:
    """As a thread of a web server without asyncio would."""

    def request() -> None:
        with open_sync_verifier(
            broker.url, audience=mint.AUDIENCE, issuer=mint.ISSUER, check="offline"
        ) as verifier:
            verified = verifier.verify(token(), scopes=["orders:read"], task=mint.CHILD)
            assert verified.tenant == "acme"
            with pytest.raises(ScopeMissingError):
                verifier.verify(token(), scopes=["orders:admin"])
            with pytest.raises(TaskMismatchError):
                verifier.verify(token(), task=mint.ROOT)
        with pytest.raises(ClosedError):
            verifier.verify(token())

    await asyncio.to_thread(request)
