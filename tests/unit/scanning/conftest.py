import pytest

from broker.scanning.engine import KingfisherEngine, open_engine


@pytest.fixture(scope="session")
def engine() -> KingfisherEngine:
    """The real engine, with every rule."""
    return open_engine()
