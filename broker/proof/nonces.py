"""DPoP nonces that nobody has to remember (RFC 9449 §8, §9).

A nonce is a MAC over the stretch of time in which it was made, under a key that all processes share
which serve one address: each knows the nonces of all others, and none keeps any. It is good in its
own window and the next, and may be used for as many proofs as are made then, since each proof is
good once anyway. Whoever has no key cannot tell the next one before its window begins, so proofs
cannot be made in store for later.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import Final

from broker import base64url
from broker.clock import Clock

NONCE_HEADER: Final = "DPoP-Nonce"

WINDOW_MS: Final = 300_000
"""How long a nonce is good at least; twice that at most."""

KEY_BYTES: Final = 32
_MAC_BYTES: Final = 16
_SCOPE: Final = b"jit-broker dpop nonce 1"


class DpopNonces:
    """Makes nonces and knows its own."""

    def __init__(
        self,
        clock: Clock,
        keys: Callable[[], Sequence[bytes]],
        *,
        window_ms: int = WINDOW_MS,
    ) -> None:
        """Fix what nonces are made of.

        Args:
            clock: this machine's clocks.
            keys: the keys, never none: the first makes nonces, each of them may have made one.
            window_ms: how long a nonce is good at least.
        """
        self._clock = clock
        self._keys = keys
        self._window_ms = window_ms

    @classmethod
    def of_key(
        cls, clock: Clock, key: bytes | None = None, *, window_ms: int = WINDOW_MS
    ) -> "DpopNonces":
        """Make them of one key; without one, of a random key of this process.

        Raises:
            ValueError: the key is shorter than 32 bytes.
        """
        if key is not None and len(key) < KEY_BYTES:
            raise ValueError(f"a key of nonces has at least {KEY_BYTES} random bytes")
        only = (key or secrets.token_bytes(KEY_BYTES),)
        return cls(clock, lambda: only, window_ms=window_ms)

    def newest(self) -> str:
        """Return the nonce that is to be used from now on."""
        return _nonce(self._keys()[0], self._window())

    def is_good(self, nonce: str) -> bool:
        """Tell whether a nonce was made in this window or the last, or by a clock just ahead."""
        here = self._window()
        given = nonce.encode("utf-8", "surrogatepass")
        found = [
            hmac.compare_digest(given, _nonce(key, here + step).encode())
            for key in self._keys()
            for step in (0, -1, 1)
        ]
        return any(found)

    def _window(self) -> int:
        return self._clock.now_ms() // self._window_ms


def _nonce(key: bytes, window: int) -> str:
    mac = hmac.digest(key, _SCOPE + window.to_bytes(8, "big", signed=True), hashlib.sha256)
    return base64url.encode(mac[:_MAC_BYTES])
