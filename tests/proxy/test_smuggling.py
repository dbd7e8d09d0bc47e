"""What two parsers could read differently reaches no server."""

import pytest

from tests.fakes.proxy_lab import HOST, OTHER, Lab

SMUGGLED = "GET /v1/secret HTTP/1.1\r\nHost: x\r\n\r\n"

FIELDS = {
    "cl-te": "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
    "te-cl": "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
    "cl-cl": "Content-Length: 6\r\nContent-Length: 6\r\n",
    "cl-list": "Content-Length: 6, 6\r\n",
    "cl-plus": "Content-Length: +6\r\n",
    "cl-hex": "Content-Length: 0x6\r\n",
    "te-te": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "te-list": "Transfer-Encoding: gzip, chunked\r\n",
    "te-identity": "Transfer-Encoding: identity\r\n",
    "te-odd": "Transfer-Encoding: xchunked\r\n",
    "te-tab-before-colon": "Transfer-Encoding\t: chunked\r\n",
    "space-before-colon": "Content-Length : 6\r\n",
    "obs-fold": "X-Long: a\r\n Content-Length: 6\r\n",
    "bare-lf": "X-A: b\nContent-Length: 6\r\n",
    "bare-cr": "X-A: b\rContent-Length: 6\r\n",
    "nul": "X-A: b\x00c\r\n",
    "no-colon": "Content-Length\r\n",
    "empty-name": ": x\r\n",
    "underscore": "Content_Length: 6\r\n",
    "host-twice": "Host: evil.test\r\n",
    "authorization-twice": "Authorization: Bearer mine\r\n",
    "authorization-dropped": "Connection: close, authorization\r\n",
    "host-dropped": "Connection: host\r\n",
}


@pytest.mark.parametrize("field", list(FIELDS))
async def test_a_request_with_two_readings_is_refused_and_the_connection_ends(
    lab: Lab, field: str
) -> None:
    """What follows on the connection is not read as a request."""
    child = await lab.inside()

    reply = await child.say(
        lab.request("/v1/files/x", method="POST", more=FIELDS[field]) + SMUGGLED.encode()
    )

    assert reply.status in {400, 501}
    assert b"Connection: close" in reply.head
    assert await child.is_closed()
    assert lab.upstream.received == []


