"""Servers that want more than a login, or are not who they are to be, get nothing."""

import asyncio
import base64
import hashlib
import ssl
import struct
from pathlib import Path

import pytest

from broker.proxy import Limits
from tests.fakes.certificates import Authority
from tests.fakes.login_child import message, state_of
from tests.fakes.login_lab import Holder, facing
from tests.fakes.login_server import IN, KEY, READY, SASL, LoginServer, Script
from tests.fakes.pretend_secrets import drawn

USER, PASSWORD = "jit_role", drawn("login", 24)
QUICK = Limits(recheck_seconds=0.05, linger_seconds=0.05, dial_seconds=5)


def holder(**more: str) -> Holder:
    """Hold a login for a server without TLS."""
    return Holder(USER, PASSWORD, **{"sslmode": "disable", **more})


def saying(*pieces: bytes) -> Script:
    """Say this, whatever was said."""

    async def script(server: LoginServer) -> None:
        for piece in pieces:
            server.say(piece)

    return script


def after_login(*pieces: bytes) -> Script:
    """Let in whoever knows the password, and say this then."""

    async def script(server: LoginServer) -> None:
        await server.scram(PASSWORD)
        await saying(*pieces)(server)

    return script


def challenging(challenge: str, *then: bytes) -> Script:
    """Offer SCRAM, and answer its first message like that, with the client's nonce for ``%``."""

    async def script(server: LoginServer) -> None:
        server.say(SASL)
        nonce = (await server.answer()).rpartition(b"r=")[2].decode()
        server.ask(11, challenge.replace("%", nonce).encode())
        await server.answer()
        for piece in then:
            server.say(piece)

    return script


async def hang_up(server: LoginServer) -> None:
    """Close without a word."""
    server.writer.transport.abort()


def asks(code: int, data: bytes = b"") -> bytes:
    """Write what asks for a login of some kind."""
    return message(b"R", struct.pack("!i", code) + data)


ONE_NOTICE = message(b"N", b"SNOTICE\0\0")
FINE = "r=%and-mine,s=c2FsdA==,i=4096"
WRONG = {
    "clear": (saying(asks(3)), "weak-login"),
    "trust": (saying(IN, KEY, READY), "weak-login"),
    "kerberos": (saying(asks(7)), "weak-login"),
    "unknown": (saying(asks(99)), "weak-login"),
    "no-scram": (saying(asks(10, b"OAUTHBEARER\0\0")), "weak-login"),
    "only-bound": (saying(asks(10, b"SCRAM-SHA-256-PLUS\0\0")), "weak-login"),
    "md5-salt": (saying(asks(5, b"abc")), "weak-login"),
    "list-without-end": (saying(asks(10, b"SCRAM-SHA-256")), "bad-answer"),
    "too-short": (saying(message(b"R", b"\0\0")), "bad-answer"),
    "negative": (saying(b"R\xff\xff\xff\xff"), "bad-answer"),
    "too-long": (saying(b"R\x7f\xff\xff\xff"), "bad-answer"),
    "ready-at-once": (saying(READY), "bad-answer"),
    "http": (saying(b"HTTP/1.1 200 OK\r\n\r\n"), "bad-answer"),
    "notices": (saying(ONE_NOTICE * 300), "bad-answer"),
    "skips-the-proof": (saying(SASL, IN, KEY, READY), "bad-answer"),
    "skips-its-own-proof": (challenging(FINE, IN, KEY, READY), "bad-answer"),
    "false-proof": (challenging(FINE, asks(12, b"v=AAAA"), IN, KEY, READY), "bad-answer"),
    "changes-to-clear": (challenging(FINE, asks(3)), "bad-answer"),
    "foreign-nonce": (challenging("r=another-one,s=c2FsdA==,i=4096"), "bad-answer"),
    "one-round": (challenging("r=%and-mine,s=c2FsdA==,i=1"), "bad-answer"),
    "endless-rounds": (challenging("r=%and-mine,s=c2FsdA==,i=2000000000"), "bad-answer"),
    "rows-before-ready": (after_login(message(b"D", b"\0\0")), "bad-answer"),
    "asks-again": (after_login(asks(3)), "bad-answer"),
    "parameters": (after_login(message(b"S", b"a\0b\0") * 300), "bad-answer"),
    "short-key": (after_login(message(b"K", b"\0\0\0\0"), READY), "bad-answer"),
    "hangs-up": (hang_up, "unreachable"),
    "says-no": (saying(message(b"E", b"SFATAL\0C28P01\0Mno\0\0")), "server-refused"),
    "no-after-login": (after_login(message(b"E", b"SFATAL\0C3D000\0Mno\0\0")), "server-refused"),
}


