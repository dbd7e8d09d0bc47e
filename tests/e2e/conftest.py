"""The whole installation for every test here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.issuer import Signer
from tests.fakes.redis_servers import SingleServer
from tests.fakes.world import World, open_world
from tests.fakes.world_config import Template


@pytest.fixture(scope="session")
def signer() -> Signer:
    """Who vouches for callers."""
    return Signer()


@pytest.fixture(scope="session")
def template(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The configuration that every world begins with."""
    return Template(tmp_path_factory.mktemp("template"), signer)


@pytest.fixture
async def world(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path
) -> AsyncIterator[World]:
    """One broker on an empty ledger, with keys made and the configuration published."""
    async with open_world(single, template, signer, tmp_path) as world:
        yield world


@pytest.fixture
async def worlds(
    single: SingleServer, template: Template, signer: Signer, tmp_path: Path
) -> AsyncIterator[World]:
    """Two brokers on one ledger."""
    async with open_world(single, template, signer, tmp_path, brokers=2) as world:
        yield world
