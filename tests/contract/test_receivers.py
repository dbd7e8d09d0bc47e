"""One attempt to tell somebody: over real HTTP and real mail, whatever the other side does."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from broker.clock import SystemClock
from broker.notices.alarm import Alarm
from broker.notices.mail import MailReceiver
from broker.notices.notice import Notice
from broker.notices.notice_side import NoticeSession
from broker.notices.outcome import Delivered, Failed, Stopped
from broker.notices.webhook import WebhookReceiver
from broker.settings.notify import MailTo, Smtp, Webhook
from tests.fakes.alarm_receiver import OTHER, SECRET, AlarmReceiver, receiving
from tests.fakes.certificates import Authority
from tests.fakes.mail_server import MailServer, taking_mail
from tests.fakes.raw_server import for_ever, saying
from tests.fakes.raw_server import running as raw

NOTICE = Notice(id="msg_1", type="breakglass.alarm", tenant="acme", at_ms=0, data={"agent": "a"})
SOON_MS = 300
LONG_MS = 10_000


@pytest.fixture
async def session() -> AsyncIterator[NoticeSession]:
    """Connections of a test."""
    session = NoticeSession()
    yield session
    await session.close()


def webhook(settings: Webhook, session: NoticeSession) -> WebhookReceiver:
    """Make the receiver of the settings."""
    return WebhookReceiver(settings, session.get, SystemClock())


async def test_a_message_arrives_signed(session: NoticeSession, tmp_path: Path) -> None:
    """And the receiver's own check takes it."""
    async with receiving() as oncall:
        outcome = await webhook(oncall.settings(tmp_path), session).tell(NOTICE, LONG_MS)

    assert outcome == Delivered()
    assert [(each.id, each.type) for each in oncall.messages] == [("msg_1", "breakglass.alarm")]


async def test_a_secret_is_changed_without_a_message_lost(
    session: NoticeSession, tmp_path: Path
) -> None:
    """Both sign while the file has two lines; it is read anew for each message."""
    async with receiving(AlarmReceiver(secrets=(SECRET,))) as oncall:
        receiver = webhook(oncall.settings(tmp_path), session)
        (tmp_path / "oncall.secret").write_text(f"{OTHER}\n{SECRET}\n")
        assert await receiver.tell(NOTICE, LONG_MS) == Delivered()
        oncall.secrets = (OTHER,)
        assert await receiver.tell(NOTICE, LONG_MS) == Delivered()
        (tmp_path / "oncall.secret").write_text(f"{OTHER}\n")
        assert await receiver.tell(NOTICE, LONG_MS) == Delivered()

    assert oncall.unsigned == 0


@pytest.mark.parametrize("text", ["", "short", f"{SECRET} {SECRET} {SECRET}", "\xff" * 5000])
async def test_without_a_good_secret_nothing_is_sent(
    session: NoticeSession, tmp_path: Path, text: str
) -> None:
    """And the file's content is not in what is said of it."""
    async with receiving() as oncall:
        receiver = webhook(oncall.settings(tmp_path), session)
        (tmp_path / "oncall.secret").write_text(text)
        outcome = await receiver.tell(NOTICE, LONG_MS)

    assert isinstance(outcome, Failed)
    assert "secret_file" in outcome.why
    assert SECRET[10:] not in outcome.why
    assert oncall.tries == 0


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 429, 500, 503])
async def test_only_a_yes_is_a_yes(session: NoticeSession, tmp_path: Path, status: int) -> None:
    """Redirects are not followed: the signature would vouch for us to whoever is there."""
    async with receiving() as elsewhere, receiving(AlarmReceiver(status=status)) as oncall:
        oncall.headers = {"Location": elsewhere.url, "Retry-After": "7"}
        outcome = await webhook(oncall.settings(tmp_path), session).tell(NOTICE, LONG_MS)

    assert outcome == Failed(f"answered with status {status}", 7_000)
    assert elsewhere.tries == 0


@pytest.mark.parametrize(("text", "ms"), [("-1", 0), ("x", 0), ("9" * 9, 0), ("999999", 3_600_000)])
async def test_a_wait_that_is_asked_for_is_bounded(
    session: NoticeSession, tmp_path: Path, text: str, ms: int
) -> None:
    """A receiver cannot put itself to sleep for ever."""
    async with receiving(AlarmReceiver(status=503, headers={"Retry-After": text})) as oncall:
        outcome = await webhook(oncall.settings(tmp_path), session).tell(NOTICE, LONG_MS)

    assert outcome == Failed("answered with status 503", ms)


async def test_a_receiver_may_say_that_it_wants_no_more(
    session: NoticeSession, tmp_path: Path
) -> None:
    """By 410."""
    async with receiving(AlarmReceiver(status=410)) as oncall:
        assert await webhook(oncall.settings(tmp_path), session).tell(NOTICE, LONG_MS) == Stopped()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize(
    "play",
    [
        saying(then_hang=True),
        saying(HEAD, then_hang=True),
        saying(HEAD, b"x"),
        saying(b"HTTP/1.1 200 OK\r\n", then_hang=True),
        saying(b"\x1b[31m no HTTP at all\r\n\r\n"),
        saying(),
        for_ever(b"x", pause=0.01, head=b"HTTP/1.1 200 OK\r\n\r\n"),
        for_ever(b"x" * 4096, head=b"HTTP/1.1 200 OK\r\n\r\n"),
        for_ever(b"X-A: b\r\n", pause=0.001, head=b"HTTP/1.1 200 OK\r\n"),
    ],
    ids=[
        "silent",
        "no-body",
        "half-body",
        "half-head",
        "no-http",
        "hang-up",
        "drip",
        "flood",
        "head",
    ],
)
async def test_who_hangs_drips_floods_or_lies_has_taken_nothing(
    session: NoticeSession, tmp_path: Path, play: Any
) -> None:
    """A yes is one only when the answer is whole; and it takes no longer than it may."""
    async with raw(play) as liar:
        secret_file = tmp_path / "liar.secret"
        secret_file.write_text(SECRET)
        settings = Webhook(name="liar", url=f"{liar.url}/hook", secret_file=secret_file)
        async with asyncio.timeout(20):
            outcome = await webhook(settings, session).tell(NOTICE, SOON_MS)

    assert isinstance(outcome, Failed)
    assert outcome.why.isascii()
    assert outcome.why.isprintable()


