"""What the stand-in has signed is signed anew by the session; everything else is refused."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest

from broker.proxy import HeldValues
from broker.secret import Secret
from tests.fakes.aws_child import Order, is_signed_by_the_session, signed, stand_in, told
from tests.fakes.pretend_secrets import aws_key_id, aws_secret, drawn
from tests.fakes.proxy_lab import HOST, LEASE, S3, SESSION, TABLES, Lab, echo, saying

Change = Callable[[list[str]], list[str]]

OWN: Final = {
    "access_key_id": aws_key_id("own"),
    "secret_access_key": aws_secret("own"),
    "session_token": drawn("own-session", 80),
}
"""A session that the child has from somewhere else."""

TABLE: Final = Order(
    "POST", "/", b'{"TableName": "t"}', host=TABLES, service="dynamodb", payload=""
)


@pytest.mark.parametrize(
    "order",
    [
        Order(),
        Order(target="/bucket/a%20b/%C3%BC?versionId=7&x-id=GetObject"),
        Order("PUT", body=b"x" * 200_000, fields=[("X-Amz-Meta-Who", "a  b"), ("Range", "x")]),
        Order("PUT", body=b"x", payload="UNSIGNED-PAYLOAD"),
        Order("PUT", body=b"x", fields=[("Accept-Encoding", "gzip"), ("Content-Type", "a/b")]),
        Order("HEAD"),
    ],
    ids=["get", "odd-path", "put", "unsigned-payload", "more-fields", "head"],
)
async def test_a_request_is_signed_anew_by_the_session(lab: Lab, order: Order) -> None:
    """The server sees a good signature of the session's, and nothing of the stand-in."""
    child = await lab.inside(S3)

    child.writer.write(told(signed(lab, order), order.body))
    reply = await child.hear(has_body=order.method != "HEAD")

    assert reply.status == 200
    (got,) = lab.upstream.received
    assert is_signed_by_the_session(got)
    assert got.body == order.body
    assert not any(word.encode() in got.head for word in stand_in(lab).values())
    assert not any(word.encode() in reply.head + reply.body for word in SESSION.values())


async def test_a_body_of_which_nothing_is_said_is_read_first(lab: Lab) -> None:
    """As all services but S3 have it; also one whose client waits for a word."""
    child = await lab.inside(TABLES)
    lines = [*signed(lab, TABLE), "Expect: 100-continue"]
    child.writer.write(told(lines))
    assert (await child.hear(has_body=False)).status == 100

    reply = await child.say(TABLE.body)

    (got,) = lab.upstream.received
    assert reply.status == 200
    assert got.body == TABLE.body
    assert is_signed_by_the_session(got, "dynamodb")


async def test_a_body_may_come_in_chunks(lab: Lab) -> None:
    """With a checksum behind it in AWS's own framing, which is nothing but body to HTTP."""
    framed = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"
    fields = [
        ("Content-Encoding", "aws-chunked"),
        ("X-Amz-Trailer", "x-amz-checksum-crc32"),
        ("X-Amz-Decoded-Content-Length", "3"),
    ]
    order = Order("PUT", fields=fields, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    child = await lab.inside(S3)
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(framed), framed)

    reply = await child.say(told([*signed(lab, order), "Transfer-Encoding: chunked"], chunks))

    (got,) = lab.upstream.received
    assert reply.status == 200
    assert got.body == framed
    assert is_signed_by_the_session(got)


def _without(name: str) -> Change:
    return lambda lines: [line for line in lines if not line.lower().startswith(f"{name}:")]


def _replaced(old: str, new: str) -> Change:
    return lambda lines: [line.replace(old, new, 1) for line in lines]


