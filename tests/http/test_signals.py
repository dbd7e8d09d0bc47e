"""Signals at the edge: what is sent vouches for itself."""

from aiohttp import ClientSession

from tests.fakes.finding_verbs import FINDING
from tests.fakes.services import Stage
from tests.http.shown import call


async def test_a_signal_needs_no_token_beside_it(client: ClientSession, stage: Stage) -> None:
    """It is handed on as it came."""
    sent = await call(client, "POST", "/v1/signals", {}, {"signal": "a.b.c"})

    assert (sent[0], sent[1]) == (202, {"finding": FINDING})
    assert stage.calls[0].arguments == ("a.b.c",)
