"""Reading secrets with a credential's own token, and putting them into words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from backends.errors import BackendError, Trouble
from backends.vault_channel import Answer, Channel
from backends.vault_login import Login
from backends.vault_options import Manner, VaultOptions
from backends.vault_template import Order, Request
from backends.vault_tokens import Ready, Trail

_SLACK_MS: Final = 5_000
"""How much later than it should a certificate may end: clocks differ."""


class UndeclaredError(BackendError):
    """What was read is not what its mount is declared to give; nobody was given it."""


@dataclass(frozen=True, slots=True)
class Found:
    """One secret, and what it is called at Vault."""

    words: Mapping[str, str] = field(repr=False)
    lease: str = ""
    lasts_s: int = 0
    serial: str = ""


class Secrets:
    """Reads."""

    def __init__(self, login: Login, options: VaultOptions) -> None:
        self._login = login
        self._options = options

    def read(
        self, channel: Channel, ready: Ready, request: Request, ttl_s: int, expires_at_ms: int
    ) -> Found:
        """Read one secret.

        Raises:
            RefusedError: Vault said no.
            BackendError: there may be one, or it is not what its mount is declared to give.
        """
        channel.deadline.require()
        method = "post" if request.is_write else "get"
        ttl = {"ttl": f"{ttl_s}s"} if request.is_timed else {}
        body = {**request.body, **ttl} if request.is_write else None
        answer = channel.ask(method, request.path, body, token=ready.token)
        return _found(answer, request, ready.order.manner, expires_at_ms)

    def delivered(
        self, channel: Channel, order: Order, found: Mapping[str, Found]
    ) -> tuple[dict[str, str], str]:
        """Return the words of all scopes, or of a wrapping token; and that token's accessor."""
        words = _all_words(order, found)
        if order.wrap_ttl_seconds is None:
            return words, ""
        headers = {"X-Vault-Wrap-TTL": f"{order.wrap_ttl_seconds}s"}
        answer = self._login.ask(channel, "post", "sys/wrapping/wrap", words, headers=headers)
        wrapped = answer.section("wrap_info")
        shown = {
            "address": self._options.address,
            "wrapping_token": str(wrapped.get("token") or ""),
            "creation_path": str(wrapped.get("creation_path") or ""),
        }
        if self._options.namespace:
            shown["namespace"] = self._options.namespace
        return shown, str(wrapped.get("accessor") or "")


def trail_of(order: Order, found: Mapping[str, Found], wrapping: str = "") -> Trail:
    """Return what kills, finds and renews what was read."""
    each = {id(one): (order.requests[scope].mount, one) for scope, one in found.items()}.values()
    return Trail(
        leases=tuple(one.lease for _, one in each if one.lease),
        serials=tuple((mount, one.serial) for mount, one in each if one.serial),
        wrapping=wrapping,
    )


def _all_words(order: Order, found: Mapping[str, Found]) -> dict[str, str]:
    """Those of one secret as they are called there; of several, each after its scope."""
    if len(order.distinct) == 1:
        return {**order.also, **next(iter(found.values())).words}
    named = {f"{scope}/{k}": v for scope, one in found.items() for k, v in one.words.items()}
    return {**order.also, **named}


def _found(answer: Answer, request: Request, manner: Manner, expires_at_ms: int) -> Found:
    data = answer.section("data")
    lease, lasts = answer.document.get("lease_id"), answer.document.get("lease_duration")
    serial = data.get("serial_number")
    if manner is Manner.LEASE and not (isinstance(lease, str) and lease):
        raise _undeclared(request, "no lease")
    if manner is Manner.CRL and not (isinstance(serial, str) and serial):
        raise _undeclared(request, "no certificate with a serial number")
    if request.engine == "pki":
        _require_end(request, data.get("expiration"), expires_at_ms)
    return Found(
        words=_words(_inner(request, data)),
        lease=str(lease) if manner is Manner.LEASE else "",
        lasts_s=lasts if isinstance(lasts, int) else 0,
        serial=str(serial) if manner is Manner.CRL else "",
    )


def _require_end(request: Request, ends_s: object, expires_at_ms: int) -> None:
    if not isinstance(ends_s, int) or ends_s * 1000 > expires_at_ms + _SLACK_MS:
        raise _undeclared(request, "a certificate that outlives what was asked for")


def _undeclared(request: Request, what: str) -> UndeclaredError:
    return UndeclaredError(Trouble.GARBLED, f"{request.path} gives {what}: mend its mount's death")


def _inner(request: Request, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take the envelope off that version 2 of kv has."""
    inner = data.get("data")
    if request.engine == "kv" and "metadata" in data and isinstance(inner, dict):
        return inner
    return data


def _words(data: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): _word(value) for name, value in data.items() if value is not None}


def _word(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "\n".join(value)  # a chain of certificates
    return msgspec.json.encode(value).decode()
