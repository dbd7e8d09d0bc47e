"""The credential goes to the declared server at the declared place, and nowhere else."""

import base64

import pytest

from broker.proxy import HeldValues
from broker.secret import Secret
from tests.fakes.proxy_lab import HOST, LEASE, OTHER, TOKEN, Lab, echo, saying


async def test_a_shown_stand_in_becomes_the_credential(lab: Lab) -> None:
    """The server sees the credential once, and never the stand-in."""
    child = await lab.inside()

    reply = await child.say(lab.request("/v1/orders/7?page=2"))

    (got,) = lab.upstream.received
    assert reply.status == 200
    assert got.line == "GET /v1/orders/7?page=2 HTTP/1.1"
    assert got.values("authorization") == [f"Bearer {TOKEN}"]
    assert got.values("host") == [f"{HOST}:{lab.upstream.port}"]
    assert lab.stand_in.encode() not in got.head
    assert got.values("proxy-authorization") == []


async def test_without_a_stand_in_a_request_goes_without_a_credential(lab: Lab) -> None:
    """Git asks like that first."""
    child = await lab.inside()

    await child.say(lab.request().replace(lab.shown.encode(), b""))

    assert lab.upstream.received[0].values("authorization") == []
    assert lab.source.asked == 0


async def test_a_route_that_says_always_needs_no_stand_in(lab: Lab) -> None:
    """A client that can send no header of its own is served, too; here without TLS."""
    child = await lab.child()
    at = f"{HOST}:{lab.plain.port}"
    text = f"GET http://{at}/v1/x HTTP/1.1\r\nHost: {at}\r\n{lab.word_line}\r\n"

    reply = await child.say(text.encode())

    assert reply.status == 200
    assert lab.plain.received[0].line == "GET /v1/x HTTP/1.1"
    assert lab.plain.received[0].values("authorization") == [f"Bearer {TOKEN}"]


async def test_basic_takes_the_stand_in_as_the_password(lab: Lab) -> None:
    """With any user; the declared one goes out."""
    child = await lab.inside()
    pair = base64.b64encode(f"somebody:{lab.stand_in}".encode()).decode()
    basic = f"Authorization: Basic {pair}\r\n".encode()

    await child.say(lab.request("/git/info").replace(lab.shown.encode(), basic))

    (value,) = lab.upstream.received[0].values("authorization")
    assert base64.b64decode(value.removeprefix("Basic ")).decode() == f"x-access-token:{TOKEN}"


async def test_each_request_brings_the_credential_that_is_held_then(lab: Lab) -> None:
    """A renewal needs no new connection; an end refuses the next request."""
    child = await lab.inside()
    await child.say(lab.request())
    lab.source.held["orders"] = HeldValues(LEASE, {"access_token": Secret("renewed-token")})
    await child.say(lab.request())
    del lab.source.held["orders"]

    reply = await child.say(lab.request())

    shown = [got.values("authorization") for got in lab.upstream.received]
    assert shown == [[f"Bearer {TOKEN}"], ["Bearer renewed-token"]]
    assert (reply.status, reply.problem) == (503, "credential-not-held")


@pytest.mark.parametrize("value", ["two\r\nX-Evil: 1", "", "ends ", "ü"])
async def test_values_that_are_no_header_are_not_sent(lab: Lab, value: str) -> None:
    """A credential cannot smuggle a line."""
    lab.source.held["orders"] = HeldValues(LEASE, {"access_token": Secret(value)})
    child = await lab.inside()

    reply = await child.say(lab.request())

    assert (reply.status, reply.problem) == (502, "credential-unfit")
    assert lab.upstream.received == []


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("DELETE", "/v1/orders/7"),
        ("GET", "/v1/orders/7/lines"),
        ("GET", "/v1/ordersX"),
        ("GET", "/V1/orders"),
        ("GET", "/v1/orders/"),
        ("GET", "/"),
        ("PATCH", "/v1/files/a"),
        ("get", "/v1/orders"),
    ],
)
async def test_other_methods_and_paths_are_refused(lab: Lab, method: str, target: str) -> None:
    """Although the credential itself might allow them."""
    child = await lab.inside()

    reply = await child.say(lab.request(target, method=method))

    assert (reply.status, reply.problem) == (403, "not-declared")
    assert lab.upstream.received == []


