"""X.509-SVIDs over real TLS: as evidence, and to bind credentials to (MT-1 to MT-4, B27)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import jwt
import pytest

from broker.proof.confirmation import of_certificate
from tests.fakes.cast import AGENT
from tests.fakes.certificates import usage
from tests.fakes.eventually_true import eventually_true
from tests.fakes.issuer import encode
from tests.fakes.tls_gate import Gate, open_gate
from tests.fakes.trust_domain import FakeTrustDomain, SigningAuthority, Svid, uris
from tests.fakes.world import World

PROD, OTHER = FakeTrustDomain("prod.example"), FakeTrustDomain("other.example")
PATH = "/agents/invoice-bot/pod-1"

MTLS = """
@id("bound")
@binding("mtls")
permit (
  principal is Agent,
  action in [Action::"RequestCredential", Action::"RenewCredential"],
  resource is Capability
)
when { principal.tenant == context.task.tenant };
"""
SINGLE_USE = ('@binding("mtls")', '@evidence("single-use")')


@pytest.fixture
async def gate(world: World, tmp_path: Path) -> Gate:
    """Start a second broker that trusts two trust domains and asks for certificates."""
    return await open_gate(world, tmp_path, PROD, OTHER)


async def test_a_certificate_alone_says_who_calls(gate: Gate) -> None:
    """The same agent and instance as by token: it sees its own task, others do not."""
    task = await gate.world.open()
    path = f"/v1/tasks/{task['id']}"

    assert await gate.status(PROD.x509_svid(PATH), path) == 200
    assert await gate.status(PROD.x509_svid("/agents/invoice-bot/pod-2"), path) == 404
    assert await gate.status(PROD.x509_svid("/agents/nobody/pod-1"), path) == 401
    assert await gate.status(PROD.x509_svid("/robots/invoice-bot/pod-1"), path) == 401


async def test_mt1_without_a_certificate_a_token_is_needed(gate: Gate) -> None:
    """And is taken as ever: certificates are asked for, not demanded."""
    token = gate.world.remembered(AGENT)
    path = f"/v1/tasks/{(await gate.world.open())['id']}"

    assert await gate.status(None, path) == 401
    assert await gate.status(None, path, Authorization=f"Bearer {token}") == 200
    assert await gate.status(None, "/healthz") == 200


CRAFTED: dict[str, Callable[[], Svid]] = {
    "MT-2 a path that nobody maps": lambda: PROD.x509_svid("/x/invoice-bot/pod-1"),
    "SP-2 forged by another domain": lambda: OTHER.x509_svid(names=(uris(PROD.id(PATH)), False)),
    "SP-3 two URI names": lambda: PROD.x509_svid(
        names=(uris(PROD.id(PATH), PROD.id("/agents/x/y")), False)
    ),
    "SP-10 no digitalSignature": lambda: PROD.x509_svid(usage=(usage(cert_sign=True), True)),
    "no SPIFFE ID": lambda: PROD.x509_svid(names=(uris("https://prod.example/x"), False)),
    "of an undeclared domain": lambda: FakeTrustDomain("third.example").x509_svid(PATH),
}


@pytest.mark.parametrize("case", CRAFTED)
async def test_a_crafted_certificate_is_nobody(gate: Gate, case: str) -> None:
    """At the handshake, or at the first request; never more than 401."""
    path = f"/v1/tasks/{(await gate.world.open())['id']}"

    assert await gate.status(CRAFTED[case](), path) in {0, 401}


async def test_an_intermediate_leads_to_the_bundle(gate: Gate) -> None:
    """Clients send it along."""
    middle = SigningAuthority("middle", PROD.authority)
    path = f"/v1/tasks/{(await gate.world.open())['id']}"

    assert await gate.status(PROD.x509_svid(PATH, by=[middle]), path) == 200


async def test_mt4_b27_a_header_is_no_certificate(gate: Gate) -> None:
    """However a proxy would have spelt it."""
    path = f"/v1/tasks/{(await gate.world.open())['id']}"
    forged = f"URI={PROD.id(PATH)}"

    for name in ("X-Forwarded-Client-Cert", "Client-Cert", "X-Client-Cert", "X-SSL-Client-Cert"):
        assert await gate.status(None, path, **{name: forged}) == 401


async def test_a_credential_is_bound_to_the_certificate(gate: Gate) -> None:
    """Where policy demands mTLS; it ends with the certificate at the latest."""
    task = await gate.world.open()
    gate.world.config.write("policies/50-world.cedar", MTLS)
    await gate.world.publish()
    svid, token = PROD.x509_svid(PATH), gate.world.remembered(AGENT)

    alone = await gate.ask(svid, task["id"])
    beside = await gate.ask(svid, task["id"], Authorization=f"Bearer {token}")
    without = await gate.world.ask(task["id"])

    cnf = of_certificate(svid.der).to_claim()
    for status, body in (alone, beside):
        assert (status, body["token_type"], body["bound_to"]) == (201, "Bearer", cnf)
        claims = jwt.decode(body["access_token"], options={"verify_signature": False})
        assert claims["cnf"] == cnf
        assert (await gate.world.introspect(body["access_token"]))["cnf"] == cnf
    assert (without.status, without.code) == (403, "binding-required")


async def test_a_certificate_binds_nothing_by_itself(gate: Gate) -> None:
    """Certificates rotate: what policy does not bind to them lives on."""
    status, body = await gate.ask(PROD.x509_svid(PATH), (await gate.world.open())["id"])

    assert status == 201
    assert "bound_to" not in body


async def test_a_certificate_alone_serves_once_where_policy_asks_single_use(gate: Gate) -> None:
    """It is evidence like a token; a token beside it counts instead, a rotated one anew."""
    first, second = (await gate.world.open())["id"], (await gate.world.open())["id"]
    gate.world.config.write("policies/50-world.cedar", MTLS.replace(*SINGLE_USE))
    await gate.world.publish()
    svid, token = PROD.x509_svid(PATH), gate.world.token(AGENT, jti="j-1")

    alone = [await gate.ask(svid, task) for task in (first, second)]
    beside = [await gate.ask(svid, first, Authorization=f"Bearer {token}") for _ in range(2)]
    rotated = await gate.ask(PROD.x509_svid(PATH), first)

    assert [status for status, _ in (*alone, *beside, rotated)] == [201, 403, 201, 403, 201]
    assert alone[1][1]["type"].endswith("/evidence-used")


async def test_a_renewal_is_over_the_same_certificate(gate: Gate) -> None:
    """After the certificate has rotated a new credential has to be asked for."""
    gate.world.config.write("policies/50-world.cedar", MTLS)
    await gate.world.publish()
    first, next_one = PROD.x509_svid(PATH), PROD.x509_svid(PATH)
    _, issued = await gate.ask(first, (await gate.world.open())["id"])
    path = f"/v1/credentials/{issued['id']}/renew"

    async with gate.calling(next_one) as session, session.post(path) as answer:
        assert answer.status == 403
        assert (await answer.json())["type"].endswith("/binding-required")


async def test_a_token_bound_to_the_certificate_is_good_over_it_alone(gate: Gate) -> None:
    """Over another connection, or without a certificate, it is nobody's."""
    svid, path = PROD.x509_svid(PATH), f"/v1/tasks/{(await gate.world.open())['id']}"
    token = gate.world.token(AGENT, cnf=of_certificate(svid.der).to_claim())
    shown = f"Bearer {token}"

    assert await gate.status(svid, path, Authorization=shown) == 200
    assert await gate.status(PROD.x509_svid(PATH), path, Authorization=shown) == 401
    assert await gate.status(None, path, Authorization=shown) == 401


