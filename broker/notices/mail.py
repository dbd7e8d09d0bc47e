"""A mail server that takes what people are told: one attempt, in a thread that may be abandoned.

The library's own timeout bounds each step and the thread's caller all of them, so a server that
drips holds up nobody.
"""

import asyncio
import contextlib
import logging
import smtplib
import ssl
from typing import Final

from broker.daemon_thread import in_daemon_thread
from broker.notices.letter import letter
from broker.notices.notice import Notice, Wishes
from broker.notices.outcome import Delivered, Failed, Outcome
from broker.secret import Secret
from broker.settings.notify import MailTo, Smtp

MOST_ABANDONED: Final = 8
"""Threads of one receiver that hang beyond their time; then none is begun before one has ended."""

_MAX_FILE: Final = 4_096

LOGGER: Final = logging.getLogger(__name__)


class MailReceiver:
    """Tells some people by mail."""

    def __init__(self, server: Smtp, mail: MailTo) -> None:
        self.name = mail.name
        self.wishes = Wishes(mail.events, frozenset(mail.tenants))
        self.is_alarm = mail.alarm
        self.place = f"smtp://{server.host}:{server.port}"
        self._server = server
        self._mail = mail
        self._under_way = 0

    async def tell(self, notice: Notice, deadline_ms: int) -> Outcome:
        """Try once."""
        if self._under_way >= MOST_ABANDONED:
            return Failed("former mails still hang in the server")
        try:
            async with asyncio.timeout(deadline_ms / 1000):
                return await in_daemon_thread(lambda: self._send(notice, deadline_ms / 1000))
        except TimeoutError:
            return Failed(f"the mail was not taken within {deadline_ms} ms")

    def _send(self, notice: Notice, seconds: float) -> Outcome:
        self._under_way += 1
        try:
            self._deliver(notice, seconds)
        except smtplib.SMTPResponseException as error:
            return Failed(f"the server answered with {error.smtp_code}")
        except smtplib.SMTPRecipientsRefused:
            return Failed("the server refuses a recipient")
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return Failed(f"the mail was not taken: {type(error).__name__}")
        finally:
            self._under_way -= 1
        return Delivered()

    def _deliver(self, notice: Notice, seconds: float) -> None:
        message = letter(notice, self._server.sender, self._mail.to)
        client = self._connected(seconds)
        try:
            if self._server.password_file is not None:
                client.login(self._server.username, self._password().reveal())
            refused = client.send_message(message, self._server.sender, list(self._mail.to))
        finally:
            # Whatever is answered to that, the mail was taken or not before.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.putcmd("QUIT")
            client.close()
        if refused:  # the others have it, and would get it again and again
            LOGGER.warning("%d addresses of %s were refused", len(refused), self.name)

    def _connected(self, seconds: float) -> smtplib.SMTP:
        server = self._server
        if server.security == "none":
            return smtplib.SMTP(server.host, server.port, timeout=seconds)
        context = ssl.create_default_context(cafile=server.ca_file)
        if server.security == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=context)
        client = smtplib.SMTP(server.host, server.port, timeout=seconds)
        try:
            client.starttls(context=context)
        except BaseException:
            client.close()
            raise
        return client

    def _password(self) -> Secret:
        assert self._server.password_file is not None  # noqa: S101 - the settings hold both or none
        with self._server.password_file.open("rb") as file:
            lines = file.read(_MAX_FILE).decode("utf-8", "replace").splitlines()
        if not lines or not lines[0]:
            raise ValueError("the first line of password_file is the password")
        return Secret(lines[0])
