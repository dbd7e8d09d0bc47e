"""One conversation with Vault, which ends with its deadline, and errors that tell no secret.

hvac's adapter sends; a session of its own for each conversation, because requests' are not made for
several threads, and because killing must work on a day when every pooled connection is dead.

- No redirect is followed: it would carry the token to whoever is named. Nothing of the process's
  environment is used: no proxy, no ``VAULT_TOKEN``, no ``.netrc``.
- What an answer says of an error is kept only where it is one of Vault's own fixed phrases.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import requests
from hvac.adapters import RawAdapter

from backends.contract import Deadline
from backends.errors import (
    BackendError,
    NotMintedError,
    Trouble,
    require_recorded,
)
from backends.vault_cutting import CuttingAdapter
from backends.vault_options import VaultOptions

_MOST_BYTES: Final = 4_000_000
"""More than any answer that we ask for has."""
_CHUNK: Final = 65_536
_OUTSIDE: Final = "sys/health"
"""What no namespace answers."""
_ANY_STATE: Final = "?standbyok=true&perfstandbyok=true"

_LEADERLESS: Final = "active cluster node not found"
"""What a standby says while a new active server is chosen."""

_PHRASES: Final = (
    _LEADERLESS,
    "permission denied",
    "invalid accessor",
    "invalid lease",
    "lease not found",
    "unknown role",
    "no handler for route",
    "unsupported path",
    "lease is not renewable",
    "lease expired",
)
"""What may be passed on of Vault's words: they hold nothing of anybody's."""

_ABSENT: Final = ("invalid accessor", "invalid lease", "lease not found", "bad token")
_LOCKED: Final = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.NOT_IMPLEMENTED})
_AWAY: Final = frozenset({502, 504, 412, 429, 472, 473})
"""A gateway's word that nobody is behind it, and those of servers that are not the active one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, and the document, empty where there is none."""

    status: int
    document: Mapping[str, Any]

    @property
    def data(self) -> Mapping[str, Any]:
        """Its ``data``, empty where there is none."""
        found = self.document.get("data")
        return found if isinstance(found, dict) else {}

    def section(self, name: str) -> Mapping[str, Any]:
        """Return a part of it.

        Raises:
            BackendError: there is none.
        """
        found = self.document.get(name)
        if not isinstance(found, dict):
            raise BackendError(Trouble.GARBLED, f"the answer has no {name}")
        return found


class RefusedError(BackendError):
    """Vault said no: for certain nothing was done, where ``is_sure``."""

    def __init__(self, path: str, status: int, phrase: str) -> None:
        words = f"{path}: {status}" + (f", {phrase}" if phrase else "")
        super().__init__(Trouble.REFUSED, words)
        self.status = status
        self.phrase = phrase

    @property
    def is_sure(self) -> bool:
        """Whether nothing was done: an engine that fails inside says 500."""
        return self.status < HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def is_denied(self) -> bool:
        """Whether the token may not, or is none."""
        return self.status == HTTPStatus.FORBIDDEN and self.phrase != "invalid accessor"

    @property
    def is_absent(self) -> bool:
        """Whether what was named is not there."""
        return self.status == HTTPStatus.NOT_FOUND or self.phrase in _ABSENT