async def test_what_is_granted_on_a_token_bound_to_a_certificate_ends_with_it(gate: Gate) -> None:
    """Also where the credential itself is bound to nothing."""
    svid = PROD.x509_svid(PATH, life=timedelta(hours=1, minutes=1))
    token = gate.world.token(AGENT, cnf=of_certificate(svid.der).to_claim())

    status, issued = await gate.ask(
        svid, (await gate.world.open())["id"], Authorization=f"Bearer {token}"
    )

    assert status == 201
    ends_ms = int(svid.leaf.not_valid_after_utc.timestamp()) * 1000
    assert datetime.fromisoformat(issued["expires_at"]).timestamp() * 1000 <= ends_ms


async def test_sp5_an_authority_that_is_taken_away_is_refused_soon(gate: Gate) -> None:
    """Though the TLS layer knew it, and the connection was open before."""
    svid = PROD.x509_svid(PATH)
    path = f"/v1/tasks/{(await gate.world.open())['id']}"
    async with gate.calling(svid) as session:
        async with session.get(path) as answer:
            assert answer.status == 200

        emptied = encode({"keys": [], "spiffe_sequence": 2})
        (gate.world.config.folder / "prod.example.json").write_bytes(emptied)

        async def is_refused() -> bool:
            async with session.get(path) as answer:
                return answer.status == 401

        await eventually_true(is_refused, "the emptied bundle")


async def test_a_new_authority_is_known_soon(gate: Gate) -> None:
    """The TLS layer follows the bundle without a restart."""
    successor = SigningAuthority("prod.example next root")
    rotated = FakeTrustDomain("prod.example")
    rotated.authority, rotated.sequence = successor, 3
    rotated.members = [PROD.jwt_member(), PROD.x509_member(), rotated.x509_member(successor)]
    path = f"/v1/tasks/{(await gate.world.open())['id']}"
    assert await gate.status(rotated.x509_svid(PATH), path) == 0

    (gate.world.config.folder / "prod.example.json").write_bytes(rotated.bundle())

    async def is_known() -> bool:
        return await gate.status(rotated.x509_svid(PATH), path) == 200

    await eventually_true(is_known, "the next root")