async def test_whoever_is_not_the_child_is_not_let_in(lab: Lab) -> None:
    """Other users of the machine reach the port, too."""
    at = f"{HOST}:{lab.upstream.port}"
    for line in ("", "Proxy-Authorization: Basic cnVuOndyb25n\r\n", "Proxy-Authorization: x\r\n"):
        child = await lab.child()
        reply = await child.say(f"CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n{line}\r\n".encode())
        assert (reply.status, reply.problem) == (407, "not-this-run")
        assert b"Proxy-Authenticate: Basic" in reply.head

    assert lab.upstream.connections == 0


async def test_an_undeclared_server_is_refused_when_only_declared_ones_may_be_reached(
    lab: Lab,
) -> None:
    """With CONNECT and without."""
    _, reply = await lab.connect(f"{OTHER}:{lab.upstream.port}")
    assert (reply.status, reply.problem) == (403, "undeclared-host")

    child = await lab.child()
    text = f"GET http://{OTHER}/ HTTP/1.1\r\nHost: {OTHER}\r\n{lab.word_line}\r\n"
    reply = await child.say(text.encode())

    assert (reply.status, reply.problem) == (403, "undeclared-host")


async def test_an_undeclared_server_is_else_reached_as_it_is(open_lab: Lab) -> None:
    """The child's own TLS reaches it, and no credential is put in."""
    child, reply = await open_lab.connect(f"{OTHER}:{open_lab.upstream.port}")
    assert reply.status == 200
    await child.encrypt(open_lab.upstream_ca.read_text(), OTHER)

    await child.say(b"GET /any?x=1 HTTP/1.1\r\nHost: other.test\r\n\r\n")

    assert open_lab.upstream.received[0].line == "GET /any?x=1 HTTP/1.1"
    assert open_lab.source.asked == 0


async def test_the_credential_is_masked_in_answers(lab: Lab) -> None:
    """A server that echoes what it was sent does not hand it to the child."""
    lab.upstream.answer = echo
    child = await lab.inside()

    reply = await child.say(lab.request("/v1/files/echo", more="Accept-Encoding: gzip\r\n"))

    assert TOKEN.encode() not in reply.body
    assert b"Bearer " + b"*" * len(TOKEN) in reply.body
    assert b"Accept-Encoding: identity" in reply.body


async def test_a_path_at_an_undeclared_server_is_as_the_child_spells_it(open_lab: Lab) -> None:
    """Nothing is judged there; a plain request is read strictly all the same."""
    at = f"{OTHER}:{open_lab.plain.port}"
    child = await open_lab.child()
    text = f"GET http://{at}//a/../b;c?d HTTP/1.1\r\nHost: {at}\r\n{open_lab.word_line}"

    reply = await child.say(f"{text}Authorization: Bearer mine\r\n\r\n".encode())

    assert reply.status == 200
    assert open_lab.plain.received[0].line == "GET //a/../b;c?d HTTP/1.1"
    assert open_lab.plain.received[0].values("authorization") == ["Bearer mine"]


async def test_what_a_server_has_kept_does_not_come_back_later(lab: Lab) -> None:
    """Neither after a renewal, nor to a request without a stand-in, nor on another connection."""
    child = await lab.inside()
    await child.say(lab.request())
    lab.source.held["orders"] = HeldValues(LEASE, {"access_token": Secret("renewed-token")})
    lab.upstream.answer = saying(
        b"HTTP/1.1 200 OK\r\nX-Kept: %b\r\nContent-Length: %d\r\n\r\n%b"
        % (TOKEN.encode(), len(TOKEN), TOKEN.encode())
    )
    without = lab.request(more="Accept-Encoding: gzip\r\n").replace(lab.shown.encode(), b"")

    replies = [await child.say(lab.request()), await (await lab.inside()).say(without)]

    for reply in replies:
        assert TOKEN.encode() not in reply.head
        assert reply.body == b"*" * len(TOKEN)
    assert lab.upstream.received[-1].values("accept-encoding") == ["identity"]
