"""Nothing that a stranger sends is an error of the resource server, in any verifier."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.client.errors import (
    VerificationError,
)
from broker.client.liveness import OfflineLiveness
from tests.fakes import token_mint as mint
from tests.fakes.clock import FakeClock
from tests.fakes.knowing import Subject, verifier_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(sorted(mint.claims())), value=JSON)
def test_no_value_of_a_claim_is_an_error_of_the_server(name: str, value: object) -> None:
    """Signed by the broker's own key, any JSON at all gives a token or a VerificationError."""
    _never_breaks(mint.token(**{name: value}))


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_no_text_is_an_error_of_the_server(text: str) -> None:
    """Whatever stands after Bearer."""
    _never_breaks(text)
    _never_breaks(f"{text}.{text}.{text}")


@given(header=JSON, payload=JSON)
def test_no_header_is_an_error_of_the_server(header: object, payload: object) -> None:
    """Any JSON as header and payload, properly encoded and signed."""
    _never_breaks(mint.sign_raw(mint.encode(header), mint.encode(payload)))


def _never_breaks(text: str) -> None:
    clock = FakeClock(now_ms=mint.NOW_MS)
    verifier = verifier_of(Subject("offline", OfflineLiveness(), None, None), clock)

    async def verify() -> None:
        try:
            await verifier.verify(text)
        except VerificationError:
            return

    asyncio.run(verify())
