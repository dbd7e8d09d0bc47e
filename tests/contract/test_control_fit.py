"""A broker works on no ledger that was made for another kind of broker: it would find nothing."""

import pytest

from broker.errors import ConfigurationError
from broker.ids import IdFactory
from broker.store.control import ControlStore
from broker.store.keyspace import Keyspace
from broker.store.link import Link

pytestmark = pytest.mark.parametrize("link", ["mux", "fake"], indirect=True)


def control(link: Link, buckets: int) -> ControlStore:
    """Look at the control record as a broker with so many buckets."""
    return ControlStore(link, Keyspace("jit", buckets), IdFactory(buckets))


async def test_an_empty_ledger_fits_everybody(link: Link) -> None:
    """Whoever comes first decides."""
    await control(link, 32).require_fit()


async def test_the_same_number_of_buckets_fits(link: Link) -> None:
    """As often as it is looked at."""
    await control(link, 16).create()

    await control(link, 16).require_fit()


@pytest.mark.parametrize("buckets", [8, 32])
async def test_another_number_of_buckets_is_refused(link: Link, buckets: int) -> None:
    """The refusal names the setting and its right value."""
    await control(link, 16).create()

    with pytest.raises(ConfigurationError, match=r"set store\.buckets to 16"):
        await control(link, buckets).require_fit()


async def test_another_schema_is_refused(link: Link) -> None:
    """An older or newer broker would read it wrongly."""
    await control(link, 16).create()
    await link.read("HSET", Keyspace("jit", 16).control, "schema", 99)

    with pytest.raises(ConfigurationError, match="schema 99"):
        await control(link, 16).require_fit()
