"""Requests that are built to be read in two ways, to blow up, or to carry two identities."""

import gzip
import json

import pytest

from broker.http.edge import PUBLIC
from broker.http.end_routes import ENDS
from broker.http.limits import Limits
from broker.http.session_routes import BACKCHANNEL
from broker.http.signal_routes import SIGNALS
from tests.fakes.samples import TASK
from tests.fakes.services import Stage
from tests.fakes.wire import Answer
from tests.http.conftest import Dial

CANARY = b"canary-in-the-request"
AUTH = b"Authorization: Bearer token-of-agent\r\n"
EXTEND = b"POST /v1/tasks/" + TASK.encode() + b"/extend HTTP/1.1\r\n"
HOST = b"Host: broker\r\n"
JSON = b"Content-Type: application/json\r\n"
BODY = b'{"ttl_seconds": 60}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"POST /v1/tasks/" + TASK.encode() + b"/cancel HTTP/1.1\r\n" + HOST + AUTH + b"\r\n"

MALFORMED = {
    "both framings": EXTEND + HOST + AUTH + JSON + LENGTH + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED,
    "both framings, other order": EXTEND + HOST + CHUNKED + LENGTH + b"\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": EXTEND + HOST + LENGTH + b"Content-Length: 0\r\n\r\n" + BODY,
    "two equal lengths": EXTEND + HOST + LENGTH + LENGTH + b"\r\n" + BODY,
    "a list of lengths": EXTEND + HOST + b"Content-Length: 5, 5\r\n\r\n" + BODY,
    "a signed length": EXTEND + HOST + b"Content-Length: +19\r\n\r\n" + BODY,
    "a negative length": EXTEND + HOST + b"Content-Length: -1\r\n\r\n" + BODY,
    "a hexadecimal length": EXTEND + HOST + b"Content-Length: 0x13\r\n\r\n" + BODY,
    "two encodings": EXTEND + HOST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n",
    "chunked not last": EXTEND + HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "an unknown encoding": EXTEND + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two hosts": EXTEND + HOST + b"Host: other\r\n\r\n",
    "no host": EXTEND + AUTH + b"\r\n",
    "two content types": EXTEND + HOST + JSON + JSON + LENGTH + b"\r\n" + BODY,
    "space before the colon": EXTEND + HOST + b"Content-Length : 5\r\n\r\nhello",
    "a folded field": EXTEND + HOST + b"X-A: b\r\n c\r\n\r\n",
    "a field without a name": EXTEND + HOST + b": " + CANARY + b"\r\n\r\n",
    "a NUL in a field": EXTEND + HOST + b"X-A: a\x00" + CANARY + b"\r\n\r\n",
    "a control in a name": EXTEND + HOST + b"X\x01A: b\r\n\r\n",
    "a bare CR": EXTEND + HOST + b"X-A: a\rX-B: " + CANARY + b"\r\n\r\n",
    "a bare LF": EXTEND + HOST + b"X-A: a\nX-B: b\r\n\r\n",
    "no such version": b"GET /healthz HTTP/3.7\r\n" + HOST + b"\r\n",
    "no version": b"GET /" + CANARY + b"\r\n" + HOST + b"\r\n",
    "no such method": CANARY + b" /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "a control in the target": b"GET /health\x01z HTTP/1.1\r\n" + HOST + b"\r\n",
    "a line too long": b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a field too long": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 9_000 + b"\r\n\r\n",
    "too many fields": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" * 100 + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + CANARY,
    "nonsense": CANARY + b"\r\n\r\n",
}


@pytest.fixture
def limits() -> Limits:
    """A small body limit."""
    return Limits(max_body_bytes=2_048, drain_seconds=1.0, header_seconds=2.0)


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
async def test_what_is_no_http_is_refused_alone(dial: Dial, stage: Stage, data: bytes) -> None:
    """One answer with constant bytes, then the end: nothing behind it on the wire is read."""
    wire = await dial()
    await wire.send(data)

    answer = await wire.answer()
    rest = await wire.rest()

    assert answer.status == 400
    assert json.loads(answer.body)["status"] == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "server" not in answer.headers
    assert CANARY not in answer.body
    assert rest == b""
    assert stage.calls == []
    assert CANARY.decode() not in str(stage.logs.entries)