@pytest.mark.parametrize("wrong", sorted(WRONG))
async def test_a_server_that_does_what_none_should_gets_no_session(wrong: str) -> None:
    """The child is told, by an error of PostgreSQL's; the password never leaves."""
    script, problem = WRONG[wrong]
    server = LoginServer(script)
    async with facing(server, holder(), limits=QUICK) as lab:
        child = await lab.child()
        async with asyncio.timeout(20):
            (*_, (kind, body)) = await child.log_in(lab.stand_in)
            rest = await child.rest()

    assert (kind, rest, lab.ends) == (b"E", b"", [f"LOGIN {problem}"])
    assert PASSWORD.encode() not in bytes(server.received) + body
    assert lab.stand_in.encode() not in bytes(server.received)


async def test_a_silent_server_is_let_go() -> None:
    """Within the time for a login."""
    limits = Limits(dial_seconds=0.2)
    server = LoginServer(saying())
    async with facing(server, holder(), limits=limits) as lab:
        kind, body = await lab.tried()

    assert (kind, state_of(body)) == (b"E", "08001")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [(b"N", "no-encryption"), (b"E", "bad-answer"), (b"R", "bad-answer")],
    ids=["declines", "error", "goes-on"],
)
async def test_a_server_without_tls_is_not_spoken_to_in_the_clear(
    answer: bytes, problem: str
) -> None:
    """TLS is asked for where nothing weaker was declared."""
    server = LoginServer(saying(), answer_to_tls=answer)
    async with facing(server, holder(sslmode="verify-full"), limits=QUICK) as lab:
        kind, _ = await lab.tried()

    assert (kind, lab.ends) == (b"E", [f"LOGIN {problem}"])
    assert USER.encode() not in server.received


async def test_what_was_said_before_tls_was_never_said(tmp_path: Path) -> None:
    """Whoever sits between cannot put words into the server's mouth (CVE-2021-23222)."""
    ours = Authority(tmp_path, "ours")
    context, put_in = ours.server_context(hosts=("localhost",)), b"S" + asks(3)

    async def silent(server: LoginServer) -> None:
        await server.take(1)

    server = LoginServer(silent, context, put_in)
    held, limits = holder(sslmode="verify-full"), Limits(dial_seconds=0.5)
    async with facing(server, held, limits=limits, upstream_ca=ours.ca_file) as lab:
        kind, _ = await lab.tried()

    assert kind == b"E"
    assert PASSWORD.encode() not in server.received


@pytest.mark.parametrize(
    ("mode", "hosts", "is_ours", "enters"),
    [
        ("verify-full", ("localhost",), True, True),
        ("verify-full", ("other.test",), True, False),
        ("verify-full", ("localhost",), False, False),
        ("verify-ca", ("other.test",), True, True),
        ("verify-ca", ("localhost",), False, False),
        ("require", ("other.test",), True, False),
        ("", ("other.test",), True, False),
    ],
    ids=str.split("full other-name stranger ca ca-stranger require-is-full nothing-is-full"),
)
async def test_a_server_is_who_it_is_declared_as(
    tmp_path: Path, mode: str, hosts: tuple[str, ...], *, is_ours: bool, enters: bool
) -> None:
    """By name and authority. Over such TLS the password itself may be asked for."""
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    context = (ours if is_ours else theirs).server_context(hosts=hosts)

    async def clear(server: LoginServer) -> None:
        server.ask(3)
        await server.answer()
        server.say(IN + KEY + READY)

    server = LoginServer(clear, context, b"S")
    held = holder(sslmode=mode)
    async with facing(server, held, limits=QUICK, upstream_ca=ours.ca_file) as lab:
        kind, _ = await lab.tried()
        lab.children[0].close()
        told = await lab.told_uses()

    assert (kind == b"Z") is enters
    assert (PASSWORD.encode() in server.received) is enters
    assert told == ["LOGIN answered" if enters else "LOGIN untrusted-server"]


