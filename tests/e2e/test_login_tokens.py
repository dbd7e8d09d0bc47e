"""The broker's own login tokens at the doors of a running broker."""

from broker.clock import SystemClock
from broker.login_tokens import LoginTokens, epoch_of
from tests.fakes.cast import AGENT, ORDERS
from tests.fakes.world import World


def login_token(world: World, audience: str) -> str:
    """Sign one with the active key of a running broker."""
    issuer = world.config.settings(0).issuer
    ids = world.broker.ledger.ids.operation
    signing = LoginTokens(issuer, world.broker.replica, clock=SystemClock(), new_id=ids)
    return signing.sign(audience, f"agent:{AGENT.name}", 60, {"client_id": AGENT.name})


async def test_no_door_takes_one_for_an_access_token(world: World) -> None:
    """Neither introspection for its very audience, nor attestation; a token of ours is active."""
    issued = await world.issue(str((await world.open())["id"]))
    token = login_token(world, ORDERS.name)

    assert await world.is_active(issued["access_token"])
    assert (await world.introspect(token)).body == {"active": False}
    for path in ("/v1/tasks", "/oauth/introspect"):
        assert (await world.post(token, path)).status == 401


async def test_discovery_leads_to_the_key_that_signed(world: World) -> None:
    """As a target goes: issuer, document, key set."""
    issuer = world.config.settings(0).issuer
    document = await world.get(None, "/.well-known/openid-configuration")
    keys = await world.get(None, document["jwks_uri"].removeprefix(issuer))
    signed_by = world.broker.replica.keyring.active()

    assert document["issuer"] == issuer
    assert signed_by.kid in [key["kid"] for key in keys["keys"]]
    assert signed_by.alg in document["id_token_signing_alg_values_supported"]
    assert epoch_of(world.broker.replica)
