"""The login at the server, with the credential, and all that the server says of the session."""

import hashlib
import re
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from broker.daemon_thread import in_daemon_thread
from broker.proxy.postgres.messages import (
    AUTHENTICATION,
    ERROR,
    KEY_DATA,
    LENGTH_BYTES,
    NOTICE,
    PARAMETER,
    PASSWORD,
    READY,
    Message,
    number,
    read_message,
    text,
    texts,
    to_number,
)
from broker.proxy.postgres.refusal import ServerRefusedError, weak
from broker.proxy.postgres.scram import BOUND_MECHANISM, MECHANISM, Client, ScramError
from broker.proxy.postgres.startup import Cancel, Start
from broker.proxy.problem import RefusedError, bad_answer
from broker.proxy.wire import Wire
from broker.secret import Secret

_PASSWORD: Final = re.compile(r"[\x21-\x7e]{1,256}", re.ASCII)
_USER: Final = re.compile(r"[\x20-\x7e]{1,63}", re.ASCII)
_MOST_BYTES: Final = 65_536
_MOST_MESSAGES: Final = 256
_MOST_CHALLENGES: Final = 4
_NONCE_BYTES: Final = 18
_KEY_BYTES: Final = 8
_OK, _CLEAR, _MD5, _SASL, _SASL_GOES_ON, _SASL_ENDS = 0, 3, 5, 10, 11, 12
"""What an authentication message asks for."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in, and by what."""

    user: str
    password: Secret

    @classmethod
    def of(cls, values: Mapping[str, Secret]) -> "Login":
        """Take it out of a credential.

        Raises:
            RefusedError: the credential is no login, or one that PostgreSQL would read otherwise.
        """
        empty = Secret("")
        user, password = values.get("username", empty), values.get("password", empty)
        fits = _USER.fullmatch(user.reveal()) and _PASSWORD.fullmatch(password.reveal())
        if not fits:
            raise RefusedError(502, "credential-unfit", "the credential is no user and password")
        return cls(user.reveal(), password)

    def needles(self) -> tuple[bytes, ...]:
        """Return what a server keeps of it that is as good as the password itself."""
        return (_md5(self.password.reveal(), self.user.encode()).encode(),)


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a server says when somebody is in."""

    told: tuple[Message, ...] = field(repr=False)
    """Parameters and notices, and at last that it is ready."""
    cancel: Cancel | None = field(repr=False)


async def log_in(
    server: Wire, start: Start, login: Login, database: str, seconds: float
) -> Welcome:
    """Log in over a connection.

    Raises:
        RefusedError: the server does what none may: asks in a way that would give the password
            away, lets in whoever comes, or speaks out of turn.
        ServerRefusedError: it says no.
        GoneError: it closes, or is too slow.
    """
    await server.send(start.render(login.user, database), seconds)
    dialogue = _Dialogue(server, login, seconds)
    try:
        await dialogue.prove()
        return await dialogue.welcome()
    except ScramError as error:
        raise bad_answer(str(error)) from None
    except RefusedError as error:
        if error.problem.code != "malformed":
            raise
        raise bad_answer(error.problem.detail) from None  # not the child, the server is at fault


class _Dialogue:
    def __init__(self, server: Wire, login: Login, seconds: float) -> None:
        self._server = server
        self._login = login
        self._seconds = seconds

    async def prove(self) -> None:
        """Do what the server asks for, until it lets us in."""
        code, data = await self._asked()
        if code == _SASL:
            await self._scram(data)
        elif code == _MD5 and len(data) == LENGTH_BYTES:
            inner = _md5(self._login.password.reveal(), self._login.user.encode())
            await self._answer(text(f"md5{_md5(inner, data)}"))
        elif code == _CLEAR and self._certificate() is not None:
            await self._answer(text(self._login.password.reveal()))
        elif code == _CLEAR:
            raise weak("the server asks for the password in the clear, without TLS")
        elif code == _OK:
            raise weak("the server lets in whoever comes: it is not known which one it is")
        else:
            raise weak("the server asks for a login of a kind that is not spoken here")
        await self._expect(_OK)

    async def _scram(self, offered: bytes) -> None:
        mechanism, client = self._client(texts(offered))
        first = client.first()
        await self._answer(text(mechanism) + number(len(first)) + first)
        challenge = await self._expect(_SASL_GOES_ON)
        await self._answer(await in_daemon_thread(lambda: client.prove(challenge)))
        client.verify(await self._expect(_SASL_ENDS))

    def _client(self, offered: list[bytes]) -> tuple[str, Client]:
        password, nonce = self._login.password.reveal(), secrets.token_urlsafe(_NONCE_BYTES)
        certificate = self._certificate()
        binding = _binding(certificate) if certificate else b""
        if binding and BOUND_MECHANISM.encode() in offered:
            begin = "p=tls-server-end-point,,"
            return BOUND_MECHANISM, Client(password, nonce, begin, binding)
        if MECHANISM.encode() not in offered:
            raise weak("the server does not offer SCRAM-SHA-256")
        return MECHANISM, Client(password, nonce, "y,," if binding else "n,,")

    def _certificate(self) -> bytes | None:
        """Return the server's certificate; None without TLS."""
        tls: ssl.SSLObject | None = self._server.writer.get_extra_info("ssl_object")
        return tls.getpeercert(binary_form=True) if tls is not None else None

    async def _answer(self, body: bytes) -> None:
        await self._server.send(Message(PASSWORD, body).render(), self._seconds)

    async def _expect(self, code: int) -> bytes:
        found, data = await self._asked()
        if found != code:
            raise bad_answer("the server's login is out of order")
        return data

    async def _asked(self) -> tuple[int, bytes]:
        for _ in range(_MOST_CHALLENGES):
            message = await self._heard()
            if message.kind == AUTHENTICATION:
                return to_number(message.body), message.body[LENGTH_BYTES:]
            if message.kind != NOTICE:
                break
        raise bad_answer("the server says something else before it lets anybody in")

    async def welcome(self) -> Welcome:
        """Hear all that comes before the session may begin."""
        told: list[Message] = []
        cancel: Cancel | None = None
        for _ in range(_MOST_MESSAGES):
            message = await self._heard()
            if message.kind == KEY_DATA:
                cancel = _cancel(message.body)
            elif message.kind in {PARAMETER, NOTICE, READY}:
                told.append(message)
            else:
                raise bad_answer("the server says something else before it is ready")
            if message.kind == READY:
                return Welcome(tuple(told), cancel)
        raise bad_answer("the server talks too much before it is ready")

    async def _heard(self) -> Message:
        message = await read_message(self._server, self._seconds, _MOST_BYTES)
        if message.kind == ERROR:
            raise ServerRefusedError(message)
        return message


def _cancel(body: bytes) -> Cancel:
    if len(body) != _KEY_BYTES:
        raise bad_answer("the server's key has another length")
    return Cancel(to_number(body), body[LENGTH_BYTES:])


def _md5(secret: str, salt: bytes) -> str:
    """Compute what PostgreSQL calls md5; a server that knows no better asks for it."""
    return hashlib.md5(secret.encode() + salt, usedforsecurity=False).hexdigest()


def _binding(certificate: bytes) -> bytes:
    """Return what a channel is known by (RFC 5929 §4.1); nothing if no hash is defined for it."""
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        return b""
    if algorithm is None:
        return b""
    name = "sha256" if algorithm.name in {"md5", "sha1"} else algorithm.name
    return hashlib.new(name.replace("-", "_"), certificate).digest()