async def test_nobody_there_is_a_failure(session: NoticeSession, tmp_path: Path) -> None:
    """Not an exception."""
    async with receiving() as oncall:
        settings = oncall.settings(tmp_path)
    outcome = await webhook(settings, session).tell(NOTICE, LONG_MS)

    assert isinstance(outcome, Failed)


def mail_to(server: MailServer, **changes: Any) -> MailReceiver:
    """Return people who are told by a server."""
    mail = MailTo(name="security", to=("ann@example.com", "bob@example.com"))
    given = {"host": "127.0.0.1", "port": server.port, "sender": "broker@example.com"}
    return MailReceiver(Smtp(**{**given, "mails": (mail,), "security": "none", **changes}), mail)


async def test_a_mail_is_taken_for_everybody() -> None:
    """With its words."""
    async with taking_mail(MailServer()) as server:
        assert await mail_to(server).tell(NOTICE, LONG_MS) == Delivered()

    assert server.recipients == ["ann@example.com", "bob@example.com"]
    assert b"Subject: [broker] breakglass.alarm (acme)" in server.mails[0]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_is_encrypted_and_its_server_believed_by_its_authority(
    tmp_path: Path, security: str
) -> None:
    """And by nobody else's: another server gets neither password nor mail."""
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    password_file = tmp_path / "password"
    password_file.write_text("s3cret\n")
    account = {"username": "broker", "password_file": password_file, "security": security}
    context: ssl.SSLContext = ours.server_context()
    server = MailServer(context=context, is_tls=security == "tls", password="s3cret")
    async with taking_mail(server):
        good = await mail_to(server, ca_file=ours.ca_file, **account).tell(NOTICE, LONG_MS)
        bad = await mail_to(server, ca_file=theirs.ca_file, **account).tell(NOTICE, LONG_MS)

    assert good == Delivered()
    assert isinstance(bad, Failed)
    assert server.was_encrypted == [True]


async def test_a_server_without_encryption_is_not_talked_into_it() -> None:
    """STARTTLS that is not offered is a failure: no mail leaves in the clear."""
    async with taking_mail(MailServer()) as server:
        outcome = await mail_to(server, security="starttls").tell(NOTICE, LONG_MS)

    assert isinstance(outcome, Failed)
    assert server.mails == []


async def test_one_refused_address_does_not_tell_the_others_again_and_again() -> None:
    """All of them refused is a failure; what the server said is not shown."""
    async with taking_mail(MailServer(refuses="bob")) as server:
        assert await mail_to(server).tell(NOTICE, LONG_MS) == Delivered()
        server.refuses = "example.com"
        assert await mail_to(server).tell(NOTICE, LONG_MS) == Failed(
            "the server refuses a recipient"
        )


@pytest.mark.parametrize("word", ["EHLO", "MAIL", "DATA"])
async def test_a_mail_server_that_hangs_is_left_in_time(word: str) -> None:
    """At any step."""
    async with taking_mail(MailServer(hangs_at=word)) as server, asyncio.timeout(20):
        assert isinstance(await mail_to(server).tell(NOTICE, SOON_MS), Failed)


async def test_an_alarm_has_arrived_when_one_has_said_so(
    session: NoticeSession, tmp_path: Path
) -> None:
    """One that hangs beside it keeps no door shut."""
    async with receiving() as good, receiving(AlarmReceiver(hangs=True)) as hanging:
        alarm = Alarm(
            [
                webhook(hanging.settings(tmp_path, "hanging"), session),
                webhook(good.settings(tmp_path, "good"), session),
            ],
            SystemClock(),
        )
        async with asyncio.timeout(20):
            arrival = await alarm.deliver(NOTICE, 60_000)

    assert arrival.by == ("good",)


async def test_an_alarm_that_nobody_takes_has_not_arrived(
    session: NoticeSession, tmp_path: Path
) -> None:
    """Down, hanging, of another tenant, or not counted: it is said of each."""
    async with receiving(AlarmReceiver(status=500)) as down, receiving() as other:
        alarm = Alarm(
            [
                webhook(down.settings(tmp_path, "down"), session),
                webhook(other.settings(tmp_path, "theirs", tenants=("globex",)), session),
                webhook(other.settings(tmp_path, "quiet", alarm=False), session),
            ],
            SystemClock(),
        )
        arrival = await alarm.deliver(NOTICE, LONG_MS)

    assert not arrival.has_arrived
    assert arrival.troubles == ("down: answered with status 500",)
    assert other.tries == 0
    assert not (await Alarm([], SystemClock()).deliver(NOTICE, LONG_MS)).has_arrived
