"""A stand-in at any place but its own is refused, and so is a credential of the child's own."""

import base64
from pathlib import Path

import pytest

from tests.fakes.proxy_lab import HOST, OTHER, Lab, opened


@pytest.mark.parametrize(
    "more",
    [
        "X-Token: {}\r\n",
        "Cookie: a={}\r\n",
        "User-Agent: x {} y\r\n",
        "X-{}: 1\r\n",
        "Referer: https://x.test/?q=%73{}\r\n",
    ],
)
async def test_in_another_field(lab: Lab, more: str) -> None:
    """Although it is shown at its own place, too."""
    child = await lab.inside()
    word = lab.stand_in[1:] if "%73" in more else lab.stand_in

    reply = await child.say(lab.request(more=more.format(word)))

    assert (reply.status, reply.problem) == (403, "stray-stand-in")
    assert lab.upstream.received == []


@pytest.mark.parametrize("target", ["/v1/files/{}", "/v1/orders?token={}", "/v1/orders?t=%73{}"])
async def test_in_the_path_or_the_query(lab: Lab, target: str) -> None:
    """There it would be logged by everybody on the way."""
    child = await lab.inside()
    word = lab.stand_in[1:] if "%73" in target else lab.stand_in

    reply = await child.say(lab.request(target.format(word)))

    assert (reply.status, reply.problem) == (403, "stray-stand-in")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("lead", [0, 65_530, 200_000])
async def test_in_a_body(lab: Lab, lead: int, *, chunked: bool) -> None:
    """However it is cut up; the server never receives the whole request."""
    child = await lab.inside()
    body = b"x" * lead + lab.stand_in.encode() + b"y" * 20
    if chunked:
        body = b"".join(b"7\r\n%b\r\n" % body[i : i + 7] for i in range(0, len(body) // 7 * 7, 7))
    more = "Transfer-Encoding: chunked\r\n" if chunked else f"Content-Length: {len(body)}\r\n"

    reply = await child.say(lab.request("/v1/files/x", method="POST", more=more) + body)

    assert (reply.status, reply.problem) == (403, "stray-stand-in")
    assert await child.is_closed()
    assert lab.upstream.received == []


@pytest.mark.parametrize(
    "value", ["bearer {}", "Bearer  {}", "Bearer {}x", "Bearer x{}", "Token {}", "{}", "Basic {}"]
)
async def test_at_its_place_in_another_form(lab: Lab, value: str) -> None:
    """The place is declared with all that is around it."""
    child = await lab.inside()
    word = lab.stand_in
    if value.startswith("Basic"):
        word = base64.b64encode(f"u:x{word}".encode()).decode()
    line = f"Authorization: {value.format(word)}\r\n".encode()

    reply = await child.say(lab.request().replace(lab.shown.encode(), line))

    assert (reply.status, reply.problem) == (403, "stray-stand-in")


async def test_on_its_way_to_an_undeclared_server(open_lab: Lab) -> None:
    """Where it can be seen: without TLS, or in CONNECT itself."""
    child = await open_lab.child()
    at = f"{OTHER}:{open_lab.plain.port}"
    text = f"GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n{open_lab.word_line}{open_lab.shown}\r\n"

    reply = await child.say(text.encode())

    assert (reply.status, reply.problem) == (403, "stray-stand-in")
    assert open_lab.plain.received == []


@pytest.mark.parametrize("value", ["Bearer mine", "Basic bWU6bWluZQ==", "Negotiate x", ""])
async def test_a_credential_of_the_childs_own_is_refused(lab: Lab, value: str) -> None:
    """With somebody else's account a permitted server is a way out."""
    child = await lab.inside()
    line = f"Authorization: {value}\r\n".encode()

    reply = await child.say(lab.request().replace(lab.shown.encode(), line))

    assert (reply.status, reply.problem) == (403, "foreign-credential")
    assert lab.upstream.received == []


async def test_a_cookie_of_the_childs_own_is_left_out(lab: Lab) -> None:
    """Somebody else's session is somebody else's account; most clients send what they find."""
    child = await lab.inside()

    reply = await child.say(lab.request(more="Cookie: session=mine\r\n"))

    assert reply.status == 200
    assert lab.upstream.received[0].values("cookie") == []


async def test_fields_of_another_place_are_foreign_there(tmp_path: Path) -> None:
    """Also when they are spelt with an underscore, which some servers take for the same."""
    keyed = {
        "need": "orders",
        "id": "keyed",
        "host": OTHER,
        "local": True,
        "methods": ["GET"],
        "paths": ["/**"],
        "put": {"header": "X-Api-Key", "template": "{access_token}"},
    }
    async with opened(tmp_path, more=[keyed | {"port": 1}]) as lab:
        for line in ("X_Api_Key: mine", "Authorization: Bearer mine", "X-Api-Key: mine"):
            child, _ = await lab.connect(f"{OTHER}:1")
            await child.encrypt(lab.proxy.authority_pem, OTHER)
            text = f"GET / HTTP/1.1\r\nHost: {OTHER}:1\r\n{line}\r\n\r\n"

            reply = await child.say(text.encode())

            assert (reply.status, reply.problem) == (403, "foreign-credential")


async def test_a_stand_in_of_one_run_is_worth_nothing_in_another(lab: Lab, tmp_path: Path) -> None:
    """It is a word of that proxy alone."""
    folder = tmp_path / "second"
    folder.mkdir()
    async with opened(folder) as second:
        child = await second.inside()
        own = f"Host: {HOST}:{second.upstream.port}\r\n"
        text = f"GET /v1/orders HTTP/1.1\r\n{own}{lab.shown}\r\n"

        reply = await child.say(text.encode())

    assert (reply.status, reply.problem) == (403, "foreign-credential")
