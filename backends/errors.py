"""What a backend may raise. The message never holds a secret, nor what the target said of one."""

from enum import StrEnum


class Trouble(StrEnum):
    """Why a target did not do what was asked: a closed set, for receipts, logs and metrics."""

    UNREACHABLE = "unreachable"
    """No connection, or it broke."""
    LATE = "late"
    """No answer before the deadline."""
    REFUSED = "refused"
    """It answered, and said no."""
    GARBLED = "garbled"
    """It answered what nobody understands."""
    THROTTLED = "throttled"
    """It answered that it is asked too often."""
    LOCKED_OUT = "locked-out"
    """It does not let the broker itself in: its login, token or clock."""
    OTHER_TARGET = "other-target"
    """It is not the target that was recorded."""
    SEALED = "sealed"
    """It is locked, and does nothing until somebody there opens it."""
    ABANDONED = "abandoned"
    """It tried to kill, and has given up: somebody there must see to it."""
    NOT_KEPT = "not-kept"
    """It took the order; what it shows since is not what was ordered."""
    BUSY = "busy"
    """The broker has as much under way there as it may."""
    UNKNOWN = "unknown"
    """Anything else."""


class BackendError(Exception):
    """Something went wrong at a target; what became of the order is unknown.

    After a mint: the credential is treated as minted, and revoked.
    """

    def __init__(self, trouble: Trouble, message: str = "") -> None:
        super().__init__(message or trouble.value)
        self.trouble = trouble


class NotMintedError(BackendError):
    """For certain: nothing was minted or prolonged, and will not be. In doubt, raise another."""


class OtherTargetError(BackendError):
    """Who answers is not the target that was recorded: what it does not know may live elsewhere."""

    def __init__(self, message: str = "") -> None:
        super().__init__(Trouble.OTHER_TARGET, message)


def require_recorded(found: str, recorded: str) -> None:
    """Go on only at the target that was recorded.

    Raises:
        OtherTargetError: this is another one.
    """
    if found != recorded:
        raise OtherTargetError(f"this is {found}, recorded is {recorded}")