BROKEN_BODIES = {
    "a bad chunk size": b"zz\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk longer than said": b"3\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a signed chunk size": b"+13\r\n" + BODY + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("chunks", BROKEN_BODIES.values(), ids=BROKEN_BODIES.keys())
async def test_a_body_with_broken_framing_is_refused(
    dial: Dial, stage: Stage, chunks: bytes
) -> None:
    """What was read of it before the break is not acted upon."""
    wire = await dial()
    await wire.send(EXTEND + HOST + AUTH + JSON + CHUNKED + b"\r\n" + chunks + SMUGGLED)

    assert (await wire.answer()).status == 400
    await wire.rest()
    assert stage.calls == []


async def ask(dial: Dial, head: bytes, body: bytes = b"") -> Answer:
    """Send one request and read its answer."""
    wire = await dial()
    await wire.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return await wire.answer()


async def test_two_authorizations_are_refused(dial: Dial, stage: Stage) -> None:
    """The library takes the first, a proxy perhaps the last: so neither counts."""
    twice = b"Authorization: Bearer token-of-operator\r\n" + AUTH

    answer = await ask(dial, EXTEND + HOST + JSON + twice, BODY)

    assert answer.status == 400
    assert json.loads(answer.body)["field"] == "Authorization"
    assert stage.calls == []


async def test_two_idempotency_keys_are_refused(dial: Dial, stage: Stage) -> None:
    """A request has one name."""
    twice = b"Idempotency-Key: a\r\nidempotency-key: a\r\n"

    answer = await ask(dial, EXTEND + HOST + JSON + AUTH + twice, BODY)

    assert answer.status == 400
    assert json.loads(answer.body)["field"] == "Idempotency-Key"
    assert stage.calls == []


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"identity", b"x"])
async def test_an_encoded_body_is_refused_unread(dial: Dial, stage: Stage, encoding: bytes) -> None:
    """No decompressor ever sees a request (C10)."""
    bomb = gzip.compress(b'{"ttl_seconds": 60}' + b" " * 10_000_000)[:2_000]

    head = EXTEND + HOST + AUTH + JSON + b"Content-Encoding: " + encoding + b"\r\n"
    answer = await ask(dial, head, bomb)

    assert answer.status == 415
    assert stage.calls == []


@pytest.mark.parametrize(
    "kind",
    [b"", b"text/plain", b"application/json; charset=utf-16", b"application/x-www-form-urlencoded"],
)
async def test_a_body_of_another_type_is_refused(dial: Dial, stage: Stage, kind: bytes) -> None:
    """JSON is only what says that it is."""
    header = b"Content-Type: " + kind + b"\r\n" if kind else b""

    answer = await ask(dial, EXTEND + HOST + AUTH + header, BODY)

    assert answer.status == 415
    assert stage.calls == []


@pytest.mark.parametrize(
    "kind", [b"application/json; charset=utf-8", b'Application/JSON;charset="UTF-8"']
)
async def test_json_may_state_its_charset(dial: Dial, kind: bytes) -> None:
    """Clients that say what is so anyway are served."""
    header = b"Content-Type: " + kind + b"\r\n"

    assert (await ask(dial, EXTEND + HOST + AUTH + header, BODY)).status == 200


async def test_a_body_that_says_it_is_too_long_is_refused_unread(dial: Dial, stage: Stage) -> None:
    """The length alone is enough."""
    wire = await dial()
    await wire.send(EXTEND + HOST + AUTH + JSON + b"Content-Length: 2049\r\n\r\n")

    answer = await wire.answer()

    assert answer.status == 413
    assert answer.headers["connection"] == "close"
    assert stage.calls == []


async def test_a_body_of_the_longest_length_is_read(dial: Dial) -> None:
    """The limit itself is allowed."""
    body = BODY + b" " * (2_048 - len(BODY))

    assert (await ask(dial, EXTEND + HOST + AUTH + JSON, body)).status == 200


async def test_chunks_beyond_the_limit_are_refused(dial: Dial, stage: Stage) -> None:
    """A body that does not say its length is counted."""
    wire = await dial()
    await wire.send(EXTEND + HOST + AUTH + JSON + CHUNKED + b"\r\n")
    await wire.send(b"1\r\n \r\n" * 2_049)

    assert (await wire.answer()).status == 413
    assert stage.calls == []


