"""What the broker answers about approvals instead of what was asked for (RFC 9457)."""

from typing import ClassVar

from broker.client.api_errors import ApiError, QuotaError, SupersededError


class ApprovalChangedError(SupersededError):
    """What is to be agreed to has changed since it was looked at."""

    codes: ClassVar[tuple[str, ...]] = ("approval-stale",)
    remedy = "Look at it again, and answer what it says now."


class ApprovalOverError(ApiError):
    """What people agreed to has been used, or is over."""

    codes: ClassVar[tuple[str, ...]] = ("approval-over",)
    remedy = "Ask for the credential anew; people are asked once more."


class SlowDownError(QuotaError):
    """An approval was looked at too soon, and has to be left alone for longer from now on."""

    codes: ClassVar[tuple[str, ...]] = ("slow-down",)
    statuses: ClassVar[tuple[int, ...]] = ()
    remedy = "Wait problem.retry_after_seconds, or look with a wait."
    is_temporary = True