HOSTILE: Final[dict[str, tuple[Change, str]]] = {
    "unsigned": (_without("authorization"), "not-signed"),
    "no-token": (_without("x-amz-security-token"), "foreign-credential"),
    "bearer": (
        lambda lines: [*_without("authorization")(lines), "Authorization: Bearer x"],
        "foreign-credential",
    ),
    "another-method": (_replaced("GET /", "PUT /"), "bad-signature"),
    "another-path": (_replaced("/bucket/key", "/bucket/other"), "bad-signature"),
    "another-query": (_replaced("/bucket/key", "/bucket/key?acl"), "bad-signature"),
    "altered-field": (_replaced("X-Amz-Acl: private", "X-Amz-Acl: public-read"), "bad-signature"),
    "altered-signature": (_replaced("Signature=", "Signature=0"), "malformed"),
    "another-digest": (
        _replaced("X-Amz-Content-SHA256: e3", "X-Amz-Content-SHA256: e4"),
        "bad-signature",
    ),
    "no-digest": (_replaced("X-Amz-Content-SHA256: ", "X-Amz-Content-SHA256: z"), "malformed"),
    "added-field": (lambda lines: [*lines, "X-Amz-Meta-New: 1"], "not-signed"),
    "underscores": (lambda lines: [*lines, "X_Amz_Acl: public-read"], "malformed"),
    "twice": (lambda lines: [*lines, "X-Amz-Acl: public-read"], "malformed"),
    "two-dates": (lambda lines: [*lines, "X-Amz-Date: 20200101T000000Z"], "malformed"),
    "no-date": (_without("x-amz-date"), "malformed"),
    "names-out-of-order": (_replaced("=host;", "=x-amz-date;host;"), "malformed"),
    "host-not-covered": (_replaced("=host;", "="), "not-signed"),
    "no-such-field": (_replaced("=host;", "=date;host;"), "malformed"),
    "another-service": (_replaced("/s3/", "/sts/"), "signature-scope"),
    "another-region": (_replaced("/eu-central-1/", "/us-east-1/"), "signature-scope"),
    "another-day": (_replaced("/20", "/19"), "malformed"),
    "another-key": (_replaced("Credential=", "Credential=x"), "foreign-credential"),
    "asymmetric": (_replaced("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "signature-kind"),
    "version-2": (
        lambda lines: [*_without("authorization")(lines), "Authorization: AWS A:b"],
        "signature-kind",
    ),
    "presigned": (_replaced("/bucket/key", "/bucket/key?X-Amz-Signature=0"), "presigned"),
    "presigned-encoded": (
        _replaced("/bucket/key", "/bucket/key?x%2Damz-Credential=0"),
        "presigned",
    ),
    "presigned-2": (_replaced("/bucket/key", "/bucket/key?AWSAccessKeyId=0"), "presigned"),
    "copy": (lambda lines: [*lines, "X-Amz-Copy-Source: /other/key"], "override"),
    "copy-underscores": (lambda lines: [*lines, "x_amz_copy_source: /other/key"], "override"),
    "undeclared-path": (_replaced("/bucket/key", "/secrets/key"), "not-declared"),
}


@pytest.mark.parametrize("name", list(HOSTILE))
async def test_what_the_stand_in_has_not_signed_goes_nowhere(lab: Lab, name: str) -> None:
    """Nothing is sent; the answer has the code as S3's clients read it."""
    change, code = HOSTILE[name]
    child = await lab.inside(S3)
    lines = signed(lab, Order(fields=[("X-Amz-Acl", "private")]))

    reply = await child.say(told(change(lines)))

    assert f"<Code>{code}</Code>".encode() in reply.body, reply
    assert lab.upstream.received == []
    assert lab.source.asked == 0


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (Order(ago=timedelta(minutes=16)), "signature-date"),
        (Order(ago=timedelta(minutes=-16)), "signature-date"),
        (Order("PUT", body=b"x", payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), "signature-kind"),
        (
            Order("PUT", body=b"x", payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
            "signature-kind",
        ),
        (Order(fields=[("X-Amz-Copy-Source", "/other/key")]), "override"),
    ],
    ids=["old", "ahead", "chunk-signatures", "chunk-signatures-trailer", "copy"],
)
async def test_what_cannot_be_signed_anew_is_refused_although_the_stand_in_signed_it(
    lab: Lab, order: Order, code: str
) -> None:
    """A replay of yesterday, a body whose chunks are signed one by one, another object's copy."""
    child = await lab.inside(S3)

    reply = await child.say(told(signed(lab, order), order.body))

    assert f"<Code>{code}</Code>".encode() in reply.body, reply
    assert lab.upstream.received == []


async def test_another_key_is_refused_although_its_signature_is_good(lab: Lab) -> None:
    """Somebody else's account would be a way out for data; half a stand-in is none."""
    half = stand_in(lab) | {"secret_access_key": OWN["secret_access_key"]}
    codes = []
    for keys in (OWN, half, stand_in(lab) | {"session_token": OWN["session_token"]}):
        child = await lab.inside(S3)
        codes.append((await child.say(told(signed(lab, Order(), keys)))).body)

    told_codes = [body.partition(b"<Code>")[2].partition(b"<")[0].decode() for body in codes]
    assert told_codes == ["foreign-credential", "bad-signature", "foreign-credential"]
    assert lab.upstream.received == []


async def test_a_signature_for_one_server_is_worth_nothing_at_another(lab: Lab) -> None:
    """Nor do the keys pass where they are not declared, in any place."""
    key = stand_in(lab)["access_key_id"]
    secret = stand_in(lab)["secret_access_key"]
    elsewhere = await lab.inside(HOST)
    lines = signed(lab, Order(host=HOST, target="/v1/orders"))

    replies = [
        await elsewhere.say(told(lines)),
        await elsewhere.say(lab.request(f"/v1/orders?key={key}")),
        await elsewhere.say(lab.request(more=f"X-Secret: {secret}\r\n")),
    ]

    assert [reply.problem for reply in replies] == ["stray-stand-in"] * 3
    assert lab.upstream.received == []


async def test_a_swapped_body_is_refused_where_the_digest_is_not_said(lab: Lab) -> None:
    """Where it is said, the server holds the body against it."""
    child = await lab.inside(TABLES)

    reply = await child.say(told(signed(lab, TABLE), TABLE.body.replace(b"t", b"u")))

    assert json.loads(reply.body)["code"] == "bad-signature"
    assert lab.upstream.received == []


async def test_a_long_body_of_which_nothing_is_said_is_refused(lab: Lab) -> None:
    """The proxy would have to hold it."""
    child = await lab.inside(TABLES)
    lines = [line for line in signed(lab, TABLE) if not line.startswith("Content-Length")]

    reply = await child.say(told([*lines, f"Content-Length: {17 * 1024 * 1024}"]))

    assert reply.status == 413
    assert json.loads(reply.body)["code"] == "body-too-long"


async def test_each_service_is_told_in_the_form_that_it_answers_in(lab: Lab) -> None:
    """The code and the text are where botocore takes them from; a refused HEAD has no body."""
    form = ("Content-Type", "application/x-www-form-urlencoded")
    old = Order("POST", "/", b"Action=x", [form], TABLES, "dynamodb", region="x", payload="")
    child = await lab.inside(TABLES)
    asked = await child.say(told(signed(lab, old), old.body))
    child = await lab.inside(S3)
    child.writer.write(told(signed(lab, Order("HEAD", region="x"))))
    head = await child.hear(has_body=False)
    after = await child.say(told(signed(lab, Order())))

    assert b"<ErrorResponse><Error><Code>signature-scope</Code>" in asked.body
    assert (head.status, after.status) == (403, 200)


async def test_what_the_session_is_does_not_come_back(lab: Lab) -> None:
    """Not as S3 tells what it was to verify: as text, and as bytes."""
    token = SESSION["session_token"]
    lab.upstream.answer = echo
    child = await lab.inside(S3)
    echoed = await child.say(told(signed(lab, Order())))
    spelt = f"{token.encode().hex(' ')} {token} {SESSION['access_key_id']}".encode()
    spelt += json.dumps(token).replace("/", "\\/").encode()
    lab.upstream.answer = saying(
        b"HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n%b" % (len(spelt), spelt)
    )

    told_bytes = await child.say(told(signed(lab, Order())))

    assert b"Credential=********************/" in echoed.body
    for word in SESSION.values():
        assert word.encode() not in echoed.body + told_bytes.body
    assert set(told_bytes.body) <= set(b'* "')


async def test_a_renewed_session_signs_and_an_ended_one_does_not(lab: Lab) -> None:
    """The stand-ins stay as they are."""
    child = await lab.inside(S3)
    await child.say(told(signed(lab, Order())))
    newer = {**SESSION, "session_token": drawn("newer", 80)}
    held = {name: Secret(word) for name, word in newer.items()}
    lab.source.held["files"] = HeldValues(LEASE, held)
    await child.say(told(signed(lab, Order())))
    del lab.source.held["files"]

    reply = await child.say(told(signed(lab, Order())))

    tokens = [got.values("x-amz-security-token") for got in lab.upstream.received]
    assert tokens == [[SESSION["session_token"]], [newer["session_token"]]]
    assert reply.status == 503
    assert b"<Code>credential-not-held</Code>" in reply.body


@pytest.mark.parametrize("left_out", sorted(SESSION))
async def test_what_is_no_session_signs_nothing(lab: Lab, left_out: str) -> None:
    """A route cannot make a token of the broker's sign."""
    words = {name: Secret(word) for name, word in SESSION.items() if name != left_out}
    lab.source.held["files"] = HeldValues(LEASE, words)
    child = await lab.inside(S3)

    reply = await child.say(told(signed(lab, Order())))

    assert reply.status == 502
    assert b"<Code>credential-unfit</Code>" in reply.body
    assert lab.upstream.received == []


async def test_the_digest_that_was_said_is_what_the_server_is_told(lab: Lab) -> None:
    """So that it finds out a body that was swapped."""
    order = Order("PUT", body=b"mine")
    child = await lab.inside(S3)

    await child.say(told(signed(lab, order), b"evil"))

    (got,) = lab.upstream.received
    assert got.values("x-amz-content-sha256") == [hashlib.sha256(b"mine").hexdigest()]
    assert got.body == b"evil"