CHUNKS = {
    "extension": b"6;a=b\r\nsecret\r\n0\r\n\r\n",
    "space": b"6 \r\nsecret\r\n0\r\n\r\n",
    "signed": b"+6\r\nsecret\r\n0\r\n\r\n",
    "prefixed": b"0x6\r\nsecret\r\n0\r\n\r\n",
    "huge": b"FFFFFFFFFFFFFFFFF\r\nsecret\r\n0\r\n\r\n",
    "bare-lf": b"6\nsecret\r\n0\r\n\r\n",
    "too-short": b"3\r\nsecret\r\n0\r\n\r\n",
    "trailer": b"6\r\nsecret\r\n0\r\nAuthorization: x\r\n\r\n",
    "empty-size": b"\r\nsecret\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("chunk", list(CHUNKS))
async def test_a_malformed_chunk_ends_the_request(lab: Lab, chunk: str) -> None:
    """The server never receives it as a whole one."""
    child = await lab.inside()
    more = "Transfer-Encoding: chunked\r\n"

    reply = await child.say(
        lab.request("/v1/files/x", method="POST", more=more) + CHUNKS[chunk] + SMUGGLED.encode()
    )

    assert (reply.status, reply.problem) == (400, "malformed")
    assert await child.is_closed()
    assert lab.upstream.received == []


LINES = {
    "http-1.0": (b"GET /v1/orders HTTP/1.0\r\n", 505),
    "http-2": (b"PRI * HTTP/2.0\r\n", 505),
    "http-0.9": (b"GET /v1/orders\r\n", 400),
    "two-spaces": (b"GET  /v1/orders HTTP/1.1\r\n", 400),
    "tab": (b"GET\t/v1/orders HTTP/1.1\r\n", 400),
    "space-in-target": (b"GET /v1/orders x HTTP/1.1\r\n", 400),
    "empty-line": (b"\r\nGET /v1/orders HTTP/1.1\r\n", 400),
    "bare-lf": (b"GET /v1/orders HTTP/1.1\n", 400),
    "trace": (b"TRACE /v1/orders HTTP/1.1\r\n", 403),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\n", 400),
    "connect-inside": (b"CONNECT api.test:443 HTTP/1.1\r\n", 400),
    "absolute-inside": (b"GET https://api.test/v1/orders HTTP/1.1\r\n", 400),
    "authority": (b"GET api.test HTTP/1.1\r\n", 400),
    "fragment": (b"GET /v1/orders#x HTTP/1.1\r\n", 400),
    "not-ascii": ("GET /v1/ördérs HTTP/1.1\r\n".encode(), 400),
}


@pytest.mark.parametrize("line", list(LINES))
async def test_only_plain_requests_of_http_1_1_are_taken(lab: Lab, line: str) -> None:
    """Inside a tunnel there is one server, one version, one form."""
    child = await lab.inside()
    text, status = LINES[line]

    reply = await child.say(lab.request().replace(b"GET /v1/orders HTTP/1.1\r\n", text))

    assert reply.status == status
    assert lab.upstream.received == []


PATHS = [
    *("/v1/files/../secret", "/v1/files/%2e%2e/secret", "/v1/files/.%2E/secret", "/v1/./orders"),
    *("//v1/orders", "/v1//orders", "/v1/files//x", "/v1/files/a;b", "/v1/files/a%3bb"),
    *("/v1/files/a%2fb", "/v1/files/a%5Cb", "/v1/files/a\\b", "/v1/files/%252e%252e/x"),
    *("/v1/files/%00", "/v1/files/%0d%0aX:1", "/v1/files/%", "/v1/files/%zz", "/v1/files/.."),
    *("/v1/files/%c0%ae%c0%ae/x", "/v1/files/%ff", "/v1/files/%ed%a0%80"),
    *("/v1/files/%3fx", "/v1/files/%23x", '/v1/files/"', "/v1/files/<", "/v1/files/.", "/.."),
]


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_with_two_readings_is_refused(lab: Lab, path: str) -> None:
    """Nothing is mended: a mended path is another one."""
    child = await lab.inside()

    reply = await child.say(lab.request(path))

    assert (reply.status, reply.problem) == (400, "ambiguous-path")
    assert lab.upstream.received == []


async def test_a_path_is_judged_and_forwarded_in_one_spelling(lab: Lab) -> None:
    """What is encoded without need is decoded once, what needs it is spelt in one way."""
    child = await lab.inside()

    await child.say(lab.request("/v1/%6frders/a%c3%a9?q=%2e%2e/%2f"))

    assert lab.upstream.received[0].line == "GET /v1/orders/a%C3%A9?q=%2e%2e/%2f HTTP/1.1"


@pytest.mark.parametrize(
    "field", ["X-HTTP-Method-Override: DELETE", "X_Original_URL: /admin", "X-Rewrite-Url: /admin"]
)
async def test_fields_that_name_another_method_or_path_are_refused(lab: Lab, field: str) -> None:
    """Some servers follow them."""
    child = await lab.inside()

    reply = await child.say(lab.request(more=f"{field}\r\n"))

    assert (reply.status, reply.problem) == (403, "override")


async def test_requests_in_one_go_are_judged_one_by_one(lab: Lab) -> None:
    """A refused one in the middle is not sent; the next is."""
    child = await lab.inside()
    refused = lab.request("/v1/secret")

    replies = [await child.say(lab.request() + refused + lab.request("/v1/orders/2"))]
    replies += [await child.hear(), await child.hear()]

    assert [reply.status for reply in replies] == [200, 403, 200]
    assert [got.line.split()[1] for got in lab.upstream.received] == ["/v1/orders", "/v1/orders/2"]


async def test_hop_by_hop_fields_end_here(lab: Lab) -> None:
    """They are of one connection."""
    child = await lab.inside()
    more = "Connection: keep-alive, te\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: x\r\n"

    await child.say(lab.request(more=more.replace("Proxy-Connection: x\r\n", "")))

    names = {
        line.partition(b":")[0].lower() for line in lab.upstream.received[0].head.split(b"\r\n")
    }
    assert not names & {b"connection", b"keep-alive", b"te", b"proxy-connection"}


async def test_many_or_long_lines_are_refused(lab: Lab) -> None:
    """Memory is bounded."""
    child = await lab.inside()
    reply = await child.say(lab.request(more=f"X-A: {'a' * 70_000}\r\n"))
    assert reply.status == 431

    child = await lab.inside()
    reply = await child.say(lab.request(more="X-A: a\r\n" * 200))
    assert reply.status == 400


@pytest.mark.parametrize("host", [OTHER, "api.test", f"{HOST}:1", f"u@{HOST}", f"{HOST}."])
async def test_a_host_field_that_names_another_server_is_refused(lab: Lab, host: str) -> None:
    """Inside the tunnel it must name the server that the tunnel is for."""
    child = await lab.inside()
    own = f"Host: {HOST}:{lab.upstream.port}".encode()

    reply = await child.say(lab.request().replace(own, f"Host: {host}".encode()))

    assert reply.status == 400
    assert lab.upstream.received == []