async def test_a_body_in_chunks_is_read(dial: Dial, stage: Stage) -> None:
    """Chunks are lawful."""
    wire = await dial()
    await wire.send(EXTEND + HOST + AUTH + JSON + CHUNKED + b"\r\n")
    await wire.send(b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n")

    assert (await wire.answer()).status == 200
    assert stage.verbs() == ["tasks.extend"]


NOT_STRICT = {
    "NaN": b'{"ttl_seconds": NaN}',
    "infinity": b'{"ttl_seconds": 1e999}',
    "a member twice": b'{"ttl_seconds": 60, "ttl_seconds": 61}',
    "an escaped twin": b'{"ttl_seconds": 60, "ttl\\u005fseconds": 61}',
    "a lone surrogate": b'{"ttl_seconds": 60, "x": "\\ud800"}',
    "not UTF-8": b'{"ttl_seconds": 60, "x": "\xff"}',
    "UTF-16": BODY.decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + BODY,
    "deep nesting": b"[" * 1_000 + b"]" * 1_000,
    "a huge number": b'{"ttl_seconds": ' + b"9" * 1_500 + b"}",
    "text behind it": BODY + b"x",
    "nothing": b"",
    "no object": b'["ttl_seconds"]',
    "a comment": b'{"ttl_seconds": 60 /* s */}',
}


@pytest.mark.parametrize("body", NOT_STRICT.values(), ids=NOT_STRICT.keys())
async def test_json_that_is_not_strict_is_refused(dial: Dial, stage: Stage, body: bytes) -> None:
    """Whatever two parsers could read in two ways is not read at all (B17)."""
    answer = await ask(dial, EXTEND + HOST + AUTH + JSON, body)

    assert answer.status == 400
    assert stage.calls == []


async def test_pipelined_requests_keep_their_own_identity(dial: Dial, stage: Stage) -> None:
    """The second has no token, and the first one's does not rub off (C9)."""
    show = b"GET /v1/tasks/" + TASK.encode() + b" HTTP/1.1\r\n" + HOST
    wire = await dial()
    await wire.send(show + AUTH + b"\r\n" + show + b"\r\n" + show + AUTH + b"\r\n")

    assert [(await wire.answer()).status for _ in range(3)] == [200, 401, 200]
    assert stage.verbs() == ["tasks.show", "tasks.show"]


async def test_many_pipelined_requests_are_served_in_order(dial: Dial) -> None:
    """However many come at once, they are answered one after the other."""
    wire = await dial()
    await wire.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
    await wire.send((b"GET /nope HTTP/1.1\r\n" + HOST + b"\r\n") * 2_000)
    await wire.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")

    statuses = [(await wire.answer()).status for _ in range(2_002)]

    assert statuses == [200, *[404] * 2_000, 200]


async def test_expect_is_answered_for_continue_only(dial: Dial, stage: Stage) -> None:
    """100-continue is HTTP; anything else is refused and not said back."""
    wire = await dial()
    await wire.send(EXTEND + HOST + AUTH + JSON + LENGTH + b"Expect: 100-continue\r\n\r\n")
    assert (await wire.answer()).status == 100
    await wire.send(BODY)
    assert (await wire.answer()).status == 200

    answer = await ask(dial, EXTEND + HOST + AUTH + JSON + b"Expect: " + CANARY + b"\r\n", BODY)

    assert answer.status == 417
    assert CANARY not in answer.body
    assert stage.verbs() == ["tasks.extend"]


POSTED = frozenset({SIGNALS, BACKCHANNEL, ENDS})
"""What vouches for itself stands in the body."""


@pytest.mark.parametrize("path", sorted(PUBLIC))
async def test_public_paths_need_no_token_and_mind_none(dial: Dial, path: str) -> None:
    """They do not even look at it. What is only posted to says so, and asks for none either."""
    answer = await ask(
        dial,
        b"GET "
        + path.format(problem="not-found", orchestrator="ci").encode()
        + b" HTTP/1.1\r\n"
        + HOST
        + AUTH
        + AUTH,
    )

    assert answer.status == (405 if path in POSTED else 200)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Authorization: \r\n",
        b"Authorization: Bearer\r\n",
        b"Authorization: Bearer \r\n",
        b"Authorization: Basic token-of-agent\r\n",
        b"Authorization: token-of-agent\r\n",
        b"Authorization: Bearer token-of-nobody\r\n",
        b"Authorization: Bearer token-of-agent extra\r\n",
        b"Authorization: Bearer \xff\xfe\r\n",
        b"Authorization: Bearer t\xc3\xb6ken\r\n",
        b"Cookie: token-of-agent\r\n",
    ],
)
async def test_all_failed_authentication_looks_the_same(
    dial: Dial, stage: Stage, header: bytes
) -> None:
    """One body for every reason: the log has the difference (B28)."""
    without = await ask(dial, EXTEND + HOST + JSON, BODY)

    answer = await ask(dial, EXTEND + HOST + JSON + header, BODY)

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer, DPoP algs="ES256 EdDSA"'
    assert answer.body == without.body
    assert stage.calls == []


async def test_the_scheme_is_read_in_any_case(dial: Dial) -> None:
    """RFC 9110 §11.1: scheme names know no case."""
    header = b"authorization: bEARER token-of-agent\r\n"

    assert (await ask(dial, EXTEND + HOST + JSON + header, BODY)).status == 200
