"""Introspection, keys and metadata."""

import pytest
from aiohttp import ClientSession

from broker.model.requests import (
    Introspected,
)
from tests.fakes.samples import AUDIENCE, ISSUER, LEASE, TASK, a_lease
from tests.fakes.services import Stage
from tests.http.shown import RESOURCE, call


async def introspect(client: ClientSession, form: str) -> tuple[int, bytes]:
    """Introspect as a resource server."""
    headers = RESOURCE | {"Content-Type": "application/x-www-form-urlencoded"}
    async with client.post("/oauth/introspect", data=form, headers=headers) as answer:
        return answer.status, await answer.read()


async def test_introspection_tells_all_that_rfc_7662_has(
    client: ClientSession, stage: Stage
) -> None:
    """And our own members: task, agent, capability, tenant."""
    stage.answers["introspection.introspect"] = Introspected(
        a_lease(), LEASE, f"{LEASE}.2", 1_800_000_000, 1_800_000_300
    )
    headers = RESOURCE | {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}

    async with client.post(
        "/oauth/introspect", data="token=a%2Eb.c&token_type_hint=foo&x=y", headers=headers
    ) as answer:
        shown = await answer.json()

    assert shown == {
        "active": True,
        "scope": "orders:list orders:read",
        "client_id": "invoice-bot",
        "token_type": "Bearer",
        "exp": 1_800_000_300,
        "iat": 1_800_000_000,
        "sub": "user:alice",
        "aud": AUDIENCE,
        "iss": ISSUER,
        "jti": f"{LEASE}.2",
        "act": {"sub": "agent:invoice-bot", "act": {"sub": "agent:planner"}},
        "task": TASK,
        "agent": "invoice-bot",
        "capability": "orders-api",
        "tenant": "acme",
    }
    assert stage.calls[0].arguments == ("a.b.c",)


@pytest.mark.parametrize("token", ["foreign", "%00%c3%bf", "x" * 5_000, "l_07_" + "c" * 26])
async def test_introspection_says_nothing_of_other_tokens(
    client: ClientSession, token: str
) -> None:
    """Exactly the same bytes for everything that is not active here (C4)."""
    assert await introspect(client, f"token={token}") == (200, b'{"active":false}')


async def test_the_keys_are_published(client: ClientSession) -> None:
    """As the callable has them."""
    status, shown, _ = await call(client, "GET", "/.well-known/jwks.json", {})

    assert (status, shown) == (200, {"keys": [{"kty": "OKP", "kid": "k1"}]})


async def test_the_metadata_has_no_empty_arrays(client: ClientSession) -> None:
    """RFC 8414 §3.2; the issuer byte for byte."""
    path = "/.well-known/oauth-authorization-server"

    status, shown, _ = await call(client, "GET", path, {})

    assert status == 200
    assert shown["issuer"] == ISSUER
    assert shown["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert shown["introspection_endpoint"] == f"{ISSUER}/oauth/introspect"
    assert shown["response_types_supported"] == ["none"]
    assert all(value for value in shown.values())


async def test_targets_find_the_keys_by_discovery(client: ClientSession) -> None:
    """OpenID Connect Discovery 1.0 §3, as far as who only verifies reads it."""
    status, shown, _ = await call(client, "GET", "/.well-known/openid-configuration", {})

    assert status == 200
    assert shown["issuer"] == ISSUER
    assert shown["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert shown["id_token_signing_alg_values_supported"] == ["EdDSA", "ES256"]
    assert "authorization_endpoint" not in shown
