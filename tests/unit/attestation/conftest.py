"""What the tests of evidence share: an issuer on the loopback interface, and how it is asked."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from broker.attestation.key_source import open_key_session
from tests.fakes.issuer import FakeIssuer, Signer


@pytest.fixture
async def issuer() -> AsyncIterator[FakeIssuer]:
    """Run an issuer on the loopback interface."""
    fake = FakeIssuer(Signer())
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """Open the session that production uses."""
    async with open_key_session() as opened:
        yield opened
