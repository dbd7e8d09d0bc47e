"""Calls of AWS's services that end with their deadline.

- botocore tries nothing again by itself. Only an answer that says "too often" is followed by
  another try, within the deadline: then nothing was done.
- A client's time-outs are fixed when it is made, so there is one for each step of a ladder, and a
  call takes the longest that still fits its deadline.
- The address is always told: nothing in the environment sends a call elsewhere.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from backends.aws_errors import RAISED, trouble_of
from backends.contract import Deadline
from backends.errors import BackendError, NotMintedError, Trouble

_LADDER_S: Final = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""How long a call may take: a quarter of it to connect, three quarters for each wait."""

_PAUSES_S: Final = (0.1, 0.2)
"""Before another try, at least; up to twice as long."""

_CLIENTS: Final = 32
"""Clients that are kept; a way in that is renewed brings new ones."""

for _library in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_library).setLevel(logging.WARNING)  # below, they log what they send


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a session."""

    access_key: str
    secret: str = field(repr=False)
    token: str = field(repr=False)


_NO_KEYS: Final = Keys("nobody", "nobody", "")
"""They are not sent. Without any, botocore would look for some, in vain and for seconds."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: somebody with keys, what boto3 finds, or nobody, whose requests bear no name."""

    keys: Keys | None = None
    profile: str | None = None
    is_nobody: bool = False


NOBODY: Final = Caller(is_nobody=True)


@dataclass(frozen=True, slots=True)
class Service:
    """A service by boto3's name, where it is, and who calls it."""

    name: str
    url: str
    caller: Caller


class Clients:
    """Calls operations. Used by several threads at once."""

    def __init__(
        self, region: str, ca_file: str | None = None, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._region = region
        self._ca_file = ca_file
        self._pause = pause
        self._lock = threading.Lock()
        self._sessions: dict[str | None, Any] = {}
        self._clients: dict[tuple[Service, float], Any] = {}

    def call(
        self, service: Service, operation: str, parameters: Mapping[str, Any], deadline: Deadline
    ) -> Mapping[str, Any]:
        """Call an operation, by boto3's name for it.

        Raises:
            NotMintedError: for certain nothing was done;
                :class:`~backends.aws_errors.AnsweredError` if the service said so.
            BackendError: something may have been done.
        """
        for shortest_s in _PAUSES_S:
            answer = self._once(service, operation, parameters, deadline)
            pause_s = shortest_s * (1 + secrets.randbelow(100) / 100)
            if not _is_too_often(answer) or deadline.left_s <= pause_s:
                return _told(answer)
            self._pause(pause_s)
        return _told(self._once(service, operation, parameters, deadline))

    def _once(
        self, service: Service, operation: str, parameters: Mapping[str, Any], deadline: Deadline
    ) -> Mapping[str, Any] | BackendError:
        """Return an error instead of raising it, so that it does not drag the library's along."""
        fitting = [step_s for step_s in _LADDER_S if step_s <= deadline.left_s]
        if not fitting:
            return NotMintedError(Trouble.LATE, "the deadline has passed")
        try:
            client = self._client(service, fitting[-1])
            answer: Mapping[str, Any] = getattr(client, operation)(**parameters)
        except RAISED as error:
            return trouble_of(error)
        return answer

    def _client(self, service: Service, step_s: float) -> Any:  # noqa: ANN401 - boto3 has no types
        key = (service, step_s)
        with self._lock:  # making a client is not safe in two threads
            if key not in self._clients:
                if len(self._clients) >= _CLIENTS:
                    del self._clients[next(iter(self._clients))]
                self._clients[key] = self._made(service, step_s)
            return self._clients[key]

    def _made(self, service: Service, step_s: float) -> Any:  # noqa: ANN401
        caller = service.caller
        return self._session(caller.profile).client(
            service.name,
            region_name=self._region,
            endpoint_url=service.url,
            verify=self._ca_file,
            config=_config(step_s, is_nobody=caller.is_nobody),
            **_named(_NO_KEYS if caller.is_nobody else caller.keys),
        )

    def _session(self, profile: str | None) -> Any:  # noqa: ANN401
        if profile not in self._sessions:
            self._sessions[profile] = boto3.session.Session(profile_name=profile)
        return self._sessions[profile]

    def close(self) -> None:
        """Let go of every connection."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()


def _is_too_often(answer: Mapping[str, Any] | BackendError) -> bool:
    return isinstance(answer, BackendError) and answer.trouble is Trouble.THROTTLED


def _told(answer: Mapping[str, Any] | BackendError) -> Mapping[str, Any]:
    if isinstance(answer, BackendError):
        raise answer
    return answer


def _named(keys: Keys | None) -> dict[str, str]:
    if keys is None:
        return {}
    return {
        "aws_access_key_id": keys.access_key,
        "aws_secret_access_key": keys.secret,
        "aws_session_token": keys.token,
    }


def _config(step_s: float, *, is_nobody: bool) -> Config:
    return Config(
        connect_timeout=step_s / 4,
        read_timeout=step_s * 3 / 4,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=64,
        **({"signature_version": UNSIGNED} if is_nobody else {}),
    )