async def test_no_credential_is_weaker_than_its_route() -> None:
    """A credential that says disable does not undo what was declared."""
    server = LoginServer(saying(), answer_to_tls=b"N")
    held, mode = holder(sslmode="disable"), {"sslmode": "verify-full"}
    async with facing(server, held, limits=QUICK, **mode) as lab:
        kind, _ = await lab.tried()

    assert kind == b"E"
    assert USER.encode() not in server.received


@pytest.mark.parametrize("offers", ["bound", "unbound"])
async def test_over_tls_a_login_is_bound_to_the_server_s_certificate(
    tmp_path: Path, offers: str
) -> None:
    """And says so where the server does not offer that, so that nobody can leave it out unseen."""
    ours = Authority(tmp_path, "ours")
    context = ours.server_context(hosts=("localhost",))
    der = ssl.PEM_cert_to_DER_cert((tmp_path / "server.pem").read_text())
    plus = b"SCRAM-SHA-256-PLUS\0" if offers == "bound" else b""
    finals = []

    async def scram(server: LoginServer) -> None:
        server.ask(10, plus + b"SCRAM-SHA-256\0\0")
        nonce = (await server.answer()).rpartition(b"r=")[2]
        server.ask(11, b"r=" + nonce + b"-and,s=c2FsdA==,i=4096")
        finals.append(await server.answer())

    server = LoginServer(scram, context, b"S")
    held, limits = holder(sslmode="verify-full"), Limits(dial_seconds=1)
    async with facing(server, held, limits=limits, upstream_ca=ours.ca_file) as lab:
        await lab.tried()

    bound = b"p=tls-server-end-point,," + hashlib.sha256(der).digest()
    wanted = base64.b64encode(bound if plus else b"y,,")
    assert finals[0].startswith(b"c=" + wanted + b",")
    assert (b"SCRAM-SHA-256-PLUS\0" in server.received) is bool(plus)


async def test_md5_is_answered_as_postgresql_wants_it() -> None:
    """For servers that know no better; with a credential that says nothing of TLS, as Vault's."""

    async def md5(server: LoginServer) -> None:
        server.ask(5, b"salt")
        inner = hashlib.md5((PASSWORD + USER).encode(), usedforsecurity=False).hexdigest()
        wanted = hashlib.md5(inner.encode() + b"salt", usedforsecurity=False).hexdigest()
        if await server.answer() == f"md5{wanted}\0".encode():
            server.say(IN + READY)

    server = LoginServer(md5)
    held = Holder(USER, PASSWORD)
    async with facing(server, held, limits=QUICK, sslmode="disable") as lab:
        child = await lab.child()
        heard = await child.log_in(lab.stand_in)

    assert [kind for kind, _ in heard] == [b"R", b"R", b"Z"]
    assert PASSWORD.encode() not in server.received


@pytest.mark.parametrize("bad", ["username", "password"])
async def test_a_credential_that_is_no_login_is_sent_nowhere(bad: str) -> None:
    """A name with an end in it would be another name, and settings after it."""
    server = LoginServer(saying())
    held = holder()
    held.words[bad] = "two\0words"
    async with facing(server, held, limits=QUICK) as lab:
        kind, body = await lab.tried()

    assert (kind, state_of(body), server.connections) == (b"E", "28000", 0)
