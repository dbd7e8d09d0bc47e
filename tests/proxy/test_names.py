"""Which server is meant is said in one way, and leads to an address that it may."""

import ssl

import pytest

from tests.fakes.proxy_lab import HOST, OTHER, PUBLIC, STRANGER, Lab

SPELLINGS = [
    *(f"{HOST}.:443", f"user@{HOST}:443", f"user:pw@{HOST}:443", f"{HOST}:", f"{HOST}:0"),
    *(f"{HOST}:99999", f"{HOST}:+443", f"{HOST}:0443", f"{HOST}", "2130706433:443"),
    *("0x7f.1:443", "0177.0.0.1:443", "127.1:443", "[::ffff:127.0.0.1%25lo]:443", "[::1:443"),
    *("[::1%lo]:443", "[fe80::1%251]:443"),
    *("127.0.0.1.:443", f"{HOST}%00.evil:443", f"{HOST}/x:443", f"{HOST}#:443", "a..b:443"),
    *("[0:0:0:0:0:0:0:1]:443", "api_test:443", f"{HOST}\\@evil:443", "-a.test:443"),
]


@pytest.mark.parametrize("target", SPELLINGS)
async def test_a_name_that_is_not_spelt_plainly_is_refused(open_lab: Lab, target: str) -> None:
    """Even where undeclared servers may be reached."""
    _, reply = await open_lab.connect(target, HOST)

    assert (reply.status, reply.problem) == (400, "malformed")


@pytest.mark.parametrize("target", ["127.0.0.1", "[::1]", "10.0.0.1"])
async def test_an_address_is_never_a_declared_server(lab: Lab, target: str) -> None:
    """Although the declared name leads to it."""
    _, reply = await lab.connect(f"{target}:{lab.upstream.port}")

    assert (reply.status, reply.problem) == (403, "undeclared-host")


async def test_a_declared_host_has_its_declared_port_only(open_lab: Lab) -> None:
    """Another one is refused even where undeclared servers may be reached."""
    _, reply = await open_lab.connect(f"{HOST}:1")

    assert (reply.status, reply.problem) == (403, "not-declared")


async def test_upper_case_is_the_same_name(lab: Lab) -> None:
    """It is brought to one spelling before anything is compared."""
    child, reply = await lab.connect(f"API.Test:{lab.upstream.port}")
    assert reply.status == 200
    await child.encrypt(lab.proxy.authority_pem, "API.Test")

    await child.say(lab.request().replace(HOST.encode(), b"API.test"))

    assert lab.upstream.received[0].values("host") == [f"{HOST}:{lab.upstream.port}"]


async def test_connect_and_host_must_agree(lab: Lab) -> None:
    """A second name is no hint, but a fault."""
    _, reply = await lab.connect(f"{HOST}:{lab.upstream.port}", OTHER)

    assert (reply.status, reply.problem) == (400, "host-mismatch")


async def test_a_tunnel_may_be_asked_for_in_the_old_way(lab: Lab) -> None:
    """Python's own client does: HTTP/1.0 and no Host. In the tunnel the new way is needed."""
    child = await lab.child()
    at = f"{HOST}:{lab.upstream.port}"

    reply = await child.say(f"CONNECT {at} HTTP/1.0\r\n{lab.word_line}\r\n".encode())
    await child.encrypt(lab.proxy.authority_pem, HOST)
    inner = await child.say(lab.request().replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert (reply.status, inner.status) == (200, 505)


async def test_absolute_form_and_host_must_agree(lab: Lab) -> None:
    """The same without TLS."""
    child = await lab.child()
    text = f"GET http://{HOST}:{lab.plain.port}/v1/x HTTP/1.1\r\nHost: {OTHER}\r\n"

    reply = await child.say(f"{text}{lab.word_line}\r\n".encode())

    assert (reply.status, reply.problem) == (400, "host-mismatch")
    assert lab.plain.received == []


@pytest.mark.parametrize("target", ["/v1/x", "https://api.test/v1/x", "ftp://api.test/v1/x", "*"])
async def test_only_absolute_http_is_asked_of_the_proxy_itself(lab: Lab, target: str) -> None:
    """All else goes through a tunnel."""
    child = await lab.child()

    text = f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n{lab.word_line}\r\n"
    reply = await child.say(text.encode())

    assert (reply.status, reply.problem) == (400, "malformed")


@pytest.mark.parametrize("name", [OTHER, None])
async def test_another_name_in_tls_than_in_connect_is_refused(lab: Lab, name: str | None) -> None:
    """SNI says the same as CONNECT, or nothing is said at all."""
    child, _ = await lab.connect(f"{HOST}:{lab.upstream.port}")
    context = ssl.create_default_context(cadata=lab.proxy.authority_pem)
    context.check_hostname = False

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await child.writer.start_tls(context, server_hostname=name or "127.0.0.1")

    assert lab.upstream.received == []


ADDRESSES = ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]
ADDRESSES += ["fd00:ec2::254", "100.100.100.200", "::", "224.0.0.1", "not-an-address"]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_name_that_leads_to_a_metadata_service_is_refused(lab: Lab, address: str) -> None:
    """Even one that is declared local, and even if another of its addresses is good."""
    lab.names.known[HOST] = ("127.0.0.1", address)
    child = await lab.inside()

    reply = await child.say(lab.request())

    assert (reply.status, reply.problem) == (403, "forbidden-address")
    assert lab.upstream.connections == 0


async def test_the_certificate_of_a_server_must_be_for_its_name(lab: Lab) -> None:
    """Whoever takes a name over in the resolver has no certificate for it."""
    lab.names.known[STRANGER] = ("127.0.0.1",)
    child, reply = await lab.connect(f"{STRANGER}:{lab.upstream.port}")
    assert reply.status == 200
    await child.encrypt(lab.proxy.authority_pem, STRANGER)

    answer = await child.say(lab.request("/").replace(HOST.encode(), STRANGER.encode()))

    assert (answer.status, answer.problem) == (502, "untrusted-server")
    assert lab.upstream.received == []


async def test_a_name_without_address_is_refused(lab: Lab) -> None:
    """The child is told why."""
    lab.names.known[HOST] = ()
    child = await lab.inside()

    answer = await child.say(lab.request())

    assert (answer.status, answer.problem) == (502, "unresolved")


async def test_a_public_host_that_leads_to_this_machine_is_refused(lab: Lab) -> None:
    """Rebinding: the name is judged by its address at each connection."""
    lab.names.known[PUBLIC] = ("127.0.0.1",)
    child, _ = await lab.connect(f"{PUBLIC}:443")
    await child.encrypt(lab.proxy.authority_pem, PUBLIC)

    answer = await child.say(f"GET / HTTP/1.1\r\nHost: {PUBLIC}\r\n{lab.shown}\r\n".encode())

    assert (answer.status, answer.problem) == (403, "forbidden-address")
