"""A value that cannot print itself.

Whatever must not reach a log, a traceback, JSON or a pickle is wrapped in :class:`Secret` where it
is made, and unwrapped by :meth:`Secret.reveal` in the one place that delivers it (I13).
"""

import hmac
from typing import Final, NoReturn

PLACEHOLDER: Final = "[secret]"


class Secret:
    """A string that shows itself as a placeholder in every automatic rendering."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value. Call it only where the value leaves to whom it belongs."""
        return self._value

    def matches(self, candidate: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self._value.encode(), candidate.encode())

    def __repr__(self) -> str:
        """Hide the value."""
        return PLACEHOLDER

    __str__ = __repr__

    def __format__(self, spec: str, /) -> str:
        """Hide the value, whatever the format."""
        return PLACEHOLDER

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied."""
        message = "a Secret cannot be serialised"
        raise TypeError(message)