class Channel:
    """Use it as a context."""

    def __init__(self, options: VaultOptions, deadline: Deadline) -> None:
        self._options = options
        self.deadline = deadline
        self.is_standby = False
        """Whether a server answers that is not the cluster's active one, as far as is known."""
        self._session = requests.Session()
        self._session.trust_env = False
        cutting = CuttingAdapter(deadline)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, cutting)
        self._adapter = self._adapter_in(options.namespace)
        self._outside = self._adapter_in("")

    def _adapter_in(self, namespace: str) -> RawAdapter:
        return RawAdapter(
            base_uri=self._options.address.rstrip("/"),
            token="",
            namespace=namespace or None,
            session=self._session,
            allow_redirects=False,
        )

    def __enter__(self) -> Self:
        """Begin; connects with the first request."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect."""
        self._session.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request below ``/v1/``; it is never sent again by itself.

        Raises:
            RefusedError: Vault said no.
            BackendError: nobody knows what became of it.
        """
        self.deadline.require()
        sent = {**(headers or {}), **({"X-Vault-Token": token} if token else {})}
        try:
            answer = self._send(method, path, body, sent)
        except requests.Timeout:
            raise BackendError(Trouble.LATE, f"{_plain(path)}: no answer in time") from None
        except (requests.RequestException, OSError) as error:
            why = f"{_plain(path)}: {type(error).__name__}"
            late = self.deadline.left_s <= 0
            raise BackendError(Trouble.LATE if late else Trouble.UNREACHABLE, why) from None
        if self.deadline.left_s <= 0:  # it may have been cut short
            raise BackendError(Trouble.LATE, f"{_plain(path)}: the answer came too late")
        return self._judged(_plain(path), answer)

    def _send(
        self, method: str, path: str, body: Mapping[str, object] | None, headers: dict[str, str]
    ) -> Answer:
        adapter = self._outside if path.startswith(_OUTSIDE) else self._adapter
        with adapter.request(
            method,
            f"/v1/{path}",
            headers=headers,
            raise_exception=False,
            json=None if body is None else dict(body),
            timeout=max(0.05, self.deadline.left_s),
            verify=str(self._options.ca_file) if self._options.ca_file else True,
            stream=True,
        ) as response:
            return Answer(response.status_code, self._document(path, response))

    def _document(self, path: str, response: requests.Response) -> Mapping[str, Any]:
        """Read the answer as far as there is time and room.

        Raises:
            BackendError: it is too long, too slow, or no JSON object.
        """
        found = bytearray()
        for chunk in response.iter_content(_CHUNK):
            found += chunk
            self.deadline.require()
            if len(found) > _MOST_BYTES:
                raise BackendError(Trouble.GARBLED, f"{_plain(path)}: the answer is too long")
        if not found and response.status_code == HTTPStatus.NO_CONTENT:
            return {}
        try:
            document = msgspec.json.decode(bytes(found) or b"{}")
        except msgspec.DecodeError:
            document = None
        if isinstance(document, dict):
            return document
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            return {}
        raise BackendError(Trouble.GARBLED, f"{_plain(path)}: the answer is no JSON object")

    def _judged(self, path: str, answer: Answer) -> Answer:
        status = answer.status
        if status in _LOCKED:
            raise BackendError(Trouble.SEALED, f"{path}: {status}, sealed or not set up")
        if status in _AWAY or HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise BackendError(Trouble.UNREACHABLE, f"{path}: {status}, not the active server")
        if status >= HTTPStatus.BAD_REQUEST and (phrase := _phrase(answer.document)) == _LEADERLESS:
            raise BackendError(Trouble.UNREACHABLE, f"{path}: {status}, {phrase}")
        if status >= HTTPStatus.BAD_REQUEST:
            raise RefusedError(path, status, phrase)
        return answer

    def identity(self) -> str:
        """Tell this cluster, and namespace, from all others.

        Raises:
            BackendError: it does not say, or is sealed.
        """
        health = self.ask("get", f"sys/health{_ANY_STATE}").document
        if health.get("sealed") is True or health.get("initialized") is False:
            raise BackendError(Trouble.SEALED, "sys/health: sealed or not set up")
        self.is_standby = _is_standby(health)
        cluster = health.get("cluster_id")
        if not isinstance(cluster, str) or not cluster:
            raise BackendError(Trouble.GARBLED, "sys/health: names no cluster")
        return f"vault:{cluster}:{self._options.namespace}"

    def require_active(self) -> None:
        """Go on only where the active server answers: that something is absent only it knows.

        A standby of OpenBao answers what it can by itself, from data that come a little later.

        Raises:
            BackendError: it is a standby.
        """
        if self.is_standby:
            why = "a standby does not know it, which says nothing"
            raise BackendError(Trouble.UNREACHABLE, why)

    def require_identity(self, recorded: str) -> None:
        """Go on only at the cluster that was recorded.

        Raises:
            OtherTargetError: this is another one.
        """
        require_recorded(self.identity(), recorded)


def nothing_made(error: BackendError) -> NotMintedError:
    """Say the same of what has made nothing yet."""
    return NotMintedError(error.trouble, str(error))


def _is_standby(health: Mapping[str, Any]) -> bool:
    return health.get("standby") is True or health.get("performance_standby") is True


def _plain(path: str) -> str:
    return path.partition("?")[0]


def _phrase(document: Mapping[str, Any]) -> str:
    errors = document.get("errors")
    said = " ".join(map(str, errors)).lower() if isinstance(errors, list) else ""
    return next((phrase for phrase in (*_PHRASES, *_ABSENT) if phrase in said), "")
