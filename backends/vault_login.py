"""Who the broker is at Vault: a token of its own, which it logs in for and renews.

- No secret is configured: it shows a JWT that it signs itself, its own workload token, a service
  account's, or what AppRole needs; files are read anew each time.
- The token is renewed once half its time is over, also while nobody asks (:class:`Keeper`): a
  broker that cannot sign any more goes on killing as long as Vault lets it.
- Vault may forget it at any time (restart, failover, an operator). A request that is denied is sent
  again once, with a new token, if the former is none any more. If it is one, the policy is at
  fault, and logging in again would only fill Vault.
- Whoever logs in does so alone; the others wait, as long as their own deadlines let them.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from backends.contract import Deadline, Surroundings
from backends.errors import BackendError, Trouble
from backends.vault_channel import Answer, Channel, RefusedError
from backends.vault_options import AppRoleLogin, JwtLogin, KubernetesLogin, VaultOptions

_SUBJECT: Final = "jit-broker"
_LOGIN_LIFETIME_S: Final = 60
_KEEPING_MS: Final = 5_000
_SOONEST_S: Final = 1.0
_LATEST_S: Final = 3_600.0

Open = Callable[[Deadline], Channel]


def monotonic_ms() -> int:
    """Return a clock that never goes back."""
    return time.monotonic_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Held:
    """The broker's token, and when it ends, by the monotonic clock."""

    token: str = field(repr=False)
    ends_ms: int
    lasts_ms: int
    is_renewable: bool

    @property
    def is_young(self) -> bool:
        """Whether less than half of its time is over."""
        return monotonic_ms() < self.ends_ms - self.lasts_ms // 2

    @property
    def is_over(self) -> bool:
        """Whether Vault takes it no more."""
        return monotonic_ms() >= self.ends_ms


class Login:
    """Holds the token. Used by many threads."""

    def __init__(self, options: VaultOptions, surroundings: Surroundings, open_: Open) -> None:
        self._options = options
        self._surroundings = surroundings
        self._open = open_
        self._one_at_a_time = threading.Lock()
        self._held: Held | None = None
        self._keeper = Keeper(self)

    def ask(
        self,
        channel: Channel,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request as the broker.

        Raises:
            RefusedError: Vault said no, and knows who asks.
            BackendError: nobody knows what became of it, or nobody can log in.
        """
        held = self.current(channel)
        try:
            return channel.ask(method, path, body, token=held.token, headers=headers)
        except RefusedError as error:
            if not error.is_denied or self._is_known(channel, held):
                raise
        self._forget(held)
        token = self.current(channel).token
        return channel.ask(method, path, body, token=token, headers=headers)

    def current(self, channel: Channel) -> Held:
        """Return a token that is good, renewed or new if need be.

        Raises:
            BackendError: none is to be had.
        """
        held = self._held
        if held is not None and held.is_young:
            return held
        with self._alone(channel.deadline):
            held = self._held
            if held is None or not held.is_young:
                held = self._held = self._fresh(channel, held)
                self._keeper.wake()
            return held

    def close(self) -> None:
        """Renew no more."""
        self._keeper.close()

    @contextmanager
    def _alone(self, deadline: Deadline) -> Iterator[None]:
        if not self._one_at_a_time.acquire(timeout=deadline.left_s):
            raise BackendError(Trouble.LATE, "somebody else was logging in until the deadline")
        try:
            yield
        finally:
            self._one_at_a_time.release()

    def _fresh(self, channel: Channel, held: Held | None) -> Held:
        if held is not None and not held.is_over and held.is_renewable:
            renewed = self._renewed(channel, held)
            if renewed.is_young:
                return renewed
            held = renewed  # it nears its maximum
        try:
            return self._log_in(channel)
        except BackendError:
            if held is None or held.is_over:
                raise
            return held  # half of its time is left

    def _renewed(self, channel: Channel, held: Held) -> Held:
        try:
            answer = channel.ask("post", "auth/token/renew-self", {}, token=held.token)
            found = _held(answer.section("auth"))
        except BackendError:
            return held
        # What is left is measured against the whole, so that near its maximum it is not young.
        return replace(found, lasts_ms=max(found.lasts_ms, held.lasts_ms))

    def _log_in(self, channel: Channel) -> Held:
        mount, body = self._proof()
        try:
            answer = channel.ask("post", f"auth/{mount}/login", body)
        except RefusedError as error:
            raise BackendError(Trouble.LOCKED_OUT, f"cannot log in: {error}") from None
        return _held(answer.section("auth"))

    def _proof(self) -> tuple[str, dict[str, object]]:
        login = self._options.login
        match login:
            case JwtLogin():
                return login.mount, {"role": login.role, "jwt": self._jwt(login)}
            case KubernetesLogin():
                return login.mount, {"role": login.role, "jwt": _read(login.token_file)}
            case AppRoleLogin():
                secret = _read(login.secret_id_file)
                return login.mount, {"role_id": login.role_id, "secret_id": secret}

    def _jwt(self, login: JwtLogin) -> str:
        if login.token_file is not None:
            return _read(login.token_file)
        audience = login.audience or self._options.address
        return self._surroundings.token(audience, _SUBJECT, _LOGIN_LIFETIME_S)

    def _is_known(self, channel: Channel, held: Held) -> bool:
        """Ask whether Vault still knows the token that it denied something."""
        try:
            channel.ask("get", "auth/token/lookup-self", token=held.token)
        except RefusedError as error:
            return not error.is_denied
        return True

    def _forget(self, held: Held) -> None:
        if self._held is held:  # without the lock: at worst somebody logs in once too often
            self._held = None

    def next_look_s(self) -> float:
        """Return in how many seconds the token should be renewed."""
        held = self._held
        if held is None:
            return _LATEST_S
        half_ms = held.ends_ms - held.lasts_ms // 2 - monotonic_ms()
        return min(_LATEST_S, max(_SOONEST_S, half_ms / 1000))

    def keep(self) -> None:
        """Renew the token, if there is one; whatever fails is tried again later."""
        deadline = Deadline(monotonic_ms() + _KEEPING_MS, monotonic_ms)
        if self._held is None:
            return
        try:
            with self._open(deadline) as channel:
                self.current(channel)
        except BackendError:
            return  # who needs it hears why


class Keeper:
    """A thread that renews in time; it begins with the first login."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._changed = threading.Event()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Look at the token anew."""
        self._changed.set()
        if self._thread is None and not self._is_closed:
            self._thread = threading.Thread(target=self._run, name="vault-keeper", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End."""
        self._is_closed = True
        self._changed.set()

    def _run(self) -> None:
        while not self._is_closed:
            self._changed.clear()
            if not self._changed.wait(self._login.next_look_s()):
                self._login.keep()


def _held(auth: Mapping[str, Any]) -> Held:
    token, lasts_s = auth.get("client_token"), auth.get("lease_duration")
    if not isinstance(token, str) or not token or not isinstance(lasts_s, int) or lasts_s < 1:
        raise BackendError(Trouble.GARBLED, "the login gave no token that ends")
    lasts_ms = lasts_s * 1000
    renewable = auth.get("renewable") is True
    return Held(token, monotonic_ms() + lasts_ms, lasts_ms, renewable)


def _read(file: Path) -> str:
    try:
        found = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BackendError(Trouble.UNKNOWN, f"{file}: {type(error).__name__}") from None
    if not found:
        raise BackendError(Trouble.UNKNOWN, f"{file}: empty")
    return found
